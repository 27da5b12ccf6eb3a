-- Health of a SchedPatch. The operator is the judge: what its conditions say is shown in other words.
--
-- A patch whose target does not exist is Healthy. It is in force already, and has to be before the target is made, for
-- the target's first Pods to get it: in an earlier sync wave. Were it Progressing, that wave would wait for a later one.
-- So is one that no node meets: it is in force, and the nodes may come from a later wave, or from an autoscaler.

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

if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", (ready or stalled).message)
end
if ready == nil then
  return health("Progressing", "Waiting for the operator")
end
if ready.status == "True" or ready.reason == "TargetNotFound" or ready.reason == "NoEligibleNodes" then
  return health("Healthy", ready.message)
end
return health("Progressing", ready.message)
