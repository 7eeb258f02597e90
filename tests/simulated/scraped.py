"""Counters as a Prometheus keeps them: whole numbers, scraped now and then, of pods that come and go."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.simulated.shop import Shop
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.count_tests.state import State, unpacked
from tidegate.core.model.answers import Answer, Failed, FailedReason, Matrix, Query, SeriesValue, Vector
from tidegate.core.model.raw_samples import Labels, RawSeries
from tidegate.core.model.world import ArmName, RolloutObject
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.ports.telling import Silence

_RANGE = re.compile(r"\[(\d+)(ms|s)\](?: offset (\d+)(ms|s))?")
SECONDS = {"ms": 0.001, "s": 1.0}


@dataclass(frozen=True)
class Gathered:
    """What a line has gathered, in figures."""

    start: datetime
    step: float
    windows: int
    counts: tuple[float, float, float, float]
    """Requests of the baseline and bad ones among them, then those of the candidate, in all segments."""
    state: State | None


def gathered(evidence: EvidenceStatus) -> Gathered:
    state = unpacked(evidence.state) if evidence.state else None
    counts = state.totals if state is not None else (0.0, 0.0, 0.0, 0.0)
    return Gathered(evidence.start, evidence.step, evidence.windows, counts, state)


@dataclass
class Pod:
    """One series of each counter."""

    name: str
    begin: float
    """Epoch seconds; it counts from zero."""
    end: float = math.inf
    """It is not scraped any more."""
    resets: list[float] = field(default_factory=list)
    """When its process was started anew, with counters at zero."""
    away: list[tuple[float, float]] = field(default_factory=list)
    """When it was not scraped, though it went on counting."""


@dataclass
class Traffic:
    """What an arm's pods get, all together, from an instant on."""

    since: float
    rate: float
    """Requests a second."""
    share: float
    """Bad ones among them, 0-1."""


