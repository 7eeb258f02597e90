local status = obj.status or {}
if status.phase == "Done" then return {status = "Healthy", message = status.message} end
if status.phase == "Refused" then return {status = "Degraded", message = status.message} end
return {status = "Progressing", message = "waiting for the operator"}
