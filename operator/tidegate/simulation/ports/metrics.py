"""The port in memory of a metric source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.ports.errors import PortError
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.faults import Gate


@dataclass
class ScriptedMetrics:
    """`MetricSource` that answers from a function of time; it passes the gate like every port."""

    cluster: Cluster
    gate: Gate
    answers: Callable[[Query, float], Answer]
    asked: list[Query] = field(default_factory=list)

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        """The answer at this instant."""
        del rollout
        try:
            self.gate.reading("metrics.sample")
        except PortError as error:
            return Failed(FailedReason.REFUSED, str(error))
        self.asked.append(query)
        seconds = self.gate.takes(f"metrics.sample {query.metric}")
        if seconds > 0:
            await self.cluster.clock.sleep(min(seconds, timeout))
        if seconds > timeout:
            return Failed(FailedReason.TIMEOUT, f"no answer within {timeout:g}s")
        return self.answers(query, self.cluster.clock.now())