@dataclass
class Scraped:
    """Both arms' counters `bad` and `total`; answers what the operator asks."""

    start: float
    """Epoch seconds: nothing was before."""
    scrape: float = 5.0
    """Seconds between two scrapes of one pod."""
    traffic: dict[ArmName, list[Traffic]] = field(default_factory=dict)
    pods: dict[ArmName, list[Pod]] = field(default_factory=dict)
    outages: list[tuple[float, float]] = field(default_factory=list)
    """Epoch seconds at which no query is answered; scrapes go on."""
    unscraped: list[tuple[float, float]] = field(default_factory=list)
    """Epoch seconds at which nothing was scraped."""
    override: Callable[[Query, float], Answer | None] = lambda _query, _now: None
    asked: list[Query] = field(default_factory=list)

    def __post_init__(self) -> None:
        for arm, rate in ((ArmName.BASELINE, 90.0), (ArmName.CANDIDATE, 10.0)):
            self.traffic[arm] = [Traffic(self.start, rate, 0.0)]
            self.pods[arm] = [Pod(f"{arm}-0", self.start)]

    def send(self, since: float, arm: ArmName, rate: float, share: float) -> None:
        """From `since` on, the arm gets so many requests a second, of which so many are bad."""
        self.traffic[arm].append(Traffic(since, rate, share))

    def shares(self, since: float, **shares: float) -> None:
        """From `since` on, the arms' shares of bad requests."""
        for arm, share in shares.items():
            name = ArmName(arm)
            self.send(since, name, self.traffic[name][-1].rate, share)

    def split(self, since: float, percent: float, of: float = 100.0) -> None:
        """From `since` on, the candidate gets so many percent of `of` requests a second."""
        for arm, part in ((ArmName.BASELINE, 100 - percent), (ArmName.CANDIDATE, percent)):
            self.send(since, arm, of * part / 100, self.traffic[arm][-1].share)

    def replaced(self, at: float, arm: ArmName) -> None:
        """The arm's pod is replaced by a new one."""
        pods = self.pods[arm]
        pods[-1].end = at
        pods.append(Pod(f"{arm}-{len(pods)}", at))

    def answer(self, query: Query, now: float) -> Answer:
        """What the source says."""
        self.asked.append(query)
        if any(begin <= now < end for begin, end in self.outages):
            return Failed(FailedReason.REFUSED, "the source is down")
        if query.part == "probe":
            return Vector((SeriesValue((), 1.0),))
        if query.part.startswith("past"):
            return Matrix()
        if query.part == "clock":
            return Vector((SeriesValue((), now),))
        given = self.override(query, now)
        if given is not None:
            return given
        found = _RANGE.search(query.promql)
        assert found is not None, query.promql
        reach = int(found[1]) * SECONDS[found[2]]
        end = now - int(found[3] or 0) * SECONDS[found[4] or "s"]
        kind, _, part = query.part.rpartition("-")
        series = [self.series(pod, query.arm, part, end - reach, end) for pod in self.pods[query.arm]]
        series = [one for one in series if one.samples]
        if kind == "raw":
            return Matrix(tuple(series))
        if kind == "known":
            return Vector(tuple(SeriesValue(one.labels, one.samples[-1][1]) for one in series))
        return _increase(series)

    def series(self, pod: Pod, arm: ArmName, part: str, begin: float, end: float) -> RawSeries:
        """A counter of nothing bad is not there at all: that is how most services do it."""
        shift = 0.5 * self.scrape * (arm is ArmName.CANDIDATE)
        first = math.floor((max(begin, pod.begin) - self.start - shift) / self.scrape) + 1
        last = math.floor((min(end, pod.end) - self.start - shift) / self.scrape)
        instants = [self.start + shift + place * self.scrape for place in range(first, last + 1)]
        samples = [
            (at, float(math.floor(self._count(pod, arm, part, at))))
            for at in instants
            if pod.begin < at < pod.end and not any(one <= at < other for one, other in (*self.unscraped, *pod.away))
        ]
        labels: Labels = (("pod", pod.name),)
        return RawSeries(labels, tuple(one for one in samples if one[1] > 0 or part == "total"))

    def _count(self, pod: Pod, arm: ArmName, part: str, at: float) -> float:
        begin = max([pod.begin, *(reset for reset in pod.resets if reset < at)])
        traffic = sorted(self.traffic[arm], key=lambda one: one.since)
        found = 0.0
        for place, one in enumerate(traffic):
            until = traffic[place + 1].since if place + 1 < len(traffic) else math.inf
            seconds = max(min(at, until) - max(begin, one.since), 0.0)
            found += seconds * one.rate * (one.share if part == "bad" else 1.0)
        return found + 1e-6


def _increase(series: list[RawSeries]) -> Vector:
    """What `sum(increase())` makes of it, near enough."""
    if not series:
        return Vector(())
    total = 0.0
    for one in series:
        for (_, before), (_, after) in pairwise(one.samples):
            total += after - before if after >= before else after
    return Vector((SeriesValue((), total),))


class Witness(Silence):
    """Keeps what the operator remembers, written or not."""

    def __init__(self) -> None:
        self.status = RolloutStatus()

    def concluded(self, rollout: RolloutObject, status: RolloutStatus) -> None:
        del rollout
        self.status = status

    def evidence(self, name: str) -> Gathered:
        """What a line has gathered."""
        run = self.status.run
        assert run is not None, self.status.message
        return gathered(next(one for one in run.evidence if one.name == name))


@dataclass
class Stage:
    """A shop whose requests are counted."""

    raw: dict[str, Any]
    before: float = 600.0
    """Seconds for which the counters have been there when the Rollout comes."""
    witness: Witness = field(default_factory=Witness)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.shop = Shop(self.clock)
        self.start = self.shop.start
        self.source = Scraped(self.start - self.before)
        self.shop.answer = self.source.answer
        self.shop.world = replace(self.shop.world, telemetry=self.witness)
        self.runner = self.shop.rollout(self.raw)

    async def until(self, seconds: float) -> None:
        """Runs until so many seconds after the start, or the end of the run."""
        await self.runner.run_until(self.start + seconds, lambda: self.shop.outcome != "")

    def stored(self, name: str) -> EvidenceStatus:
        """What status holds of a line."""
        run = self.shop.status.run
        assert run is not None
        return next(one for one in run.evidence if one.name == name)
