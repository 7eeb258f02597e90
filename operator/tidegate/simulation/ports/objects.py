"""The ports in memory of Rollouts, their commands, metric templates and freezes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.rollout.gates import Freeze
from tidegate.api.rollout.spec import FINALIZER
from tidegate.core.model.claims import Claim, claim_of_raw, run_id
from tidegate.core.model.world import (
    ABSENT,
    Command,
    Lookup,
    MetricTemplateObject,
    RolloutObject,
    Unknown,
)
from tidegate.ports.errors import Conflict, Missing
from tidegate.simulation.ports.port import MemoryPort


class MemoryStore(MemoryPort):
    """`RolloutStore` in memory."""

    async def read(self, namespace: str, name: str, *, fresh: bool) -> Lookup[RolloutObject]:
        """The object."""
        del namespace
        failed = await self.failed_read("store.read", fresh=fresh)
        return Unknown(failed) if failed else self.cluster.rollouts.get(name, ABSENT)

    async def claimants(self, namespace: str, uid: str, things: frozenset[str]) -> Sequence[Claim]:
        """The claims of the other Rollouts."""
        del namespace
        others = (rollout for rollout in self.cluster.rollouts.values() if rollout.uid != uid)
        return [claim for other in others if (claim := claim_of_raw(other).claim).things & things]

    async def write_status(self, rollout: RolloutObject, status: Mapping[str, Any], *, run_only: bool) -> RolloutObject:
        """Replaces the status, tested."""

        def effect() -> None:
            stored = self._tested(rollout, run_only=run_only, run=run_id(status))
            self.cluster.put_status(stored, status)

        await self.effect("store.write_status", effect)
        return self.cluster.rollouts[rollout.name]

    async def set_finalizer(self, rollout: RolloutObject, *, present: bool) -> RolloutObject:
        """Adds or removes our finalizer, tested."""

        def effect() -> None:
            stored = self._tested(rollout, run_only=False, run=None)
            others = tuple(one for one in stored.finalizers if one != FINALIZER)
            self.cluster.put_rollout(replace(stored, finalizers=(*others, FINALIZER) if present else others))

        await self.effect("store.set_finalizer", effect)
        kept = tuple(one for one in rollout.finalizers if one != FINALIZER)
        return self.cluster.rollouts.get(rollout.name, replace(rollout, finalizers=kept))

    def _tested(self, rollout: RolloutObject, *, run_only: bool, run: str | None) -> RolloutObject:
        stored = self.cluster.rollouts.get(rollout.name)
        if stored is None or stored.uid != rollout.uid:
            raise Missing(f"Rollout {rollout.name}")
        if run_only:
            if run_id(stored.status) != run:
                raise Conflict(f"Rollout {rollout.name}: another run")
        elif stored.resource_version != rollout.resource_version:
            raise Conflict(f"Rollout {rollout.name}: it changed")
        return stored


class MemoryMetricTemplates(MemoryPort):
    """`MetricTemplates` in memory."""

    async def read(self, ref: TemplateRef, namespace: str, *, fresh: bool) -> Lookup[MetricTemplateObject]:
        """The template."""
        del namespace
        failed = await self.failed_read("metric_templates.read", fresh=fresh)
        return Unknown(failed) if failed else self.cluster.metric_templates.get(ref, ABSENT)


class MemoryCommands(MemoryPort):
    """`Commands` in memory."""

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        """Those without an outcome."""
        del namespace, rollout
        await self.failed_read("commands.pending", fresh=False)
        found = (command for command in self.cluster.commands if command.uid not in self.cluster.outcomes)
        return sorted(found, key=lambda command: (command.created, command.name))

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        """Writes the outcome, unless there is one, or no such command in the namespace."""

        def write() -> None:
            if namespace == self.cluster.namespace:
                self.cluster.outcomes.setdefault(command.uid, (done, message))

        await self.effect("commands.conclude", write)


class MemoryFreezes(MemoryPort):
    """`Freezes` in memory."""

    def of(self, namespace: str) -> tuple[Freeze, ...]:
        """The freezes."""
        del namespace
        return tuple(one for one in self.cluster.freezes if one.to.timestamp() > self.cluster.clock.now())
