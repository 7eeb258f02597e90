"""How many pods a Deployment asks for, and who else decides that: an HPA, or KEDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import AUTOSCALERS, DEPLOYMENTS, SCALED_OBJECTS, Resource
from tidegate.core.model.world import ABSENT, Arm, Lookup, Unknown, Unseen
from tidegate.ports.errors import PortError, Rejected
from tidegate.ports.protocols import Manager

KINDS: Final = (AUTOSCALERS, SCALED_OBJECTS)


async def scale(api: Api, namespace: str, read: Arm, replicas: int, manager: Manager) -> JsonObject:
    """Sets the pods asked for; returns the Deployment as stored. Raises: as the port says."""
    operations: list[JsonObject] = [
        {"op": "test", "path": "/metadata/uid", "value": read.uid},
        # By the generation: a write that lands late must not undo what was written after it.
        {"op": "test", "path": "/metadata/generation", "value": read.generation},
        {"op": "test", "path": "/spec/replicas", "value": read.replicas},
        {"op": "replace", "path": "/spec/replicas", "value": replicas},
    ]
    return await api.patch(DEPLOYMENTS, namespace, read.deployment, operations, manager=manager)


async def autoscaler(api: Api, namespace: str, deployment: str) -> Lookup[str]:
    """The first that scales the Deployment, as `Kind name`."""
    try:
        for kind in KINDS:
            if kind is SCALED_OBJECTS and not await api.serves(kind):
                continue
            async for page in api.pages(kind, namespace):
                for one in page:
                    if scales(kind, one, deployment):
                        return f"{kind.kind} {one['metadata']['name']}"
    except Rejected as error:
        return Unknown(str(error), Unseen.NOT_ALLOWED)
    except PortError as error:
        return Unknown(str(error))
    return ABSENT


def scales(kind: Resource, raw: Mapping[str, Any], deployment: str) -> bool:
    """Whether an object of that kind is about the Deployment; KEDA means a Deployment of apps where it says nothing."""
    target = (raw.get("spec") or {}).get("scaleTargetRef") or {}
    silent = ("Deployment", "apps/v1") if kind is SCALED_OBJECTS else ("", "")
    group = str(target.get("apiVersion") or silent[1]).partition("/")[0]
    return (target.get("kind") or silent[0], group, target.get("name")) == ("Deployment", DEPLOYMENTS.group, deployment)
