#!/usr/bin/env bash
# generate.sh writes everything that is made from the API types: deep copies, CRDs, and the chart's templates of the CRDs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
controller_gen=$(hack/tool.sh controller-gen)
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT

"$controller_gen" object paths=./api/...
"$controller_gen" crd paths=./api/... output:crd:dir="$raw"
go run ./hack/chartcrds -in "$raw"
