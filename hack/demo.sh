#!/usr/bin/env bash
# demo.sh brings up a cluster named "demo", puts the image into its registry and runs the demonstration in e2e/demo. The cluster stays
# up for looking around; `make demo-down` takes it away.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cluster=demo
# Only the cluster brought up here is used, never the one that happens to be in the environment.
unset KUBECONFIG

bin/cluster build --for cluster
bin/cluster up --name "$cluster" --nodes "${NODES:-2}" --kwok "${KWOK:-0}"
environment=$(bin/cluster env --name "$cluster")
eval "$environment"
hack/image.sh --registry "$WINDLASS_REGISTRY"

# Built and then run, so that an interrupt reaches the demonstration itself.
(cd e2e && CGO_ENABLED=0 go build -trimpath -o ../bin/demo ./demo)
# shellcheck disable=SC2086 # IMAGE_FLAG is empty or two words
exec bin/demo -kubeconfig "$KUBECONFIG" -registry "$WINDLASS_REGISTRY" -cluster "$cluster" $IMAGE_FLAG
