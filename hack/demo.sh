#!/usr/bin/env bash
# demo.sh up brings up a cluster named "demo", afresh, pushes the image to its registry and runs the demo on it. The cluster stays, for
# looking around. demo.sh down takes it down and proves that nothing of it is left. `make demo` and `make demo-down` call it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cluster=demo
# What was on the machine before the cluster.
before=bin/.demo-before

up() {
  bin/cluster build --for cluster
  # An earlier demo, or what is left of an interrupted one, is not what a demo starts from.
  bin/cluster down --name "$cluster"
  hack/prove-clean.sh snapshot "$before" "$cluster"
  bin/cluster up --name "$cluster" --nodes 2
  echo "building the operator, the webhook and their image"
  make build
  local environment
  environment=$(bin/cluster env --name "$cluster")
  eval "$environment"
  hack/image.sh --registry "$WINDLASS_REGISTRY"
  echo "building the demo and the plug-in that it shows"
  make bin/kubectl-windlass
  (cd e2e && CGO_ENABLED=0 go build -trimpath -o ../bin/demo ./demo)
  # shellcheck disable=SC2086 # IMAGE_FLAG is empty or two words
  bin/demo -kubeconfig "$KUBECONFIG" -registry "$WINDLASS_REGISTRY" -cluster "$cluster" -chart charts/windlass $IMAGE_FLAG
}

down() {
  bin/cluster down --name "$cluster"
  if [[ -e $before ]]; then
    hack/prove-clean.sh compare "$before" "$cluster"
    rm "$before"
  fi
}

# Only the demo's own cluster is used, never the one that happens to be in the environment.
unset KUBECONFIG
case ${1:-} in
  up | down) "$1" ;;
  *) echo "usage: demo.sh up|down" >&2; exit 2 ;;
esac
