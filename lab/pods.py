"""What the lab's node reads from a pod and writes to its status: pure, no I/O."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.api import Object

SAMPLE = "tidegate.dev/sample"
OPERATOR = "tidegate.dev/tidegate"
PORT = 8080
_GRACE_SECONDS = 30.0  # Kubernetes' default


def image(pod: Object) -> str:
    """The first container's."""
    return str(pod["spec"]["containers"][0].get("image", ""))


def environment(pod: Object) -> dict[str, str]:
    """The first container's literal `env`, with VERSION from the image's tag where it is not set."""
    own = {entry["name"]: entry.get("value", "") for entry in pod["spec"]["containers"][0].get("env", [])}
    return {"VERSION": image(pod).rpartition(":")[2], "POD": pod["metadata"]["name"], **own}


def command(pod: Object) -> list[str]:
    """What the first container runs; empty when its image says that."""
    container = pod["spec"]["containers"][0]
    return [*container.get("command", ()), *(container.get("args", ()) if container.get("command") else ())]


def exit_code(pod: Object) -> int:
    """How a pod without a command ends: the env EXIT_CODE, by default 0."""
    return int(environment(pod).get("EXIT_CODE", "0"))


def grace(pod: Object) -> float:
    """Seconds that its process has from the deletion of the pod until SIGKILL."""
    return float(pod["spec"].get("terminationGracePeriodSeconds", _GRACE_SECONDS))


def owner(pod: Object, kind: str) -> str:
    """The name of the controlling owner of that kind; empty when there is none."""
    references = pod["metadata"].get("ownerReferences", [])
    return next((str(r["name"]) for r in references if r["kind"] == kind and r.get("controller")), "")


def deployment(pod: Object) -> str:
    """A ReplicaSet of a Deployment is named after it and the hash that it puts on its pods."""
    digest = pod["metadata"].get("labels", {}).get("pod-template-hash")
    return owner(pod, "ReplicaSet").removesuffix(f"-{digest}") if digest else ""


def is_ready(pod: Object) -> bool:
    """Whether traffic may be sent to it: Ready, and not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def running(pod: Object, address: str, *, ready: bool, restarts: int = 0) -> Object:
    """The status of a pod whose process runs at `address`, Ready when it answers."""
    now = _now()
    truth = "True" if ready else "False"
    conditions = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": truth, "Ready": truth}
    state = {"running": {"startedAt": now}}
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod.get("status", {}).get("startTime", now),
        "conditions": [_condition(pod, kind, status, now) for kind, status in conditions.items()],
        "containerStatuses": [_container(c, state, ready=ready, restarts=restarts) for c in pod["spec"]["containers"]],
    }


def ended(pod: Object, code: int) -> Object:
    """The status of a Job's pod that has run, with its exit code."""
    state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": _now()}}
    return {
        "phase": "Failed" if code else "Succeeded",
        "startTime": _now(),
        "containerStatuses": [_container(c, state, ready=False, restarts=0) for c in pod["spec"]["containers"]],
    }


def target(pod: Object, address: str) -> Object:
    """A Prometheus file_sd entry."""
    labels = {
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "deployment": deployment(pod),
        "app": pod["metadata"].get("labels", {}).get("app", ""),
    }
    return {"targets": [f"{address}:{PORT}"], "labels": {name: value for name, value in labels.items() if value}}


def _condition(pod: Object, kind: str, status: str, now: str) -> Object:
    """Keeps the time of the last change, from which `minReadySeconds` counts."""
    before = next((c for c in pod.get("status", {}).get("conditions", []) if c["type"] == kind), None)
    since = before.get("lastTransitionTime", now) if before and before["status"] == status else now
    return {"type": kind, "status": status, "lastTransitionTime": since}


def _container(container: Object, state: Object, *, ready: bool, restarts: int) -> Object:
    name, of = container["name"], container.get("image", "")
    return {
        "name": name,
        "image": of,
        "imageID": of,
        "ready": ready,
        "started": "running" in state,
        "restartCount": restarts,
        "state": state,
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
