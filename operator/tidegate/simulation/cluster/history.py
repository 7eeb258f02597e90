"""What every kind of object in a cluster needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster.objects import RouteWrite


@dataclass
class History:
    """What every kind of object needs: the clock, versions, and the record of the writes to routes."""

    clock: VirtualClock
    namespace: str = "shop"
    history: list[RouteWrite] = field(default_factory=list)
    _versions: int = 0

    def next_version(self) -> str:
        """A resourceVersion never given before."""
        self._versions += 1
        return str(self._versions)

    def _keep(self, write: RouteWrite) -> None:
        self.history.append(write)
