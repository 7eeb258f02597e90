-- Creates a RolloutCommand: spec.paused and .status stay as Git and the operator wrote them.
local command = {
  apiVersion = obj.apiVersion,
  kind = "RolloutCommand",
  metadata = {
    generateName = obj.metadata.name .. "-retry-",
    namespace = obj.metadata.namespace,
    -- A child of the Rollout: shown below it, never out of sync, never pruned.
    ownerReferences = {
      {apiVersion = obj.apiVersion, kind = obj.kind, name = obj.metadata.name, uid = obj.metadata.uid},
    },
  },
  spec = {rollout = obj.metadata.name, action = "Retry", reason = "action of Argo CD"},
}
return {{operation = "create", resource = command}}
