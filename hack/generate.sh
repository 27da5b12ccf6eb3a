#!/usr/bin/env bash
# generate.sh writes everything that is made from something else: from the API types deep copies, CRDs, and the chart's templates of the
# CRDs; from the comments of its values the chart's README.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
controller_gen=$(hack/tool.sh controller-gen)
helm_docs=$(hack/tool.sh helm-docs)
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT

"$controller_gen" object:headerFile=hack/boilerplate.go.txt paths=./api/...
"$controller_gen" crd paths=./api/... output:crd:dir="$raw"
go run ./hack/chartcrds -in "$raw"
"$helm_docs" --chart-search-root charts --sort-values-order file --log-level warning
