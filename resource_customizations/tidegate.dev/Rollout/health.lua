-- Argo CD opens no library but the basic ones and `table`: no string, no math.
local people = {
  AwaitingApproval = true, BaselineChanged = true, GateJobFailed = true, LoweredByOther = true, Paused = true, PausedByCommand = true,
  CohortReverted = true, PausedBySpec = true, Rejected = true, StatusLost = true, StepGone = true, SteppedBack = true,
}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waiting for the operator"}
end
local ready, stalled
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then ready = condition end
  if condition.type == "Stalled" and condition.status == "True" then stalled = condition end
end
local condition = stalled or ready
if condition == nil then return {status = "Progressing", message = "waiting for the operator"} end
local message = condition.message
if message == nil or message == "" then message = status.message end
if message == nil or message == "" then message = condition.reason end
if stalled ~= nil then return {status = "Degraded", message = message} end
if ready.status == "True" then return {status = "Healthy", message = message} end
if people[ready.reason] then return {status = "Suspended", message = message} end
return {status = "Progressing", message = message}
