#!/usr/bin/env bash
# deps.sh PACKAGE... sees to it that these Debian packages are installed. As root it installs what is missing; otherwise it names all
# of it in one message and fails. On systems without dpkg it only says what is needed and goes on.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
  echo "This is not Debian; what corresponds to these packages has to be installed: $*" >&2
  exit 0
fi

missing=()
for package in "$@"; do
  # A removed package is still known to dpkg; only the status "installed" counts.
  if [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
    missing+=("$package")
  fi
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

if [[ $EUID -ne 0 ]]; then
  echo "These Debian packages are missing. Install them with:" >&2
  echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "installing Debian packages: ${missing[*]}"
apt-get update -qq </dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" </dev/null
