#!/usr/bin/env bash
# verify.sh runs every check that needs no test. Generators and formatters may write; everything after them only reads. All checks
# run, also when an earlier one failed, and a summary names those that did.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# The same settings as for our binaries, so that the linter finds the packages of Kubernetes in the build cache.
export CGO_ENABLED=0 GOFLAGS="$(go env GOFLAGS) -trimpath"

if [[ -n ${WINDLASS_TEST_RESULTS:-} ]]; then
  results=$WINDLASS_TEST_RESULTS
else
  results=$(mktemp -d)
  trap 'rm -rf "$results"' EXIT
fi

check() {
  local name=$1
  shift
  bin/testsummary check -results "$results" -stage verify -name "$name" -- "$@"
}

# fresh_after COMMAND... fails and names the generated files that the command changes. They are compared with what they were before
# it, not with the last commit, so that work that is not committed yet can be verified.
fresh_after() {
  local before after status=0
  before=$(generated_files)
  "$@" || return 1
  after=$(generated_files)
  diff <(echo "$before") <(echo "$after") >/dev/null || status=1
  if [[ $status -ne 0 ]]; then
    echo "These generated files were not fresh. They are now; commit them:"
    diff <(echo "$before") <(echo "$after") | awk '/^[<>]/ { print "  " $3 }' | sort -u
  fi
  return $status
}

generated_files() {
  find api charts/windlass docs -type f \( -name 'zz_generated*' -o -path '*/crds/*' -o -path charts/windlass/README.md -o -path 'docs/reference/*' -o -path docs/metrics.md \) -print0 |
    sort -z | xargs -0 sha256sum
}

tidy() {
  (cd "$1" && go mod tidy -diff)
}

lint() {
  # A module that another run is linting right now is waited for instead of being refused.
  (cd "$1" && "$golangci_lint" run --allow-parallel-runners --config "$2/.golangci.yml" ./...)
}

# checks run in a shell of their own, under the functions above.
export -f fresh_after generated_files tidy lint

golangci_lint=$(hack/tool.sh golangci-lint) || exit 1
export golangci_lint

check "yamllint is installed" hack/deps.sh yamllint
check "generated files are fresh" bash -c 'fresh_after hack/generate.sh'
check "Go code is formatted" hack/each-module.sh "$golangci_lint" fmt --diff --config "$PWD/.golangci.yml"
for module in . e2e bench cluster cli tools tools/argocd tools/crd-ref-docs tools/flux tools/golangci-lint tools/prometheus; do
  check "go.mod is tidy: $module" bash -c 'tidy "$1"' tidy "$module"
done
for module in . e2e bench cluster cli; do
  check "golangci-lint: $module" bash -c 'lint "$1" "$2"' lint "$module" "$PWD"
done
check "mkdocs is installed" hack/deps.sh $(hack/docs.sh packages)
check "the site of the documents builds" hack/docs.sh build
check "ct lint: all charts" hack/ct.sh lint
check "ct lint: version greater than the last release's" hack/ct.sh lint-version
check "yamllint" yamllint --strict --config-file charts/lintconf.yaml charts/lintconf.yaml ct.yaml

bin/testsummary print -results "$results" -stages verify
