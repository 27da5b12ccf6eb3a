-- Health of an Advanced StatefulSet. The operator is the judge: what its conditions say is shown in other words. A status
-- without the condition Ready was written by another operator; that is judged by its counters.

local function health(status, message)
  return { status = status, message = message }
end

local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to see the latest change")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, stalled = conditions["Ready"], conditions["Stalled"]
local rolling = ((obj.spec or {}).updateStrategy or {}).rollingUpdate or {}

if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", (ready or stalled).message)
end
if ready ~= nil then
  if ready.status ~= "True" then
    return health("Progressing", ready.message)
  end
  if rolling.paused == true or ready.reason == "PartitionReached" then
    return health("Suspended", ready.message)
  end
  return health("Healthy", ready.message)
end

local replicas, partition = (obj.spec or {}).replicas or 1, rolling.partition or 0
if rolling.paused == true then
  return health("Suspended", "The update is paused")
end
if (status.replicas or 0) == replicas and (status.updatedAvailableReplicas or 0) >= replicas then
  return health("Healthy", "All Pods are updated and available")
end
if partition > 0 and obj.metadata.generation > 1
    and (status.updatedReplicas or 0) >= replicas - partition and (status.availableReplicas or 0) >= replicas then
  return health("Suspended", "All Pods that the partition lets through are updated")
end
return health("Progressing", "Waiting for Pods to be updated and available")
