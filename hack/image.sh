#!/usr/bin/env bash
# image.sh CLUSTER, or image.sh --registry HOST:PORT, assembles bin/operator and bin/webhook into the image $IMG and pushes it to the
# registry of one of our running clusters, or to the one named.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
image=${IMG:?run make image instead}
if [[ ${1:-} == --registry ]]; then
  registry=${2:?usage: image.sh CLUSTER | --registry HOST:PORT}
else
  eval "$(bin/cluster env --name "${1:?usage: image.sh CLUSTER | --registry HOST:PORT}")"
  registry=$WINDLASS_REGISTRY
fi
bin/cluster image --tag "$image" --registry "$registry" --user 65532:65532 bin/operator bin/webhook
