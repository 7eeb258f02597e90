"""Evaluations of one Rollout: observe, send the queries that are due, decide after each answer.

No call of a tick stands before its own Rollout's evaluation: while one is under way the guards are evaluated at each instant
that is due, and what is urgent takes the place of whatever was under way.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from tidegate.api.reasons import Reason
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.decide import decide
from tidegate.core.due import due
from tidegate.core.model import cadence
from tidegate.core.model.memory import Memory, judged
from tidegate.core.model.observation import Live, Observation
from tidegate.core.model.plan import Decision, Plan, SetWeights
from tidegate.core.model.world import RolloutObject
from tidegate.core.tick.kept_spec import spec_in_force, with_metrics_kept
from tidegate.core.traffic.lowering import goes_before, urgent_before
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.reconcile.asking import SHORTEST_LIFE, Asking
from tidegate.reconcile.observe import Observer, read_templates
from tidegate.reconcile.reading import Reader
from tidegate.reconcile.waiting import PROMPT, given_up, promptly

HURRIES: Final = 2
"""Decisions of one tick that do not wait for answers because they lower: by what the cache says, then by a live look."""

TOLD_ONCE: Final = frozenset(
    {Reason.LIMIT_BREACHED, Reason.HOLDING, Reason.HOLD_ENDED, Reason.NO_DATA, Reason.SOURCE_DOWN}
)
"""What is said only when it begins or ends: of what an evaluation leaves in memory it is said then, or never."""

T = TypeVar("T")

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Superseded(Exception):  # noqa: N818  (no error: something more urgent was decided)
    """An evaluation beside a call under way has decided something that goes before it."""

    def __init__(self, seen: Observation, plan: Plan, done: object = None) -> None:
        """`done` is what the call returned, where it succeeded all the same."""
        super().__init__()
        self.decided = (seen, plan)
        self.done = done


@dataclass
class Evaluation:
    """The evaluations of one tick."""

    world: World
    reader: Reader
    observer: Observer
    interrupt: asyncio.Event | None
    now: float = field(init=False, default=0.0)
    """Epoch seconds of the newest."""
    until: float = field(init=False, default=math.inf)
    """Monotonic seconds at which the next one is due."""

    def __post_init__(self) -> None:
        """Begins the first one now."""
        self._hurried = 0
        self._again_at = -math.inf
        self._renewed = False
        self._decided: tuple[Memory, Observation, Plan] | None = None
        self.said: list[Decision] = []
        self.asking = self._begun()

    def _begun(self) -> Asking:
        """Begins an evaluation now: no query of it lives beyond the next one."""
        self.now = self.world.clock.now()
        record = self.reader.record
        self.until = math.inf
        if record.rollout is not None and record.memory.status.run is not None:
            following = cadence.following(record.rollout.uid, record.interval, self.now)
            self.until = self.world.clock.monotonic() + max(following - self.now, SHORTEST_LIFE)
        return Asking(self.world, self.interrupt, "/".join(self.reader.key), self.until)

    async def decide(
        self, rollout: RolloutObject, memory: Memory, *, live: Live, changed: bool = False
    ) -> tuple[Observation, Plan]:
        """Observes and decides; again after each answer, until a plan must not wait or every answer is there.

        Args:
            rollout: the object as read.
            memory: what is remembered of it.
            live: how much is to be read live.
            changed: an urgent write has met another client's: what the route has now is looked for, at most for a moment.
        """
        seen = await self._observed(rollout, memory, live=live, changed=changed)
        memory, seen = self._judged_meanwhile(seen)
        if not self.asking.begun:
            self._send(memory, seen)
        seen, plan = await self._answered(memory, seen, self._waits_for_no_more, live=live)
        answered = self.asking.seen(seen)
        if plan.templates and not seen.templates:
            reading = read_templates(self.world, rollout.namespace, spec_in_force(memory, seen))
            memory, seen = self._judged_meanwhile(replace(seen, templates=await self.beside(reading, seen)))
            answered = self.asking.seen(seen)
            plan = decide(memory, answered)
        if plan.autoscaler and not plan.urgent and seen.autoscaler is None:
            deployment = spec_in_force(memory, seen).candidate.deployment
            looking = self.world.workloads.autoscaler(rollout.namespace, deployment)
            memory, seen = self._judged_meanwhile(replace(seen, autoscaler=await self.beside(looking, seen)))
            answered = self.asking.seen(seen)
            plan = decide(memory, answered)
        if plan.old_template and seen.old_template is None:
            baseline = spec_in_force(memory, seen).baseline.deployment
            exclude = memory.status.run.version.exclude if memory.status.run is not None else ()
            finding = self.world.workloads.revision(rollout.namespace, baseline, plan.old_template, exclude)
            memory, seen = self._judged_meanwhile(replace(seen, old_template=await self.beside(finding, seen)))
            answered = self.asking.seen(seen)
            plan = decide(memory, answered)
        self._decided = (self.reader.record.memory, seen, plan)
        return answered, plan

    async def renew(self) -> None:
        """Begins another evaluation now, however recent the last one is: its answers are not those to decide on."""
        await self.asking.end()
        self.asking = self._begun()
        self._renewed = True

    def _send(self, memory: Memory, seen: Observation) -> None:
        """Sends the queries that are due; after a renewal, those that would be due if nothing had been evaluated yet."""
        known = replace(memory, last_judged=None) if self._renewed else memory
        self._renewed = False
        self.asking.begin(seen, due(known, seen))

    def _judged_meanwhile(self, seen: Observation) -> tuple[Memory, Observation]:
        """What is remembered after a call, and its observation as of now: guards may have been evaluated beside it."""
        seen = seen if seen.now == self.now else replace(seen, now=self.now)
        return with_metrics_kept(self.reader.record.memory, seen), seen

    def try_again_in(self, seconds: float) -> None:
        """Goes on with the open queries after a write failed: it is tried again in so many seconds, or once all are answered."""
        self._again_at = self.world.clock.monotonic() + seconds
        self._hurried = 0

    @property
    def goes_on(self) -> bool:
        """Whether the run goes on and an answer is still out, which no failed write may cost."""
        run = self.reader.record.memory.status.run
        return run is not None and run.ending is None and self.asking.open

    @property
    def _time_to_try(self) -> bool:
        return self.world.clock.monotonic() >= self._again_at

    def _waits_for_no_more(self, plan: Plan) -> bool:
        """Whether a plan is carried out before every answer is there."""
        return self._goes_ahead(plan) or self._at_once(plan)

    def _goes_ahead(self, plan: Plan) -> bool:
        """Whether it is urgent. A write that failed just now is tried again a little later; one that takes more waits for nothing."""
        return plan.urgent and (self._time_to_try or not self.repeats(plan))

    def repeats(self, plan: Plan) -> bool:
        """Whether all that is urgent of it was decided before, and the run goes on."""
        before, run = self.reader.record.memory.status, plan.memory.status.run
        goes_on = run is not None and run.ending is None
        return goes_on and urgent_before(before) and not goes_before(before, plan.memory.status)

    def _at_once(self, plan: Plan) -> bool:
        """Whether it takes from the candidate what somebody else gave it: that waits for no answer.

        Once in a tick, the live look before it included, and once more whenever something changes or a failed write is tried again.
        """
        lowers = any(isinstance(one, SetWeights) and not one.raises for one in plan.actions)
        if self._hurried >= HURRIES or not self._time_to_try or not lowers:
            return False
        self._hurried += 1
        return True

    async def beside(self, call: Coroutine[Any, Any, T], seen: Observation | None, *, soon: bool = False) -> T:
        """What `call` returns; meanwhile the guards are evaluated whenever that is due.

        Args:
            call: to the world.
            seen: the observation that the evaluations rest on; without one they observe for themselves.
            soon: the evaluation of this instant waits for the call; it is begun without that where the call takes long.

        Raises:
            Superseded: an evaluation decided something urgent; the call was given up, and may or may not have had its effect.
        """
        run = self.reader.record.memory.status.run
        if run is None or run.ending is not None or math.isinf(self.until):
            return await call
        return await self._judging(asyncio.ensure_future(call), seen, self._goes_ahead, leaves_open=False, soon=soon)

    async def beside_urgent(self, call: Coroutine[Any, Any, T], seen: Observation | None) -> T:
        """The same of a call that is urgent itself: only what ends the run or takes more from the candidate takes its place."""
        status = self.reader.record.memory.status
        if status.run is None or status.run.ending is not None or math.isinf(self.until):
            return await call
        before = partial(_goes_before, status)
        return await self._judging(asyncio.ensure_future(call), seen, before, leaves_open=True)

    async def _judging(
        self,
        task: asyncio.Future[T],
        seen: Observation | None,
        goes_before: Callable[[Plan], bool],
        *,
        leaves_open: bool,
        soon: bool = False,
    ) -> T:
        """What a call returns, with the evaluations beside it; one that was open before goes on, and is left open for what follows."""
        blind = False
        try:
            while not await self._ended(task, blind=blind, soon=soon):
                goes_on = leaves_open or self.asking.open
                judging = asyncio.ensure_future(self._judge_again(seen, goes_before))
                try:
                    if goes_on:
                        both: set[asyncio.Future[Any]] = {task, judging}
                        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                        if not judging.done():
                            break
                    decided = await judging
                finally:
                    await given_up(judging)
                blind = decided is None
                if decided is not None and goes_before(decided[1]):
                    raise Superseded(*decided, task.result() if _succeeded(task) else None)
            return task.result()
        finally:
            await given_up(task)

    async def _ended(self, task: asyncio.Future[T], *, blind: bool, soon: bool) -> bool:
        """Waits for a call, for the next evaluation or for an interruption, whichever comes first; whether the call has ended.

        Where an evaluation is open, that goes on now, unless it is `blind`: nothing could be observed.
        """
        await asyncio.sleep(0)
        if task.done() or (self.asking.open and not blind):
            return task.done()
        until = self.until if self._time_to_try else min(self.until, self._again_at)
        left = until - self.world.clock.monotonic()
        if soon and not (self.asking.begun or blind):
            left = min(left, PROMPT)
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self.world.clock.sleep(left))]
        if self.interrupt is not None:
            waits.append(asyncio.ensure_future(self.interrupt.wait()))
        try:
            await asyncio.wait({task, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return task.done()

    async def _judge_again(
        self, seen: Observation | None, goes_before: Callable[[Plan], bool]
    ) -> tuple[Observation, Plan] | None:
        """Evaluates while a call of this tick is under way, with the open queries or anew; `None` when nothing could be observed."""
        if not self.asking.open or self.world.clock.monotonic() >= self.until:
            await self.asking.end()
            self.asking = self._begun()
        record = self.reader.record
        if self._decided is not None and record.memory is self._decided[0]:
            record.memory = self._learnt(*self._decided)
        self._decided = None
        memory = record.memory
        again: asyncio.Future[Observation] | None = None
        try:
            if seen is None:
                seen, again = await self._newest(memory, None)
            seen = replace(seen, now=self.now)
            if not self.asking.begun:
                self._send(memory, seen)
            if (
                again is None and not self.asking.open and self._interrupted
            ):  # an answer would not wait for what has changed
                seen, again = await self._newest(memory, seen)
                seen = replace(seen, now=self.now)
                self._send(memory, seen)
            seen, plan = await self._answered(memory, seen, goes_before, live=Live.NOTHING, again=again)
        except PortError as error:
            _log.debug("evaluation given up: the cluster could not be observed", error=str(error))
            return None
        if not goes_before(plan):
            record.memory = self._learnt(record.memory, seen, plan)
        return self.asking.seen(seen), plan

    def _learnt(self, memory: Memory, seen: Observation, plan: Plan) -> Memory:
        """What is remembered of a decision that is not carried out, or not yet: all, or at least what the guards said.

        A good sample that is forgotten would let a breach last that did not.
        """
        unsure = plan.needs > seen.live
        if plan.urgent or plan.intent or plan.actions or unsure:
            self.said += [one for one in plan.decisions if one.reason in TOLD_ONCE]
            return judged(memory, plan.memory, decided=True)
        self.said += plan.decisions
        return plan.memory

    async def _observed(self, rollout: RolloutObject, memory: Memory, *, live: Live, changed: bool) -> Observation:
        """The observation that a decision of the tick rests on; an urgent write that failed is tried again on the one before."""
        status = self.reader.record.memory.status
        ends = status.run is not None and (status.run.ending is not None or urgent_before(status))
        observing = self.observer.observe(rollout, memory, now=self.now, live=live, hurry=ends, changed=changed)
        known = None if live else self.observer.last(rollout)
        if live and urgent_before(status):
            seen = await self.beside_urgent(observing, known)
        else:
            seen = await self.beside(observing, known, soon=known is not None)
        if not seen.assumed:
            return seen
        planned = decide(self.reader.record.memory, self.asking.seen(seen)).actions
        return seen.unassumed({one.route.ref.key for one in planned if isinstance(one, SetWeights)})

    async def _answered(
        self,
        memory: Memory,
        seen: Observation,
        enough: Callable[[Plan], bool],
        *,
        live: Live,
        again: asyncio.Future[Observation] | None = None,
    ) -> tuple[Observation, Plan]:
        """Decides after each answer until a plan is `enough` or every answer is there.

        Observes again where it is interrupted; an answer that comes before that has ended is decided on what was seen before.

        Args:
            memory: before the decision.
            seen: the observation.
            enough: whether a plan waits for no more.
            live: how much is read live where it is observed again.
            again: an observation under way; it is waited for until the next evaluation is due.
        """
        awaited = again
        news = False
        try:
            plan = decide(memory, self.asking.seen(seen))
            self.asking.ask(plan.wanted)
            while not enough(plan) and (self.asking.open or self._still(awaited)):
                until = math.inf if self._time_to_try else self._again_at
                news |= await self.asking.wait(until if self.asking.open else min(until, self.until), again)
                fresh = again is not None and again.done()
                if again is not None and fresh:
                    seen, again = again.result(), None
                if news and again is None:
                    observing = self.observer.again(memory, now=self.now, live=live)
                    again, news, self._hurried = asyncio.ensure_future(observing), False, 0
                    if not fresh and self.asking.open:  # else the last answer has come at the same time
                        continue
                plan = decide(memory, self.asking.seen(seen))
                self.asking.ask(plan.wanted)
        finally:
            if news or (again is not None and not again.done()):
                self._interrupted_again()
            await given_up(again)
        return seen, plan

    async def _newest(
        self, memory: Memory, seen: Observation | None
    ) -> tuple[Observation, asyncio.Future[Observation] | None]:
        """Another observation, of what an interruption has told as well; where that takes long, the one before and the one under way.

        One that is given up leaves the interruption to whoever waits next.
        """
        interrupted = self._interrupted
        if interrupted and self.interrupt is not None:
            self.interrupt.clear()
        observing = self.observer.again(memory, now=self.now)
        rollout = self.reader.record.rollout
        known = seen or (self.observer.last(rollout) if rollout is not None else None)
        try:
            return (await observing, None) if known is None else await promptly(self.world.clock, observing, known)
        except asyncio.CancelledError:
            if interrupted:
                self._interrupted_again()
            raise

    def _still(self, observing: asyncio.Future[Observation] | None) -> bool:
        """Whether an observation is under way, and the next evaluation is not due yet."""
        return observing is not None and not observing.done() and self.world.clock.monotonic() < self.until

    def _interrupted_again(self) -> None:
        """Leaves an interruption to whoever waits next: nothing was observed after it."""
        if self.interrupt is not None:
            self.interrupt.set()

    @property
    def _interrupted(self) -> bool:
        return self.interrupt is not None and self.interrupt.is_set()


def _goes_before(status: RolloutStatus, plan: Plan) -> bool:
    return plan.urgent and goes_before(status, plan.memory.status)


def _succeeded(task: asyncio.Future[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
