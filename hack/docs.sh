#!/usr/bin/env bash
# docs.sh packages names the Debian packages that the site of the documents needs. docs.sh build makes the site in bin/site, and fails for
# whatever mkdocs warns of.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
  packages) echo mkdocs mkdocs-material ;;
  # Python would leave the bytecode of the hook beside it.
  build) PYTHONDONTWRITEBYTECODE=1 mkdocs build --strict --quiet --site-dir bin/site ;;
  *) echo "usage: docs.sh packages|build" >&2; exit 2 ;;
esac
