"""Whether each Prometheus answers, and whether the clocks agree."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.prometheus.answers import INSTANT, vector
from tidegate.adapters.prometheus.connection import FAILURES, Connections, SourceAddress, failed
from tidegate.adapters.prometheus.health import PROBE
from tidegate.adapters.prometheus.session import Flight
from tidegate.cli.doctor.permissions import MANAGER
from tidegate.cli.doctor.result import Level, Result
from tidegate.core.model.answers import Answer, Failed, FailedReason, Vector
from tidegate.ports.errors import PortError

SELF_REVIEWS: Final = Resource(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False
)
TIMEOUT: Final = 10.0
"""Seconds for one answer."""
NOTABLE: Final = 5.0
"""Seconds apart from which on clocks are reported: the API server's answer is to the second, and answers take time."""
TOO_FAR: Final = 60.0
"""Seconds apart at which a window of minutes reads another time than is meant."""
ADVICE: Final = {
    FailedReason.REFUSED: "check the URL, and that it can be reached from here: a name of the cluster's DNS cannot, use "
    "kubectl port-forward and --prometheus http://127.0.0.1:9090",
    FailedReason.DENIED: "check bearerTokenFile, basicAuth or headers of the source",
}


@dataclass(frozen=True)
class Clock:
    """Another machine's clock against ours."""

    whose: str
    ahead: float
    """Seconds."""
    unsure: float
    """Seconds by which that may be off."""


class Prometheus:
    """One source, asked directly: a source that was down a moment ago is asked again, which the operator's client would not do."""

    def __init__(self, address: SourceAddress) -> None:
        self._connections = Connections(address)

    async def ask(self, promql: str) -> Answer:
        """The answer to an instant query."""
        return await asyncio.to_thread(self._ask, promql)

    def close(self) -> None:
        """Lets go of the connections."""
        self._connections.close()

    def _ask(self, promql: str) -> Answer:
        flight = Flight()
        try:
            return vector(*self._connections.instant(promql, INSTANT, flight, TIMEOUT))
        except FAILURES as error:
            return failed(error, flight)[0]


async def sources(found: Mapping[str, Prometheus]) -> tuple[list[Result], list[Clock]]:
    """Whether each answers, and its clock where it does."""
    results, clocks = [], []
    for name, source in found.items():
        answer = await source.ask(PROBE)
        if isinstance(answer, Failed):
            advice = ADVICE.get(answer.reason, "send it the query vector(1) yourself, and check its log")
            results.append(Result("Prometheus", Level.FAILED, f"source '{name}': {answer.message}", advice))
            continue
        results.append(Result("Prometheus", Level.OK, f"source '{name}' answers"))
        clock = await _clock_of(name, source)
        if clock is not None:
            clocks.append(clock)
    return results, clocks


async def _clock_of(name: str, source: Prometheus) -> Clock | None:
    before = time.time()
    answer = await source.ask("time()")
    after = time.time()
    if not isinstance(answer, Vector) or not answer.series:
        return None
    return Clock(f"Prometheus source '{name}'", answer.series[0].value - (before + after) / 2, (after - before) / 2)


async def clock_of_the_api_server(api: Api) -> Clock | None:
    """Its clock, from the timestamp of a review that is stored nowhere; `None` where it gives none."""
    before = time.time()
    with suppress(PortError, KeyError, ValueError, TypeError):
        body = {"apiVersion": SELF_REVIEWS.api_version, "kind": SELF_REVIEWS.kind}
        review = await api.create(SELF_REVIEWS, None, body, manager=MANAGER)
        after = time.time()
        stamped = datetime.fromisoformat(review["metadata"]["creationTimestamp"]).timestamp()
        # Cut to the second: it may have been any instant of it.
        return Clock("the API server", stamped + 0.5 - (before + after) / 2, 0.5 + (after - before) / 2)
    return None


def agreement(clocks: list[Clock]) -> list[Result]:
    """How far they are apart, and from ours."""
    mine = Clock("this machine", 0.0, 0.0)
    if not clocks:
        return [Result("clocks", Level.SKIPPED, "the time of no server could be read")]
    pairs = itertools.combinations((mine, *clocks), 2)
    results = [_difference(other, one) for one, other in pairs if _apart(one, other) > NOTABLE]
    names = ", ".join(one.whose for one in clocks)
    return results or [Result("clocks", Level.OK, f"{names} and this machine agree within {NOTABLE:g} s")]


def _apart(one: Clock, other: Clock) -> float:
    """Seconds that they are apart for certain."""
    return max(abs(one.ahead - other.ahead) - one.unsure - other.unsure, 0.0)


def _difference(one: Clock, other: Clock) -> Result:
    apart = one.ahead - other.ahead
    where = "ahead of" if apart > 0 else "behind"
    level = (
        Level.FAILED
        if _apart(one, other) > TOO_FAR and "this machine" not in {one.whose, other.whose}
        else Level.WARNING
    )
    message = f"{one.whose} is {abs(apart):.0f} s {where} {other.whose}"
    advice = "synchronise the clocks (NTP): windows, gates and the times in status are read from different ones"
    return Result("clocks", level, message, advice)
