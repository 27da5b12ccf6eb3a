#!/usr/bin/env bash
# e2e-lane.sh LANE runs one lane of the end-to-end tests on a cluster named "e2e-LANE", which it brings up and takes down again; the lane
# "suites" runs on the cluster that E2E_KUBECONFIG names instead, if it is set. hack/e2e.sh has built everything before it calls this.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
results=${WINDLASS_TEST_RESULTS:?run make test-e2e instead}
lane=${1:?usage: e2e-lane.sh suites|faults|gitops|docs|attack|draining}
cluster=e2e-$lane
child=
status=0

fail() {
  echo "$1" >&2
  bin/testsummary note -results "$results" -stage e2e -name "$lane" -message "$1"
  exit 1
}

take_down() {
  if [[ -n ${KEEP:-} ]]; then
    echo "The cluster stays up, since KEEP is set. Look around: eval \"\$(bin/cluster env --name $cluster)\""
    echo "Take it down: bin/cluster down --name $cluster"
    return
  fi
  bin/cluster down --name "$cluster"
}

# An interrupt reaches the tests first, so that they stop before their cluster does.
interrupted() {
  trap '' INT TERM
  if [[ -n $child ]]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  exit 130
}

bring_up() {
  # What an interrupted run left behind is not what the tests expect to find.
  bin/cluster down --name "$cluster" || fail "the leftovers of an earlier cluster could not be removed"
  trap take_down EXIT
  bin/cluster up --name "$cluster" --nodes "${NODES:-2}" --kwok "${KWOK:-0}" || fail "the cluster did not come up"
  local environment
  environment=$(bin/cluster env --name "$cluster") || fail "the cluster does not say how to reach it"
  eval "$environment"
  kubeconfig=$KUBECONFIG
  registry=$WINDLASS_REGISTRY
  audit_log=$WINDLASS_AUDIT_LOG
}

# in_background COMMAND... waits for it: the shell heeds an interrupt while it waits, but not while it runs a command.
in_background() {
  "$@" &
  child=$!
  wait "$child" || status=1
  child=
}

# go_test NAME ARGUMENT... runs go test in the module e2e.
go_test() {
  local name=$1
  shift
  cd e2e && exec ../bin/testsummary run -results "$results" -stage e2e -name "$name" -stream -- \
    go test -json -p 1 -count 1 -timeout 90m "$@"
}

# run NAME PACKAGE FLAG... runs the specs of one package on the cluster, naming each as it begins.
run() {
  local name=$1 package=$2
  shift 2
  # Ginkgo's own limit is an hour, and what it says of a spec that hangs is worth more than what go test does.
  in_background go_test "$name" "$package" -ginkgo.v -ginkgo.timeout 85m -kubeconfig "$kubeconfig" "$@"
}

# On machines that we install packages on there is a browser.
[[ -n ${E2E_KUBECONFIG:-} ]] || export WINDLASS_REQUIRE_CHROMIUM=1

# The same settings as for our binaries, so that the build cache is shared.
export CGO_ENABLED=0 GOFLAGS="$(go env GOFLAGS) -trimpath"

trap interrupted INT TERM
if [[ $lane == suites && -n ${E2E_KUBECONFIG:-} ]]; then
  kubeconfig=$(realpath "$E2E_KUBECONFIG")
  registry=${E2E_REGISTRY:-}
  audit_log=
else
  bring_up
fi
if [[ -n $registry ]]; then
  hack/image.sh --registry "$registry" || fail "the image could not be pushed to $registry"
fi

# shellcheck disable=SC2086 # IMAGE_FLAG is empty or two words
case $lane in
  suites)
    run suites ./suites/... -registry "$registry" -audit-log "$audit_log" -ginkgo.label-filter '!remediation && !pulls && !attack && !draining' \
      -schedpatch-pods "${SCHEDPATCH_PODS:-1000}" $IMAGE_FLAG
    # The suites leave the chart installed: the client meets our definitions with our webhooks in front of them.
    run wireclient ./wireclient/...
    ;;
  draining)
    run draining ./suites/... -registry "$registry" -ginkgo.label-filter draining $IMAGE_FLAG
    ;;
  attack)
    run attack ./suites/... -registry "$registry" -ginkgo.label-filter attack -attack-time "${ATTACK_TIME:-1m}" $IMAGE_FLAG
    ;;
  faults)
    # ct installs releases of its own, so it comes before the suites' one.
    in_background bin/testsummary check -results "$results" -stage e2e -name "ct install" -- \
      hack/ct.sh install --kubeconfig "$kubeconfig" --registry "$registry"
    # Nodes are made bad here, so nothing else runs beside it.
    run faults ./suites/... -registry "$registry" -cluster "$cluster" -ginkgo.label-filter 'remediation || pulls' $IMAGE_FLAG
    ;;
  gitops)
    run gitops ./gitops -registry "$registry" $IMAGE_FLAG
    # What users configure Argo CD with, read by its own program.
    ARGOCD_BINARY=$(hack/tool.sh argocd) in_background go_test argocd -run RealArgoCD ./contract
    ;;
  docs)
    run docs ./docs/console -registry "$registry" -cluster "$cluster" $IMAGE_FLAG
    ;;
  *) fail "unknown lane \"$lane\"; known are suites, faults, gitops, docs, attack and draining" ;;
esac
exit "$status"
