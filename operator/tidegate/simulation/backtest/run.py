"""One run through history: the real tick over in-memory ports, asked at virtual instants, answered from what was recorded.

Where nothing that a decision could rest on changes from one point of the judging grid to the next, the ticks between are
left out and the time counts as watched: a tick there would find every series in the same state and change
nothing. Everywhere else every point of the grid is ticked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import Stage
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.judging.judge import SCRAPE
from tidegate.core.model import cadence
from tidegate.core.model.answers import Answer, Query
from tidegate.simulation.backtest.cause import Cause, Moment, cause_of
from tidegate.simulation.backtest.counts import Gathered, Tested, note, tested
from tidegate.simulation.backtest.world import NEW_IMAGE, Course, PastTicker, cluster_of, world_of
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster

MILLISECOND: Final = 0.001
SHARED: Final = Reason.SHARED_INCIDENT
"""Reason of a hold that is no fault of the candidate's."""
LACKING: Final = frozenset({"NoData", "SourceDown"})
"""Reasons of an end that no limit brought about."""


@dataclass(frozen=True)
class Span:
    """A stretch of a run at one weight: of several targets the largest."""

    step: str
    weight: float
    """Percent."""
    begin: float
    """Epoch seconds."""
    end: float


@dataclass(frozen=True)
class Told:
    """One decision of a run."""

    time: float
    """Epoch seconds."""
    reason: str
    message: str


@dataclass(frozen=True)
class Held:
    """A stretch in which a run stood still because something was not well."""

    begin: float
    """Epoch seconds."""
    end: float
    reason: str
    """`SharedIncident` when the baseline was beyond the limit alike."""
    message: str

    @property
    def shared(self) -> bool:
        """Whether it was no fault of the candidate's."""
        return self.reason == SHARED


@dataclass(frozen=True)
class PastRun:
    """What came of one run."""

    start: float
    """Epoch seconds."""
    end: float
    """When its end was decided (the route is written then), or when the history ended."""
    outcome: str
    """The run's; `Running` when the history ended first; `SentBack` when a guard was breached after the promotion."""
    reason: str
    message: str
    spans: tuple[Span, ...]
    told: tuple[Told, ...]
    ticks: int
    holds: tuple[Held, ...] = ()
    tests: tuple[Tested, ...] = ()
    """What the tests on counts had shown at its end."""
    cause: Cause | None = None
    """What stopped it, where that was a limit."""

    @property
    def stopped(self) -> bool:
        """Whether the run was reverted."""
        return self.outcome in {"Reverted", "SentBack"}

    @property
    def lacking(self) -> bool:
        """Whether it ended because data was missing, which says nothing of any limit."""
        return self.stopped and self.reason in LACKING

    @property
    def held(self) -> bool:
        """Whether it stood still at some time because of a breach."""
        return bool(self.holds)

    @property
    def shared(self) -> bool:
        """Whether it stood still in an incident that was the baseline's as well."""
        return any(one.shared for one in self.holds)


