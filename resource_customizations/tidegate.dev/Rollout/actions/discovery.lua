-- An action is enabled where the operator carries its RolloutCommand out.
local status = obj.status or {}
local run = status.run
local ending = run ~= nil and run.ending ~= nil
local paused = run ~= nil and run.paused ~= nil
local sentBack = run ~= nil and run.promotion ~= nil and run.promotion.stage == "SentBack"

local actions = {}
actions["abort"] = {
  disabled = run == nil or (ending and run.ending.forced == true),
  displayName = "Abort",
  iconClass = "fa fa-fw fa-undo",
}
actions["pause"] = {
  disabled = run == nil or ending or paused,
  displayName = "Pause",
  iconClass = "fa fa-fw fa-pause-circle",
}
actions["resume"] = {
  disabled = ending or not (paused or sentBack),
  displayName = "Resume",
  iconClass = "fa fa-fw fa-play-circle",
}
actions["retry"] = {
  disabled = run ~= nil or status.rejected == nil,
  displayName = "Retry",
  iconClass = "fa fa-fw fa-redo",
}
return actions
