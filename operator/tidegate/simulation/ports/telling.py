"""The ports in memory that tell somebody something: Events, messages, reports and telemetry."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.api.rollout.notifications import Notification
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model.message import Message, Place
from tidegate.core.model.plan import Decision
from tidegate.core.model.world import (
    RolloutObject,
)
from tidegate.core.report.names import config_map_name, number_of
from tidegate.simulation.ports.port import MemoryPort


class MemoryAnnouncer(MemoryPort):
    """`Announcer` in memory."""

    async def announce(self, rollout: RolloutObject, decision: Decision) -> None:
        """Keeps the announcement."""
        told = (self.cluster.clock.now(), rollout.name, decision.reason, decision.message)
        await self.effect("announcer.announce", lambda: self.cluster.events.append(told))


@dataclass
class MemoryNotifier(MemoryPort):
    """`Notifier` in memory."""

    off: str = ""
    place: Place = field(default_factory=Place)

    async def send(self, namespace: str, receiver: Notification, message: Message) -> None:
        """Keeps the message."""
        del namespace
        sent = (self.cluster.clock.now(), receiver.label, message)
        await self.effect("notifier.send", lambda: self.cluster.messages.append(sent))


@dataclass
class MemoryReports(MemoryPort):
    """`Reports` in memory."""

    async def keep(self, rollout: RolloutObject, run: str, text: str) -> None:
        """Keeps it."""
        name = config_map_name(rollout.name, number_of(run))

        def keep() -> None:
            self.cluster.reports.setdefault(name, text)

        await self.effect("reports.keep", keep)

    def keeps(self, namespace: str) -> bool:
        """As the cluster says."""
        return namespace in self.cluster.reported

    async def drop(self, rollout: RolloutObject, number: int) -> None:
        """Drops it."""
        name = config_map_name(rollout.name, number)

        def drop() -> None:
            self.cluster.reports.pop(name, None)

        await self.effect("reports.drop", drop)


class Silence:
    """`Telemetry` that tells nobody."""

    def decided(self, rollout: RolloutObject, decision: Decision) -> None:
        """Nothing."""

    def reverted(self, rollout: RolloutObject, *, seconds: float | None) -> None:
        """Nothing."""

    def concluded(self, rollout: RolloutObject, status: RolloutStatus) -> None:
        """Nothing."""

    def notified(self, kind: str, outcome: str) -> None:
        """Nothing."""

    def forgotten(self, namespace: str, name: str) -> None:
        """Nothing."""

    def ticked(self, *, late: float, seconds: float) -> None:
        """Nothing."""

    def failed(self, namespace: str, name: str, error: Exception, *, retry: float) -> None:
        """Nothing."""
