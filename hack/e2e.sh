#!/usr/bin/env bash
# e2e.sh runs the end-to-end tests. They mostly wait, so they go in lanes side by side, each on a cluster of its own:
#
#   suites   what the product promises, and OpenKruise's client
#   faults   chart-testing, then auto remediation and slow pulls, on nodes that are made bad
#   gitops   Flux and Argo CD
#   docs     the commands and manifests of README.md and docs/
#   attack   the webhook's port attacked for minutes; only where it is asked for, by make attack
#   draining what a rollout of a proxy costs clients of each kind; only where it is asked for, by make bench-draining
#
# With E2E_KUBECONFIG only the suites run, on the cluster that it names. Results are written where WINDLASS_TEST_RESULTS says;
# `make test-e2e` calls it.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
results=${WINDLASS_TEST_RESULTS:?run make test-e2e instead}
read -ra lanes <<<"${LANES:-suites faults gitops docs}"
declare -A running=()

fail() {
  echo "$1" >&2
  bin/testsummary note -results "$results" -stage e2e -name build -message "$1"
  exit 1
}

has_lane() {
  [[ " ${lanes[*]} " == *" $1 "* ]]
}

# Everything is built before the first test: a compiler at work beside them would make them wait.
build() {
  make build || fail "the programs could not be built"
  if [[ -z ${E2E_KUBECONFIG:-} ]]; then
    make deps || fail "Debian packages are missing"
    bin/cluster build --for cluster || fail "the cluster's binaries could not be built"
  fi
  if has_lane faults; then
    hack/tool.sh ct >/dev/null || fail "ct could not be built"
  fi
  local tool tools=()
  if has_lane suites; then
    tools+=(helm prometheus)
  fi
  if has_lane docs; then
    make bin/kubectl-windlass || fail "the plug-in could not be built"
  fi
  if has_lane gitops; then
    tools+=(helm kustomize source-controller kustomize-controller helm-controller argocd)
  fi
  for tool in ${tools[@]+"${tools[@]}"}; do
    hack/tool.sh "$tool" >/dev/null || fail "$tool could not be built"
  done
  # What the lanes build again from this is only linked.
  (cd e2e && go test -c -o /dev/null ./suites ./wireclient ./gitops ./contract ./docs/console && go build -o /dev/null ./neighbours && go build -o /dev/null ./attack) || fail "the tests could not be built"
}

# Each lane takes its own cluster down.
interrupted() {
  trap '' INT TERM
  kill -TERM "${running[@]}" 2>/dev/null
  wait
  exit 130
}

# The first lane is shown while it runs, the others when they are done.
start() {
  local lane=$1
  if [[ $lane == "${lanes[0]}" ]]; then
    hack/e2e-lane.sh "$lane" 9>&- &
  else
    hack/e2e-lane.sh "$lane" >"bin/.e2e-$lane.log" 2>&1 9>&- &
  fi
  running[$lane]=$!
}

finish() {
  local lane=$1
  wait "${running[$lane]}" || status=1
  unset "running[$lane]"
  if [[ $lane != "${lanes[0]}" ]]; then
    echo "=== e2e: $lane"
    cat "bin/.e2e-$lane.log"
  fi
}

# The same settings as for our binaries, so that the build cache is shared.
export CGO_ENABLED=0 GOFLAGS="$(go env GOFLAGS) -trimpath"

# Only the clusters named on purpose are used, never the one that happens to be in the environment.
unset KUBECONFIG
if [[ -n ${E2E_KUBECONFIG:-} ]]; then
  lanes=(suites)
fi
mkdir -p bin
make bin/cluster || fail "bin/cluster could not be built"
exec 9>bin/.e2e.lock
flock --nonblock 9 || fail "another make test-e2e is running in this checkout; wait for it or stop it"
build

status=0
trap interrupted INT TERM
echo "=== e2e: ${lanes[*]}, side by side; the log of a lane that is not shown yet is bin/.e2e-LANE.log"
for lane in "${lanes[@]}"; do
  start "$lane"
done
for lane in "${lanes[@]}"; do
  finish "$lane"
done
exit $status
