# What the simulated kubelet does next with a Pod, as one word; every Stage for Pods asks this and acts on its own word.
# The order of the branches is the specification. See kwok.go for the annotations.
def bad: test("(^|[/:._-])bad([/:._-]|$)");
. as $pod
| (.metadata.annotations // {}) as $notes
| ((.spec.nodeName // "") | startswith("bad-")) as $onBadNode
# Why the container is to fail, or "".
| def failure: $notes["kwok.windlass.dev/fail-" + .name] // "";
  def pullFails: $onBadNode or (.image | bad) or (failure | contains("Image"));
  def crashes: failure | (. != "" and (contains("Image") | not));
  def fails: pullFails or crashes;
  def finalReason: failure | if . == "" then "ImagePullBackOff" else . end;
  def of($statuses): .name as $name | first(($statuses // [])[] | select(.name == $name)) // {};
  def conditionIs($type; $want):
    ([$pod.status.conditions[]? | select(.type == $type) | .status][0] // "") == (if $want then "True" else "False" end);
  ( [ (.spec.initContainers // [])[]
      | {spec: ., status: of($pod.status.initContainerStatuses), app: false, long: (.restartPolicy == "Always")} ]
  + [ .spec.containers[]
      | {spec: ., status: of($pod.status.containerStatuses), app: true, long: true} ]
  | map(.running = (.status.state.running != null)
      | .done = ((.long | not) and .status.state.terminated != null)
      | .fails = (.spec | fails)) ) as $all
# Application containers wait until every init container has started or ended.
| (any($all[]; (.app | not) and .fails and (.done | not) and ((.status.containerID // "") == ""))) as $blocked
| (all($all[]; .running or .done)) as $containersReady
| ($containersReady and all(($pod.spec.readinessGates // [])[]; conditionIs(.conditionType; true))) as $ready
| if .metadata.deletionTimestamp != null then "delete"
  elif .status.phase == "Succeeded" or .status.phase == "Failed" then "none"
  elif .status.containerStatuses == null then "create"
  elif any($all[]; .long and .running and (.status.image != .spec.image or (.spec | crashes))) then "kill"
  elif any($all[]; (.running or .done or .fails or (.app and $blocked)) | not) then "start"
  elif any($all[]; .fails and ((.running or .done or (.app and $blocked)) | not)
                   and .status.state.waiting.reason != (.spec | finalReason)) then "fail"
  elif (conditionIs("ContainersReady"; $containersReady) and conditionIs("Ready"; $ready)
        and (.status.observedGeneration // 0) == (.metadata.generation // 0)
        and all($all[]; (.running | not) or (.status.resources // {}) == (.spec.resources // {}))) | not then "settle"
  elif $containersReady and .spec.restartPolicy != "Always"
       and any((.metadata.ownerReferences // [])[]; .kind == "Job") then "complete"
  else "none"
  end
