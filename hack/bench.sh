#!/usr/bin/env bash
# bench.sh measures what `make bench` prints, on a cluster named "bench" that it brings up and takes down again. The table goes to
# standard output, all else to standard error. ROWS, ROUNDS, SCALE, JSON, PROFILES and KEEP are described in the Makefile; NODES are the
# cluster's real nodes, on which the programs run.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
cluster=${BENCH_CLUSTER:-bench}
child=
status=0

fail() {
  echo "bench: $1" >&2
  exit 1
}

take_down() {
  if [[ -n ${KEEP:-} ]]; then
    echo "The cluster stays up, since KEEP is set. Measure again: eval \"\$(bin/cluster env --name $cluster)\"; bin/bench -h" >&2
    echo "Take it down: bin/cluster down --name $cluster" >&2
    return
  fi
  bin/cluster down --name "$cluster" >&2
}

# An interrupt reaches the benchmark first, so that it shows what it has before its cluster goes.
interrupted() {
  trap '' INT TERM
  if [[ -n $child ]]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  exit 130
}

# Everything is built before the first measurement: a compiler at work beside it would be foreign load.
build() {
  make build bin/cluster bin/bench || fail "the programs could not be built"
  bin/cluster build --for cluster || fail "the cluster's binaries could not be built"
}

# The same settings as for our binaries, so that the build cache is shared.
export CGO_ENABLED=0 GOFLAGS="$(go env GOFLAGS) -trimpath"

# Only the cluster that is made here is used, never the one that happens to be in the environment.
unset KUBECONFIG
trap interrupted INT TERM
build >&2
bin/cluster down --name "$cluster" >&2 || fail "the leftovers of an earlier cluster could not be removed"
trap take_down EXIT
bin/cluster up --name "$cluster" --nodes "${NODES:-2}" >&2 || fail "the cluster did not come up"
environment=$(bin/cluster env --name "$cluster") || fail "the cluster does not say how to reach it"
eval "$environment"
IMG=${IMG:?run make bench instead} hack/image.sh --registry "$WINDLASS_REGISTRY" >&2 ||
  fail "the image could not be pushed to $WINDLASS_REGISTRY"

# shellcheck disable=SC2086 # IMAGE_FLAG is empty or two words
bin/bench -kubeconfig "$KUBECONFIG" -registry "$WINDLASS_REGISTRY" -audit-log "$WINDLASS_AUDIT_LOG" -box-pid "$WINDLASS_BOX_PID" \
  ${ROWS:+-rows "$ROWS"} ${ROUNDS:+-rounds "$ROUNDS"} ${SCALE:+-scale "$SCALE"} ${JSON:+-json "$JSON"} \
  ${PROFILES:+-profiles "$PROFILES"} ${IMAGE_FLAG:-} &
child=$!
wait "$child" || status=$?
child=
exit "$status"
