#!/usr/bin/env bash
# e2e.sh runs the end-to-end suites, on a cluster named "e2e" that it brings up and takes down again, or on the one that
# E2E_KUBECONFIG names. It writes its result where WINDLASS_TEST_RESULTS says; `make test-e2e` calls it.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
results=${WINDLASS_TEST_RESULTS:?run make test-e2e instead}
cluster=e2e
child=

fail() {
  echo "$1" >&2
  bin/testsummary note -results "$results" -stage e2e -name cluster -message "$1"
  exit 1
}

take_down() {
  if [[ -n ${E2E_KUBECONFIG:-} ]]; then
    return
  fi
  if [[ -n ${KEEP:-} ]]; then
    echo "The cluster stays up, since KEEP is set. Look around: eval \"\$(bin/cluster env --name $cluster)\""
    echo "Take it down: bin/cluster down --name $cluster"
    return
  fi
  bin/cluster down --name "$cluster"
}

# An interrupt reaches the tests first, so that they stop before their cluster does.
interrupted() {
  trap '' INT TERM
  if [[ -n $child ]]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  exit 130
}

bring_up() {
  make deps || fail "Debian packages are missing"
  mkdir -p bin
  exec 9>bin/.e2e.lock
  flock --nonblock 9 || fail "another make test-e2e is running in this checkout; wait for it or stop it"
  # What an interrupted run left behind is not what the suites expect to find.
  bin/cluster down --name "$cluster" || fail "the leftovers of an earlier cluster could not be removed"
  trap take_down EXIT
  trap interrupted INT TERM
  # The cluster goes on running if this script is killed, so it must not hold the lock: 9>&-.
  bin/cluster build --for cluster || fail "the cluster's binaries could not be built"
  bin/cluster up --name "$cluster" --nodes "${NODES:-2}" --kwok "${KWOK:-0}" 9>&- || fail "the cluster did not come up"
  local environment
  environment=$(bin/cluster env --name "$cluster") || fail "the cluster does not say how to reach it"
  eval "$environment"
  kubeconfig=$KUBECONFIG
  registry=$WINDLASS_REGISTRY
}

# Only the clusters named on purpose are used, never the one that happens to be in the environment.
unset KUBECONFIG
make bin/cluster || fail "bin/cluster could not be built"
if [[ -n ${E2E_KUBECONFIG:-} ]]; then
  kubeconfig=$(realpath "$E2E_KUBECONFIG")
  registry=${E2E_REGISTRY:-}
else
  bring_up
fi

make build || fail "the programs could not be built"
if [[ -n $registry ]]; then
  hack/image.sh --registry "$registry" || fail "the image could not be pushed to $registry"
fi

# run NAME PACKAGE FLAG... runs the specs of one package on the cluster, naming each as it begins. They run in the background: the shell
# heeds an interrupt while it waits, but not while it runs a command.
run() {
  local name=$1 package=$2
  shift 2
  (cd e2e && exec ../bin/testsummary run -results "$results" -stage e2e -name "$name" -stream -- \
    go test -json -p 1 -count 1 -timeout 90m "$package" -ginkgo.v -kubeconfig "$kubeconfig" "$@") &
  child=$!
  wait "$child" || status=1
  child=
}

# The same settings as for our binaries, so that the build cache is shared.
export CGO_ENABLED=0 GOFLAGS="$(go env GOFLAGS) -trimpath"

status=0
# shellcheck disable=SC2086 # IMAGE_FLAG is empty or two words
run suites ./suites/... -registry "$registry" -schedpatch-pods "${SCHEDPATCH_PODS:-1000}" $IMAGE_FLAG
# The suites leave the chart installed: the client meets our definitions with our webhooks in front of them.
run wireclient ./wireclient/...
exit $status
