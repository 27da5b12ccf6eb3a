#!/usr/bin/env bash
# each-module.sh COMMAND... runs a command in the directory of each Go module of the project, and fails if one of them failed.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
status=0
for module in . e2e bench cluster cli; do
  (cd "$module" && "$@") || status=1
done
exit $status
