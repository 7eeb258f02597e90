"""What becomes of a plan: recorded, carried out and concluded; what is refused is recorded as well."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tidegate.api.reasons import Reason
from tidegate.core.model.memory import Memory, Refusal, judged
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan, SetReplicas, SetWeights, Why
from tidegate.core.model.world import RolloutObject, Unknown, Unseen
from tidegate.core.status.conclude import conclude
from tidegate.core.status.messages import due_again, receivers_of
from tidegate.core.traffic.correcting import KEPT_CORRECTIONS
from tidegate.core.traffic.lowering import goes_before, urgent_before
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected, Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.apply import Applied, apply
from tidegate.reconcile.evaluation import Evaluation, Superseded
from tidegate.reconcile.index import Key
from tidegate.reconcile.jobs import JobDesk
from tidegate.reconcile.outbox import Outbox
from tidegate.reconcile.status import Record, needs_write, write
from tidegate.reconcile.telling import Telling
from tidegate.reconcile.waiting import within

HEAD_START: Final = 0.25
"""Seconds the record of a revert is waited for before the route is written all the same."""

RECORD_WAITS: Final = 15.0
"""Seconds after which the record of a revert is given up, to look at its routes again: another client may have raised them."""

TOLD_AFTER: Final = 2
"""Writes in a row that got no answer until that is told; a refusal is told at once."""


@dataclass
class Carrying:
    """Carries out the plans of one tick."""

    world: World
    key: Key
    record: Record
    evaluation: Evaluation
    outbox: Outbox
    desk: JobDesk
    telling: Telling = field(init=False)
    """What is to be told of it."""

    def __post_init__(self) -> None:
        self.telling = Telling(self.world, self.key, self.record, self.evaluation, self.outbox)

    async def carry_out(self, rollout: RolloutObject, plan: Plan, seen: Observation) -> RolloutObject:
        """Records what must be recorded, acts, and remembers what was decided, whatever became of the actions.

        A plan whose memory depends on its actions has an intent, so its memory stands once that is recorded.

        Raises:
            PortError: the first write that failed.
            Superseded: something urgent was decided meanwhile.
        """
        record = self.record
        self.telling.receivers = receivers_of(record.memory.status, seen)
        plan = await self._lowered(rollout, plan, seen)
        memory = replace(plan.memory, status=conclude(record.memory.status, plan, seen))
        if plan.urgent:
            return await self._end(rollout, plan, memory, seen)
        recorded = None
        concluded = record.memory.status.run if memory.status.run is None else None
        if concluded is not None:
            self.telling.run_concluded(concluded.id, plan)
        if plan.intent:
            recorded, before = self.world.clock.monotonic(), record.memory
            rollout = await self.evaluation.beside(self._record(rollout, memory), seen)
            if concluded is None:
                self.telling.decided(plan)
            self._hand_on(rollout, plan)
            if record.memory is not before:
                memory = judged(memory, record.memory)
        record.memory = memory
        if raises(plan) and _held(memory) and not _held(plan.memory):
            raise Conflict("a guard put the run on hold while the raise was recorded; decide again")
        try:
            applying = self._apply(rollout, plan, recorded)
            applied = await self.evaluation.beside(applying, seen)
        except Superseded as superseded:
            if isinstance(superseded.done, Applied) and not plan.intent and concluded is None:
                self.telling.decided(plan)
            self._superseded(plan, superseded.done)
            raise
        record.rollout = applied.rollout
        self._note_scaling(plan, applied.not_scaled)
        if not plan.intent and concluded is None:
            self.telling.decided(plan)
        await self._check(applied.rollout, plan, seen, applied)
        return applied.rollout

    async def _apply(self, rollout: RolloutObject, plan: Plan, recorded: float | None) -> Applied:
        """Acts, and remembers the routes as they were stored."""
        applied = await apply(self.world, rollout.namespace, rollout, plan, recorded)
        self.record.routes = {**self.record.routes, **{one.ref.key: one for one in applied.routes}}
        return applied

    async def _lowered(self, rollout: RolloutObject, plan: Plan, seen: Observation) -> Plan:
        """Takes away what somebody else gave the candidate: that waits for no record. Returns: what is left of the plan."""
        if plan.urgent or not (plan.intent and plan.corrects):
            return plan
        lowering = tuple(one for one in plan.actions if isinstance(one, SetWeights) and not one.raises)
        first = replace(plan, actions=lowering)
        try:
            applied = await self.evaluation.beside(self._apply(rollout, first, None), seen)
        except Superseded as superseded:
            self._superseded(plan, superseded.done)
            raise
        if applied.failures:  # it is tried again after the record
            return plan
        self.telling.corrected(plan)
        self._succeeded(plan)
        return replace(
            plan,
            memory=replace(plan.memory, refused=None, corrections=self.record.memory.corrections),
            actions=tuple(one for one in plan.actions if one not in lowering),
            decisions=tuple(one for one in plan.decisions if one.reason != Reason.WEIGHT_CORRECTED),
            corrects=False,
        )

    def _note_scaling(self, plan: Plan, error: PortError | None) -> None:
        """Notes why the candidate's pods could not be set, or that they could: the plan goes on all the same."""
        if any(isinstance(action, SetReplicas) for action in plan.actions):
            failed = (
                Refusal(Reason.SCALE_REFUSED, f"the candidate could not be scaled: {error}", self.evaluation.now)
                if error is not None
                else None
            )
            self.record.memory = replace(self.record.memory, not_scaled=failed)

    async def _record(self, rollout: RolloutObject, memory: Memory) -> RolloutObject:
        """Writes the status; a refused record of its end keeps no Rollout from being deleted."""
        try:
            return await self._write(rollout, memory)
        except Rejected:
            if rollout.deleting and memory.status.run is None:
                return rollout
            raise

    async def _end(self, rollout: RolloutObject, plan: Plan, memory: Memory, seen: Observation) -> RolloutObject:
        """A revert, or a lower weight after a breach: its record has a head start, but the route is written whatever becomes of it.

        As it is decided, a route that could not be read is read again before anything but the weights of the others is waited for.
        """
        unread = _new(self.record.memory, memory) and _unread(seen)
        if unread:
            plan = replace(plan, actions=tuple(one for one in plan.actions if isinstance(one, SetWeights)))
        self.record.memory = memory
        self.telling.decided_urgently(plan)
        self.telling.reverting(memory)
        if memory.status.run is None or memory.status.run.ending is not None:
            await self.evaluation.asking.end()
        recording = asyncio.ensure_future(self._write(rollout, memory, run_only=memory.status.run is not None))
        applied: Applied | None = None
        try:
            await self._soon(recording, HEAD_START)
            current = _stored(recording) or rollout
            applying = self._apply(current, plan, self.world.clock.monotonic())
            applied = await self.evaluation.beside_urgent(applying, seen)
            self.telling.reverted(rollout, plan, applied.failures)
            self._note_scaling(plan, applied.not_scaled)
            seen = _with_written(seen, applied)
            # Failed writes are to be tried again soon, record or no record.
            waiting = self._soon(recording, HEAD_START if applied.failures or unread else RECORD_WAITS, give_up=True)
            await self.evaluation.beside_urgent(waiting, seen)
        except Superseded as superseded:
            recording.cancel()
            self._superseded(plan, applied if applied is not None else superseded.done)
            raise
        finally:
            stored = await _settled(recording)
        if isinstance(stored, RolloutObject):
            self._hand_on(stored, plan)
        await self._check(rollout, plan, seen, applied)
        if not isinstance(stored, PortError):
            return stored
        if unread:
            return rollout
        raise stored

    async def _soon(self, task: asyncio.Future[Any], seconds: float, *, give_up: bool = False) -> None:
        """Waits for `task`, at most `seconds`; then lets it go on, or gives it up."""
        done = await within(self.world.clock, task, seconds)
        if give_up and not done:
            task.cancel()

    async def _write(self, rollout: RolloutObject, memory: Memory, *, run_only: bool = False) -> RolloutObject:
        """Writes the status; a refusal is told, since status cannot tell it."""
        if self.record.vanished:
            return rollout
        if not memory.unreadable:
            self.record.forget_unread()
        try:
            stored = await write(self.world.store, self.record, rollout, memory.status, run_only=run_only)
        except Rejected as error:
            self.telling.status_refused(rollout, error)
            raise
        self.record.refused = False
        self.outbox.reports.under_way(self.key, memory.status)
        return stored

    async def _check(self, rollout: RolloutObject, plan: Plan, seen: Observation, applied: Applied) -> None:
        """Tells of actions that were refused, or that got no answer again and again.

        Raises:
            PortError: the first failure.
            Superseded: something urgent was decided while that was recorded.
        """
        failures = applied.failures
        if not failures:
            self.telling.done(plan, scaled=applied.not_scaled is None)
            self._succeeded(plan)
            return
        error = next((one for one in failures if not isinstance(one, Conflict)), failures[0])
        if isinstance(error, Conflict):
            raise error
        self.record.failures += 1
        self.record.lowering = any(isinstance(one, SetWeights) and not one.raises for one in plan.actions)
        if isinstance(error, Rejected) or self.record.failures >= TOLD_AFTER:
            await self._tell_refusal(rollout, plan, _with_written(seen, applied), error)
        raise error

    def _superseded(self, plan: Plan, done: object) -> None:
        """Notes what the actions of a plan have done, where they had succeeded as something urgent was decided."""
        if isinstance(done, Applied) and not done.failures:
            self._note_scaling(plan, done.not_scaled)
            self.telling.done(plan, scaled=done.not_scaled is None)
            self._succeeded(plan)

    def _succeeded(self, plan: Plan) -> None:
        """Nothing was refused; what was corrected is remembered, for it may be corrected again and again."""
        record = self.record
        record.failures, record.lowering = 0, False
        if record.memory.refused is not None:
            record.memory = replace(record.memory, refused=None)
        if plan.corrects:
            times = (*record.memory.corrections, self.evaluation.now)[-KEPT_CORRECTIONS:]
            record.memory = replace(record.memory, corrections=times)

    async def _tell_refusal(self, rollout: RolloutObject, plan: Plan, seen: Observation, error: PortError) -> None:
        run = plan.memory.status.run
        edited = run is not None and run.ending is None and not urgent_before(plan.memory.status)
        reverts = plan.urgent and not edited
        reason = Reason.REVERT_REFUSED if reverts else Reason.WRITE_REFUSED
        what = "the weights could not be restored" if reverts else "a write failed"
        if sends_back(plan):
            what = "the traffic could not be sent back to the candidate"
        refusal = Refusal(reason, f"{what}: {error}", self.evaluation.now)
        memory = replace(self.record.memory, refused=refusal)
        refused = replace(plan, memory=memory, stalled=Why(refusal.reason, refusal.message))
        status = conclude(memory.status, refused, seen)
        self.telling.come_up(status.conditions)
        self.world.telemetry.concluded(rollout, status)
        self.record.memory = replace(memory, status=status)
        if needs_write(self.record, status, self.evaluation.now):
            run_only = plan.urgent and status.run is not None
            writing = asyncio.ensure_future(self._write(rollout, self.record.memory, run_only=run_only))
            if plan.urgent:  # what is to be tried again within a second does not wait for its own news
                await self._soon(writing, HEAD_START, give_up=True)
                await _settled(writing)
            else:
                await self.evaluation.beside(_settled(writing), seen)

    async def conclude(self, rollout: RolloutObject, plan: Plan, seen: Observation) -> float:
        """Remembers and records a plan that needs no action.

        Returns: when to be called again, epoch seconds.

        Raises:
            PortError: the status could not be written.
            Superseded: something urgent was decided meanwhile.
        """
        record, now = self.record, self.evaluation.now
        record.lowering = False
        self.telling.receivers = receivers_of(record.memory.status, seen)
        status = conclude(record.memory.status, plan, seen)
        record.memory = replace(plan.memory, status=status)
        self.telling.concluded(plan, status.conditions)
        if needs_write(record, status, now) and not record.vanished:
            try:
                rollout = await self.evaluation.beside(self._write(rollout, record.memory), seen)
            except Missing:
                self.telling.tell(rollout)
                return now
        self.telling.tell(rollout)
        record.reasons = frozenset()
        self._hand_on(rollout, plan)
        self.world.telemetry.concluded(rollout, status)
        upkeep = plan.upkeep if self.evaluation.observer.pace.every_point else math.inf
        return min(plan.stable_until, upkeep, now + self._outcomes_again(plan), due_again(status, now))

    def _outcomes_again(self, plan: Plan) -> float:
        """Seconds until outcomes of commands that could not be written are tried again; infinite where none are left."""
        if plan.outcomes:
            return self.outbox.retry_in(self.key)
        self.outbox.forget(self.key)
        return math.inf

    def _hand_on(self, rollout: RolloutObject, plan: Plan) -> None:
        """Hands on the outcomes of commands, and the Jobs that shall exist, once the memory that knows them is recorded."""
        if plan.jobs:
            recorded = {one.get("name") for one in (self.record.stored or {}).get("jobs") or ()}
            self.desk.start(rollout, [one for one in plan.jobs if one.name in recorded])
        for outcome in plan.outcomes:
            self.outbox.conclude(rollout, outcome)