@dataclass
class PastRunner:
    """Runs one Rollout from `start` (epoch seconds) until it ends or the history does."""

    course: Course
    start: float
    clock: VirtualClock = field(init=False)
    cluster: Cluster = field(init=False)
    ticks: int = 0
    _spans: list[Span] = field(default_factory=list)
    _holds: list[Held] = field(default_factory=list)
    _gathered: dict[str, Gathered] = field(default_factory=dict)
    """By limit, what its test on counts has gathered."""
    _cause: Cause | None = None
    _before: RolloutStatus = field(default_factory=RolloutStatus)
    """What was remembered after the tick before."""
    _decided: float | None = None
    """When the end was decided: it may be recorded some seconds later, when no late write can land any more."""

    def __post_init__(self) -> None:
        """Makes the world."""
        self.clock = VirtualClock(self.start)
        self.cluster = cluster_of(self.course, self.clock)
        self.world = world_of(self.course, self.cluster)
        self.ticker = PastTicker(self.world, self.course.check)
        self._uid = self.cluster.rollouts[self.course.name].uid
        self._interval = max(self.course.spec.interval.seconds, 1.0)

    async def run(self) -> PastRun:
        """What came of it.

        Raises: PortError, when the source could not be asked.
        """
        end = self.course.history.stretch.end
        due, left_out, before = self.start, False, None
        while due <= end:
            self.clock.advance_to(due)
            self.ticker.follow(left_out=left_out)
            following = await self.ticker.tick(self.course.namespace, self.course.name)
            await self.ticker.outbox.drained()
            self.ticks += 1
            status = self._status()
            memory = self.ticker.memory(self.course.namespace, self.course.name)
            self._note(status)
            self._hold(status)
            note(self._gathered, memory, due)
            await self._blame(memory, due)
            self._before = memory
            if following is None or self._over(status):
                break
            posture = _posture(status)
            stable = following if left_out else None
            due, left_out = self._next(status, following, stable, settled=posture == before)
            before = posture
        return self._outcome()

    def _next(
        self, status: RolloutStatus, following: float, stable: float | None, *, settled: bool
    ) -> tuple[float, bool]:
        """When to tick next, and whether points of the grid are left out until then.

        Args:
            status: after this tick.
            following: when the tick asked to be called again.
            stable: the same, of a tick before which points were left out: then it knows of no judging grid.
            settled: this tick changed nothing but time.
        """
        now, at_grid = self.clock.now(), cadence.following(self._uid, self._interval, self.clock.now())
        soonest = min(max(following, now + MILLISECOND), at_grid)
        if not self.course.leap or not settled or not self._steady(status):
            return soonest, False
        stretch = self.course.history.stretch
        step, weight = (status.step.name if status.step else ""), (status.run.weight if status.run else 0.0)
        here = stretch.index(now)
        change = self.course.change_after(step, weight, here)
        last_same = stretch.time(change - 1) if change > here + 1 else now
        if last_same <= now:
            return soonest, False
        if stable is None:
            return (at_grid, True) if following >= at_grid - 1e-6 else (soonest, False)
        if stable >= stretch.time(change):
            return last_same, True
        # Clocks are kept in whole milliseconds, so what is due at a point of the grid may be announced for the one after.
        just_before = stretch.time(stretch.index(stable - MILLISECOND))
        return max(just_before if just_before > now + MILLISECOND else stable, now + MILLISECOND), True

    def _steady(self, status: RolloutStatus) -> bool:
        """Whether every query is the same from one judgement to the next, and every answer is expected."""
        run = status.run
        if run is None or run.promotion is not None or run.ending is not None or run.cohorts:
            return False
        if run.traffic_since is None:
            return run.weight == 0
        longest = max(
            (max(m.window.seconds + SCRAPE, m.warm_up.seconds if m.warm_up else 0.0) for m in self.course.spec.metrics),
            default=0.0,
        )
        return self.clock.now() - run.traffic_since.timestamp() >= longest

    def _status(self) -> RolloutStatus:
        return RolloutStatus.model_validate(self.cluster.rollouts[self.course.name].status)

    def _note(self, status: RolloutStatus) -> None:
        """Keeps the spans, and does what people are waited for: with Git, the baseline is updated at once."""
        now, run = self.clock.now(), status.run
        if self._spans and self._decided is None:
            self._spans[-1] = replace(self._spans[-1], end=now)
        if run is not None and run.ending is not None and self._decided is None:
            self._decided = now
        promotion = run.promotion if run is not None else None
        if promotion is not None and promotion.stage == Stage.AWAITING:
            self.cluster.set_image(self.course.spec.baseline.deployment, NEW_IMAGE)
        if run is None or status.step is None or promotion is not None:
            return
        last = self._spans[-1] if self._spans else None
        weight = max(run.weight, *(one.weight for one in run.cohorts or ()), 0.0)
        if last is None or (last.step, last.weight) != (status.step.name, weight):
            self._spans.append(Span(status.step.name, weight, now, now))

    def _hold(self, status: RolloutStatus) -> None:
        """Keeps the holds."""
        now = self.clock.now()
        hold = status.run.hold if status.run is not None else None
        going_on = bool(self._holds) and self._holds[-1].end == math.inf
        if going_on and (hold is None or hold.reason != self._holds[-1].reason):
            self._holds[-1] = replace(self._holds[-1], end=now)
            going_on = False
        if hold is not None and not going_on:
            self._holds.append(Held(now, math.inf, hold.reason, hold.message))

    async def _blame(self, memory: RolloutStatus, now: float) -> None:
        """Keeps what brought about an end, when it is decided."""
        run = memory.run
        if self._cause is not None or run is None:
            return
        sent_back = run.promotion is not None and run.promotion.stage == Stage.SENT_BACK
        words = [text for _, _, reason, text in self.cluster.events if reason == Reason.PROMOTION_BREACHED]
        message = run.ending.evidence if run.ending is not None else words[0] if sent_back and words else ""
        if not message:
            return
        rollout = self.cluster.rollouts[self.course.name]
        # Traffic that was sent back has been where it is since now; the queries were about the time before.
        status = self._before if sent_back and self._before.run is not None else memory
        moment = Moment(self.course.spec, rollout, self.course.pods, status, now, message)
        self._cause = await cause_of(moment, tested(self.course.spec, self._gathered), self._ask)

    async def _ask(self, query: Query) -> Answer:
        return await self.world.metrics.sample(query, timeout=math.inf, rollout=self.course.name)

    def _over(self, status: RolloutStatus) -> bool:
        promotion = status.run.promotion if status.run is not None else None
        return bool(status.history) or (promotion is not None and promotion.stage == Stage.SENT_BACK)

    def _outcome(self) -> PastRun:
        status, told = self._status(), tuple(self._told())
        outcome, reason, message = "Running", "HistoryEnded", status.message
        if status.history:
            last = status.history[0]
            outcome, reason, message = last.outcome, last.reason, last.message
        elif status.run is not None and status.run.ending is not None:
            ending = status.run.ending  # decided; history ended before it was recorded
            outcome, reason, message = ending.kind, ending.reason, ending.evidence
        elif any(one.reason == Reason.PROMOTION_BREACHED for one in told):
            last_told = next(one for one in told if one.reason == Reason.PROMOTION_BREACHED)
            outcome, reason, message = "SentBack", last_told.reason, last_told.message
        end = self._decided if self._decided is not None else self.clock.now()
        holds = tuple(replace(one, end=min(one.end, end)) for one in self._holds)
        tests = tuple(tested(self.course.spec, self._gathered))
        rest = (tuple(self._spans), told, self.ticks, holds, tests, self._cause)
        return PastRun(self.start, end, outcome, reason, message, *rest)

    def _told(self) -> Iterator[Told]:
        """What was told, an end at the instant it was decided: that is when the weights went back."""
        for time, _, reason, text in self.cluster.events:
            decided = self._decided if reason == Reason.REVERTED else None
            yield Told(time if decided is None else decided, reason, text)


def _posture(status: RolloutStatus) -> tuple[object, ...]:
    """What a tick that finds nothing new leaves as it is."""
    run, step = status.run, status.step
    if run is None or step is None:
        return (math.nan,)  # equal to nothing
    return (
        step.name,
        step.reached,
        step.passed,
        run.weight,
        run.hold is not None,
        run.paused is not None,
        run.traffic_since,
        tuple((guard.name, guard.state) for guard in status.guards),
    )
