#!/usr/bin/env bash
# generate.sh writes everything that is made from something else: from the API types deep copies, CRDs, the chart's templates of the CRDs,
# and pages of docs/reference; from the programs the pages of their flags; from the metrics that are registered the tables of
# docs/metrics.md; from the comments of its values the chart's README.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
controller_gen=$(hack/tool.sh controller-gen)
helm_docs=$(hack/tool.sh helm-docs)
crd_ref_docs=$(hack/tool.sh crd-ref-docs)
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT

"$controller_gen" object:headerFile=hack/boilerplate.go.txt paths=./api/...
"$controller_gen" crd paths=./api/... output:crd:dir="$raw"
go run ./hack/chartcrds -in "$raw"
go run ./hack/metricsdoc
"$helm_docs" --chart-search-root charts --sort-values-order file --log-level warning

# flags PROGRAM is the part of a page about the flags of one of the two programs.
flags() {
  printf '\n## %s\n\n```\n' "$1"
  env -i PATH="$PATH" HOME="$HOME" "$raw/$1" --help 2>&1 | sed '/^Usage of /d'
  printf '```\n'
}

programs() {
  cat <<'PAGE'
<!-- Made by hack/generate.sh from the programs themselves. Do not change it here. -->

# Flags of the programs

The chart sets them from its [values](../../charts/windlass/README.md#values); `operator.extraArgs` and `webhook.extraArgs` add others.
PAGE
  flags operator
  flags webhook
}

reference=docs/reference
"$crd_ref_docs" --log-level ERROR --source-path api --config hack/reference/crd-ref-docs.yaml --templates-dir hack/reference/templates \
  --renderer markdown --output-path "$raw/api.md"
cp "$raw/api.md" $reference/api.md
go run ./hack/reference api/v1beta1 >"$raw/keys.md"
cp "$raw/keys.md" $reference/keys.md
(cd cli && go run ./internal/reference) >"$raw/plugin.md"
cp "$raw/plugin.md" $reference/kubectl-windlass.md
go build -o "$raw/" ./operator ./webhook
programs >"$raw/programs.md"
cp "$raw/programs.md" $reference/programs.md
