-- Creates a RolloutCommand: spec.paused and .status stay as Git and the operator wrote them.
local command = {
  apiVersion = obj.apiVersion,
  kind = "RolloutCommand",
  metadata = {
    generateName = obj.metadata.name .. "-resume-",
    namespace = obj.metadata.namespace,
    -- A child of the Rollout: shown below it, never out of sync, never pruned.
    ownerReferences = {
      {apiVersion = obj.apiVersion, kind = obj.kind, name = obj.metadata.name, uid = obj.metadata.uid},
    },
  },
  spec = {rollout = obj.metadata.name, action = "Resume", reason = "action of Argo CD"},
}
if obj.status ~= nil and obj.status.run ~= nil then
  -- A command for a run that has ended meanwhile is refused.
  command.spec.run = obj.status.run.id
end
return {{operation = "create", resource = command}}