def raises(plan: Plan) -> bool:
    """Whether a plan gives the candidate more."""
    return any(isinstance(action, SetWeights) and action.raises for action in plan.actions)


def writes_at_once(plan: Plan) -> bool:
    """Whether a plan takes traffic from the candidate, or sends it back after the promoted baseline breached."""
    return any(isinstance(action, SetWeights) and not action.waits for action in plan.actions)


def sends_back(plan: Plan) -> bool:
    """Whether a plan gives the candidate its traffic back after the promoted baseline breached."""
    return any(isinstance(action, SetWeights) and action.back for action in plan.actions)


def _with_written(seen: Observation, applied: Applied) -> Observation:
    """The observation with the routes as they were stored."""
    return replace(seen, routes={**seen.routes, **{one.ref.key: one for one in applied.routes}})


def _new(before: Memory, memory: Memory) -> bool:
    """Whether what is urgent was decided just now, and is not being tried again."""
    run = before.status.run
    return run is None or (run.ending is None and goes_before(before.status, memory.status))


def _unread(seen: Observation) -> bool:
    """Whether a route could not be read; one whose kind is not served is gone."""
    unknown = [one for one in seen.routes.values() if isinstance(one, Unknown)]
    return any(one.kind is not Unseen.NOT_SERVED for one in unknown)


def _held(memory: Memory) -> bool:
    return memory.status.run is not None and memory.status.run.hold is not None


def _stored(recording: asyncio.Future[RolloutObject]) -> RolloutObject | None:
    """The object as the record of a revert has left it; `None` while that is under way, or where it failed."""
    done = recording.done() and not recording.cancelled() and recording.exception() is None
    return recording.result() if done else None


async def _settled(recording: asyncio.Future[RolloutObject]) -> RolloutObject | PortError:
    """What became of the record of a revert; one that was given up may or may not have been written."""
    try:
        await asyncio.wait({recording})
    except asyncio.CancelledError:
        recording.cancel()
        raise
    if recording.cancelled():
        return Unavailable("the record of the revert was given up: its weights are tried again first")
    error = recording.exception()
    if error is not None and not isinstance(error, PortError):
        raise error
    return error if error is not None else recording.result()
