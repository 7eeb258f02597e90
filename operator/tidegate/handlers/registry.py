"""The decorators: which kinds are watched, and what takes their events in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kopf

from tidegate.adapters.kubernetes.metric_templates import TEMPLATE_KINDS
from tidegate.adapters.kubernetes.resources import COMMANDS, DEPLOYMENTS, ROLLOUTS, SERVICES, Resource
from tidegate.handlers.intake import Intake, Take


def takes_of(intake: Intake) -> Mapping[Resource, Take]:
    """Every kind there is a watch stream for, with what takes its events in."""
    return {
        ROLLOUTS: intake.rollout,
        COMMANDS: intake.command,
        DEPLOYMENTS: intake.deployment,
        SERVICES: intake.service,
        **{resource: intake.routes(resource) for resource in intake.caches.routes.resources},
        **{resource: intake.metric_template(kind) for kind, resource in TEMPLATE_KINDS.items()},
    }


def registry_for(takes: Mapping[Resource, Take]) -> kopf.OperatorRegistry:
    """A Kopf registry that hands on the events of these kinds."""
    registry = kopf.OperatorRegistry()
    for resource, take in takes.items():
        _register(registry, resource, take)
    return registry


def _register(registry: kopf.OperatorRegistry, resource: Resource, take: Take) -> None:
    @kopf.on.event(
        group=resource.group,
        version=resource.version,
        plural=resource.plural,
        id=f"take-{resource.plural}-{resource.api_version}",
        registry=registry,
    )
    async def taken(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401  (Kopf's signature)
        take(event["type"], event["object"])
