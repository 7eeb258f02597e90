"""Reads the metric templates that a Rollout names. Asks; judges nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

from tidegate.api.metric_template.known import Templates
from tidegate.api.metric_template.ref import TemplateRef, refs_in
from tidegate.core.model.world import MetricTemplateObject, RolloutObject, Unknown
from tidegate.ports.world import World

Version: TypeAlias = tuple[TemplateRef, str, int]
"""A template with its uid and generation."""


@dataclass(frozen=True)
class Looked:
    """What was seen of a Rollout's templates."""

    refs: tuple[TemplateRef, ...] = ()
    """All that it names."""
    templates: Templates = field(default_factory=Templates)
    """Those that exist."""
    versions: tuple[Version, ...] = ()
    """The same, as far as it takes to know whether anything changed."""
    unread: str = ""
    """Which could not be read, and why; then the others say nothing either."""


NONE_NAMED = Looked()


async def look(world: World, rollout: RolloutObject, *, fresh: bool) -> Looked:
    """The templates that a Rollout's spec names, whether that is valid or not.

    Args:
        world: the ports.
        rollout: the object as read.
        fresh: read them live.
    """
    refs = refs_in(rollout.spec)
    if not refs:
        return NONE_NAMED
    seen = await asyncio.gather(*(world.metric_templates.read(ref, rollout.namespace, fresh=fresh) for ref in refs))
    found = dict(zip(refs, seen, strict=True))
    unread = [f"{ref} could not be read: {one.reason}" for ref, one in found.items() if isinstance(one, Unknown)]
    there = {ref: one for ref, one in found.items() if isinstance(one, MetricTemplateObject)}
    return Looked(
        refs=refs,
        templates=Templates({ref: one.spec for ref, one in there.items()}),
        versions=tuple((ref, one.uid, one.generation) for ref, one in there.items()),
        unread=unread[0] if unread else "",
    )
