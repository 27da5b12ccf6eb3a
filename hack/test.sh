#!/usr/bin/env bash
# test.sh STAGE... runs stages of the tests (unit, integration, e2e) one after another and prints one summary of them. Every stage
# runs, also when an earlier one failed. The exit status is 0 only if nothing failed and every stage ran something.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD

# The same settings as for our binaries, so that the tests find the packages of Kubernetes in the build cache.
export CGO_ENABLED=0 GOFLAGS="$(go env GOFLAGS) -trimpath"

# Ginkgo colours its output even where nobody sees the colours.
[[ -t 1 ]] || export GINKGO_NO_COLOR=TRUE

if [[ -n ${WINDLASS_TEST_RESULTS:-} ]]; then
  results=$WINDLASS_TEST_RESULTS
else
  results=$(mktemp -d)
  trap 'rm -rf "$results"' EXIT
fi

# An API server started by a test is what makes it an integration test; nobody has to remember to mark it.
integration_packages() {
  go list -test -f '{{$pkg := .ForTest}}{{range .Deps}}{{if eq . "sigs.k8s.io/controller-runtime/pkg/envtest"}}{{$pkg}}{{"\n"}}{{end}}{{end}}' ./... |
    sed '/^$/d' | sort -u
}

# What runs on a cluster belongs to the end-to-end tests, whatever else it imports. Packages without tests are left out, since go test
# would build them, and some of them are whole programs of Kubernetes.
packages_without_cluster() {
  go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | sed -E '\#/e2e/(suites(/|$)|gitops$|docs/console$)#d' | sort
}

# packages_of STAGE lists the packages of the module in the current directory that the stage tests. It fails if go list does: a module
# that cannot be read must not pass as one without tests.
packages_of() {
  local all integration
  all=$(packages_without_cluster) || return 1
  integration=$(integration_packages) || return 1
  case $1 in
    unit) comm -23 <(echo "$all") <(echo "$integration") ;;
    integration) comm -12 <(echo "$all") <(echo "$integration") ;;
  esac
}

# run_module STAGE MODULE PACKAGE... tests packages of one module.
run_module() {
  local stage=$1 module=$2
  shift 2
  if [[ $# -eq 0 ]]; then
    return 0
  fi
  local flags=("${test_flags[@]}")
  # The go command remembers what a test read below its own module, and these read the chart and the examples.
  [[ $module == e2e* ]] && flags+=(-count 1)
  (cd "$module" && "$root/bin/testsummary" run -results "$results" -stage "$stage" -name "$module" ${stream:+-stream} -- \
    go test -json ${flags[@]+"${flags[@]}"} "$@")
}

note() {
  bin/testsummary note -results "$results" -stage "$1" -name "$2" -message "$3"
}

# run_stage STAGE MODULE... tests what belongs to the stage in each of the modules.
run_stage() {
  local stage=$1 module packages
  shift
  for module in "$@"; do
    if ! packages=$(cd "$module" && packages_of "$stage"); then
      note "$stage" "$module" "the packages of $module could not be listed"
      continue
    fi
    # shellcheck disable=SC2086 # one argument for each package
    run_module "$stage" "$module" $packages
  done
}

unit() {
  local stream='' test_flags=()
  # A test that built it would run into the time limit of go test on a fresh machine.
  if ! hack/tool.sh promtool >/dev/null; then
    note unit promtool "promtool, which the alerts are tested with, could not be built"
    return
  fi
  run_stage unit . e2e bench cluster cli
}

integration() {
  local stream=yes test_flags=(-p 1 -timeout 30m) assets
  if ! make bin/cluster || ! assets=$(bin/cluster build --for envtest | tee >(cat >&2) | tail -n 1); then
    note integration assets "etcd and kube-apiserver could not be built"
    return
  fi
  if ! hack/deps.sh chromium fonts-dejavu-core; then
    note integration chromium "chromium, which the pages of the dashboard are looked at with, is not installed"
    return
  fi
  export KUBEBUILDER_ASSETS=$assets WINDLASS_REQUIRE_ENVTEST=1 WINDLASS_REQUIRE_CHROMIUM=1
  run_stage integration . e2e cli
}

# A script that dies midway leaves only what was green before it did: then its status has to count.
e2e() {
  local status=0
  WINDLASS_TEST_RESULTS=$results hack/e2e.sh || status=$?
  if [[ $status -ne 0 ]] && ! grep -qs '"failed":[1-9]' "$results"/e2e-*.json; then
    note e2e script "hack/e2e.sh ended with status $status before its tests were done"
  fi
}

for stage in "$@"; do
  case $stage in
    unit | integration | e2e) echo "=== $stage"; "$stage" ;;
    *) echo "test.sh: unknown stage \"$stage\"; known are unit, integration and e2e" >&2; exit 2 ;;
  esac
done
bin/testsummary print -results "$results" -stages "$(IFS=,; echo "$*")"
