"""The decorators: which kinds are watched, and what takes their events in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import kopf

from tidegate.adapters.kubernetes.client import COMMANDS, DEPLOYMENTS, ROLLOUTS, SERVICES, Resource
from tidegate.adapters.routers.gateway_api import ROUTE_KINDS
from tidegate.handlers.intake import Intake, Take

WATCHED: Final = (ROLLOUTS, COMMANDS, DEPLOYMENTS, SERVICES, *ROUTE_KINDS)
"""Every kind there is a watch stream for."""


def registry_for(intake: Intake, watched: Collection[Resource]) -> kopf.OperatorRegistry:
    """A Kopf registry that hands the events of these kinds to the intake."""
    registry = kopf.OperatorRegistry()
    takes = _takes(intake)
    for resource in watched:
        _register(registry, resource, takes[resource])
    return registry


def _takes(intake: Intake) -> Mapping[Resource, Take]:
    return {
        ROLLOUTS: intake.rollout,
        COMMANDS: intake.command,
        DEPLOYMENTS: intake.deployment,
        SERVICES: intake.service,
        **{resource: intake.route(resource.kind) for resource in ROUTE_KINDS},
    }


def _register(registry: kopf.OperatorRegistry, resource: Resource, take: Take) -> None:
    @kopf.on.event(
        group=resource.group,
        version=resource.version,
        plural=resource.plural,
        id=f"take-{resource.plural}",
        registry=registry,
    )
    async def taken(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401  (Kopf's signature)
        take(event["type"], event["object"])
