-- Health of a SidecarSet. The operator is the judge: what its conditions say is shown in other words. Pods that keep an
-- earlier sidecar, or that have none, make no rollout fail, but the message tells of them.

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
if ready.status ~= "True" then
  return health("Progressing", ready.message)
end

local message = ready.message
local injected, limited = conditions["Injected"], conditions["UpdateLimited"]
if injected ~= nil and injected.status == "False" then
  message = message .. " " .. injected.message
end
if limited ~= nil and limited.status == "True" then
  message = message .. " " .. limited.message
end

local strategy = (obj.spec or {}).updateStrategy or {}
local rests = ready.reason == "PartitionReached" or ready.reason == "MaxUnavailableZero"
if strategy.paused == true or rests then
  return health("Suspended", message)
end
return health("Healthy", message)
