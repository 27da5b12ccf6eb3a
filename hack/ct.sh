#!/usr/bin/env bash
# ct.sh runs chart-testing (ct) as ct.yaml says.
#
#   ct.sh lint           lints every chart with each file of its ci/
#   ct.sh lint-version   a chart that differs from its last release has a greater version
#   ct.sh install --kubeconfig FILE [--registry HOST:PORT]
#                        on a running cluster, for each file of ci/: installs the chart, upgrades it to itself, runs `helm test`. Before
#                        that, the last release is upgraded to this chart. The image $IMG is pushed to the registry, if one is named
#
# ct compares with a branch of git. A checkout under test may have no history, or one without a release in it. So the two sides are
# committed to a repository made for it: what was released comes from e2e/testdata/charts.
set -euo pipefail

usage="usage: ct.sh lint | lint-version | install --kubeconfig FILE [--registry HOST:PORT]"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
child=
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "ct.sh: $1" >&2
  exit 1
}

# git_alone COMMAND... is git without anybody's settings: neither a signing key nor a hook of theirs has a say here.
git_alone() {
  GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=ct GIT_AUTHOR_EMAIL=ct@localhost \
    GIT_COMMITTER_NAME=ct GIT_COMMITTER_EMAIL=ct@localhost git -C "$scratch/history" "$@"
}

# find_release sets released to the archive of the last release.
find_release() {
  local archives=("$root"/e2e/testdata/charts/windlass-*.tgz)
  if [[ ${#archives[@]} -ne 1 || ! -f ${archives[0]} ]]; then
    fail "e2e/testdata/charts must hold exactly one archive windlass-VERSION.tgz, that of the last release; its README.md says how to make it"
  fi
  released=${archives[0]}
}

# commit_charts BRANCH commits what lies in the work tree to a new branch.
commit_charts() {
  git_alone checkout --quiet -b "$1"
  git_alone add --all
  git_alone commit --quiet --allow-empty --message "$1"
}

# make_history makes the repository: main has the last release, the branch present what is in this checkout.
make_history() {
  local charts=$scratch/history/charts
  # Called from a git hook, these name the checkout's repository.
  # shellcheck disable=SC2046 # one name for each word
  unset $(git rev-parse --local-env-vars)
  mkdir -p "$charts"
  git_alone init --quiet --initial-branch empty

  find_release
  tar -xzf "$released" -C "$charts"
  mkdir -p "$charts/windlass/ci"
  cp "$root/charts/windlass/ci/default-values.yaml" "$charts/windlass/ci/"
  "$@"
  commit_charts main

  rm -r "$charts"
  cp -R "$root/charts" "$root/ct.yaml" "$scratch/history/"
  commit_charts present
}

version_of() {
  sed -n 's/^version: *//p' "$1/charts/windlass/Chart.yaml"
}

# within_semver makes the old version one that SemVer does not let the new one break: ct would leave out the upgrade from 0.1 to 0.2,
# but a chart of ours has to survive that, too.
within_semver() {
  local old
  old=$(version_of "$scratch/history")
  sed -i "s/^version: .*/version: $(version_of "$root")-from.$old/" "$scratch/history/charts/windlass/Chart.yaml"
}

# use_tools puts the tools that ct calls on the path, and keeps Helm away from the settings of whoever runs this.
use_tools() {
  local tool
  mkdir "$scratch/bin"
  for tool in ct helm; do
    ln -s "$("$root/hack/tool.sh" "$tool")" "$scratch/bin/$tool"
  done
  export PATH=$scratch/bin:$PATH
  export HELM_CACHE_HOME=$scratch/helm HELM_CONFIG_HOME=$scratch/helm HELM_DATA_HOME=$scratch/helm
}

lint() {
  use_tools
  cd "$root"
  ct lint --all
}

lint_version() {
  use_tools
  make_history
  cd "$scratch/history"
  echo "comparing with the last release, ${released#"$root/"}"
  ct lint
}

# An interrupt reaches ct first.
interrupted() {
  trap '' INT TERM
  if [[ -n $child ]]; then
    kill -TERM "$child" 2>/dev/null || true
    wait "$child" || true
  fi
  exit 130
}

# install_charts runs ct in the background, since the shell heeds an interrupt while it waits, but not while it runs a command. The
# headlines of its log are shown as they come.
install_charts() {
  local log=$1 status=0
  trap interrupted INT TERM
  cd "$root/e2e"
  neighbours -kubeconfig "$KUBECONFIG" -- env --chdir "$scratch/history" ct install --all --upgrade >"$log" 2>&1 &
  child=$!
  tail --pid "$child" --lines +1 --follow "$log" 2>/dev/null | grep --line-buffered -E "$headlines" &
  wait "$child" || status=$?
  child=
  wait
  return "$status"
}

headlines='^(neighbours|Testing upgrades|Installing chart .*with|Upgrade testing|Skipping|Deleting release|Phase: +Failed|Error| ✔| ✖)'

install() {
  local kubeconfig='' registry='' log=$scratch/ct.log
  while [[ $# -gt 0 ]]; do
    case $1 in
      --kubeconfig) kubeconfig=${2:?$usage} ;;
      --registry) registry=${2:?$usage} ;;
      *) echo "$usage" >&2; exit 2 ;;
    esac
    shift 2
  done
  KUBECONFIG=$(realpath "${kubeconfig:?$usage}")
  export KUBECONFIG
  if [[ -n $registry ]]; then
    "$root/hack/image.sh" --registry "$registry"
  fi
  use_tools
  ln -s "$("$root/bin/cluster" bin-dir)/kubectl" "$scratch/bin/kubectl"
  (cd "$root/e2e" && go build -trimpath -o "$scratch/bin/neighbours" ./neighbours)
  make_history within_semver

  touch "$log"
  if ! install_charts "$log"; then
    cat "$log"
    fail "ct install failed; its whole log is above"
  fi
  # ct passes over an old chart that cannot be installed.
  if grep -E '^(Upgrade testing .* skipped|Skipping upgrade test)' "$log" || ! grep -q '^Testing upgrades .*-from\.' "$log"; then
    cat "$log"
    fail "ct did not try the upgrade from ${released#"$root/"}; its whole log above says why"
  fi
}

case ${1:-} in
  lint) lint ;;
  lint-version) lint_version ;;
  install) shift; install "$@" ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
