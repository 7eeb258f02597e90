"""One tick: read, ask, observe, decide, intend, apply, conclude, write. Never sleeps; says when it wants to be called again."""

from __future__ import annotations

import asyncio
import math
from typing import Final

import structlog

from tidegate.core.model import cadence
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live, Observation
from tidegate.core.model.pace import EVERY_POINT, Pace
from tidegate.core.model.plan import Plan, SetWeights
from tidegate.core.model.world import RolloutObject
from tidegate.core.tick.kept_spec import spec_in_force
from tidegate.core.traffic.lowering import sent_back, urgent_before
from tidegate.ports.errors import Conflict, PortError
from tidegate.ports.world import World
from tidegate.reconcile.carrying import Carrying, raises, sends_back, writes_at_once
from tidegate.reconcile.crowd import Crowd
from tidegate.reconcile.evaluation import Evaluation, Superseded
from tidegate.reconcile.index import Index, Key
from tidegate.reconcile.jobs import JobDesk
from tidegate.reconcile.observe import Observer
from tidegate.reconcile.outbox import Outbox
from tidegate.reconcile.raises import Raises, Turn
from tidegate.reconcile.reading import Reader
from tidegate.reconcile.specs import Check, Specs
from tidegate.reconcile.status import Record

ROUNDS: Final = 12
"""Plans carried out in one tick, at most; the next tick goes on."""

PROMPT: Final = 0.1
"""Seconds of waiting for a turn after which a raise needs new answers."""

RETRY: Final = 1.0
"""Seconds until a write that takes traffic from the candidate is tried again after it failed, at most."""

RESYNC: Final = 300.0
"""Seconds between two live looks at a run under way, should the watches be deaf."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Ticker:
    """Ticks Rollouts, one call at a time for each; remembers between the calls what status need not hold."""

    def __init__(self, world: World, check: Check, index: Index | None = None, *, pace: Pace = EVERY_POINT) -> None:
        """Makes a ticker.

        Args:
            world: the ports.
            check: parses and checks a spec.
            index: is told what each Rollout looks at.
            pace: how the caller lets ticks follow each other.
        """
        self._world = world
        self._specs = Specs(check)
        self._records: dict[Key, Record] = {}
        self._index = index if index is not None else Index()
        self._pace = pace
        self.raises = Raises(world.clock)
        """Whose turn it is to raise."""
        self.crowd = Crowd(world.clock)
        """Whether many are being reverted."""
        self.outbox = Outbox(world)
        """What leaves the ticks without being waited for."""
        self.desk = JobDesk(world)
        """The Jobs of hooks, gates and limits, which are not waited for either."""

    async def tick(self, namespace: str, name: str, interrupt: asyncio.Event | None = None) -> float | None:
        """Looks at one Rollout and does what is to be done.

        Args:
            namespace: of the Rollout.
            name: of the Rollout.
            interrupt: set by whoever saw something change that this tick may not have seen.

        Returns: when to be called again (epoch seconds, infinite for "only when something happens"); `None` when the
        Rollout is gone.

        Raises:
            PortError: something could not be done; call again soon.
        """
        with structlog.contextvars.bound_contextvars(namespace=namespace, rollout=name):
            return await self._tick((namespace, name), interrupt)

    async def _tick(self, key: Key, interrupt: asyncio.Event | None) -> float | None:
        record = self._records.get(key) or Record()
        reader = Reader(self._world, key, record, self.outbox.wake)
        rollout = await reader.first()
        if rollout is None:
            self._forget(key)
            return None
        self._records[key] = record
        observer = Observer(
            self._world, reader, self._specs, self._index, self.outbox, self.desk, self.crowd, self._pace
        )
        evaluation = Evaluation(self._world, reader, observer, interrupt)
        carrying = Carrying(self._world, key, record, evaluation, self.outbox, self.desk)
        following = await _Tick(reader, evaluation, carrying, self.raises).run(rollout)
        if following is None or (record.vanished and record.memory.status.run is None):
            self._forget(key)
            return None if following is None else self._world.clock.now()
        return following

    def reverting(self, key: Key) -> bool:
        """Whether traffic is being taken from the candidate, by a revert or by a lower weight that failed: it is tried again soon."""
        record = self._records.get(key)
        run = record.memory.status.run if record is not None else None
        if record is None or run is None:
            return False
        return run.ending is not None or urgent_before(record.memory.status) or record.lowering

    def under_way(self, key: Key) -> bool:
        """Whether a run is known to be under way."""
        record = self._records.get(key)
        return record is not None and record.memory.status.run is not None

    def next_evaluation(self, key: Key) -> float:
        """Epoch seconds at which a Rollout's guards are due next; infinite for one without a run."""
        record = self._records.get(key)
        if record is None or record.rollout is None or record.memory.status.run is None:
            return math.inf
        return cadence.following(record.rollout.uid, record.interval, self._world.clock.now())

    def _forget(self, key: Key) -> None:
        record = self._records.pop(key, None)
        if record is not None:
            record.forgotten()
        self._index.put(key, ())
        self.outbox.forget(key)
        self.outbox.messages.gone(key)
        self.desk.forget(key)
        self.outbox.reports.forget(key)
        self._world.telemetry.forgotten(*key)


class _Tick:
    """One call of `tick`."""

    def __init__(self, reader: Reader, evaluation: Evaluation, carrying: Carrying, raises: Raises) -> None:
        self.reader = reader
        self.record = reader.record
        self.evaluation = evaluation
        self.carrying = carrying
        self.raises = raises
        self.rounds = 0
        """Since it began, since a failed write, or since they were counted anew."""
        self.counted = evaluation.world.clock.monotonic()
        """Monotonic seconds when that was."""
        self.turn: Turn | None = None
        """To raise: until the tick ends."""

    async def run(self, rollout: RolloutObject) -> float | None:
        run = self.record.memory.status.run
        try:
            with structlog.contextvars.bound_contextvars(**({"run": run.id} if run is not None else {})):
                return await self._rounds(rollout)
        except PortError:
            self.carrying.telling.tell(rollout)
            raise
        finally:
            if self.turn is not None:
                self.raises.leave(self.turn)
            await self.evaluation.asking.end()

    async def _rounds(self, rollout: RolloutObject) -> float | None:
        """Decides and carries out until there is nothing left to carry out."""
        record = self.record
        memory = record.recall(rollout)
        live, least = Live.NOTHING, Live.EVERYTHING if self._resync(memory) else Live.NOTHING
        refused: Conflict | None = None
        decided: tuple[Observation, Plan] | None = None
        seen, changed = None, False
        plan = Plan(memory)
        again: RolloutObject | None = rollout
        while self._another_round():
            try:
                if live is Live.EVERYTHING:
                    again = await self._look(rollout, plan, seen)
                    if again is None:
                        return None
                    rollout, memory = again, record.recall(again)
                seen, plan = decided or await self.evaluation.decide(rollout, memory, live=live, changed=changed)
                decided, changed = None, False
                record.interval = max(spec_in_force(memory, seen).interval.seconds, 1.0)
                needs = (
                    plan.needs if plan.idle else max(plan.needs, least)
                )  # an evaluation that is due does not wait for a look for its own sake
                if self._must_look(plan, seen, needs):
                    again, live, least = rollout, needs, Live.NOTHING
                    await self._take_turn(plan, seen)
                elif not plan.actions and not plan.intent:
                    return await self.carrying.conclude(rollout, plan, seen)
                else:
                    again, live, refused = await self._carry_out(rollout, plan, seen), Live.NOTHING, None
                    await self._evaluate_new_run(again or rollout, memory)
            except Superseded as superseded:
                _log.info("call given up: something urgent was decided meanwhile")
                decided, live, again = superseded.decided, Live.NOTHING, record.rollout
            except Conflict as error:
                again, refused, seen = record.rollout or rollout, error, None
                changed = writes_at_once(plan)
                live = Live.NOTHING if changed else Live.EVERYTHING
            if again is None:
                return None
            rollout, memory = again, record.recall(again)
        if refused is not None:
            raise refused
        self.carrying.telling.tell(rollout)
        return self.evaluation.now

    async def _carry_out(self, rollout: RolloutObject, plan: Plan, seen: Observation) -> RolloutObject | None:
        """Carries a plan out. A failed write costs no open query its answer: it is tried again beside them.

        Returns: the Rollout as it is then; `None` when it is gone.

        Raises:
            PortError: a write failed, and no query is open.
            Conflict: it must be decided again.
        """
        try:
            carried = await self.carrying.carry_out(rollout, plan, seen)
        except Conflict:
            raise
        except PortError as error:
            if not self.evaluation.goes_on:
                raise
            self.evaluation.world.telemetry.failed(*self.reader.key, error, retry=RETRY)
            self.carrying.telling.tell(rollout)
            self.evaluation.try_again_in(RETRY)
            self.rounds = 0
            return await self.reader.again(fresh=False)
        self._forget_answers(plan)
        if not self.evaluation.goes_on:
            return carried
        self.carrying.telling.tell(carried)  # the tick may go on for seconds
        return await self.reader.again(fresh=False)  # it may have changed before that was decided

    def _another_round(self) -> bool:
        """Whether the tick goes on: it has its rounds; beside open queries some more each second, whoever fights for a route."""
        if self.rounds >= ROUNDS and self.evaluation.goes_on:
            now = self.evaluation.world.clock.monotonic()
            self.evaluation.try_again_in(max(self.counted + RETRY - now, 0.0))
            self.rounds, self.counted = 0, now
        self.rounds += 1
        return self.rounds <= ROUNDS

    async def _look(self, rollout: RolloutObject, plan: Plan, seen: Observation | None) -> RolloutObject | None:
        """The Rollout, live, before a plan is decided again; `None` when it is gone.

        What is urgent and was decided already does not go before that.
        """
        status = self.record.memory.status
        urgent = plan.urgent or self._ending or sent_back(status)
        beside = self.evaluation.beside_urgent if urgent_before(status) else self.evaluation.beside
        return await beside(self.reader.live(rollout, urgent=urgent), seen)

    def _must_look(self, plan: Plan, seen: Observation, needs: Live) -> bool:
        """Whether the plan must be decided on live reads first.

        An end is latched, and a revert's tested write is tried, before anybody looks again: neither may be lost to an answer that
        comes out differently. So is the way back from a promoted version that breached. A lower weight whose write has failed
        is no reason to overlook what ends the run.
        """
        acts = plan.intent or any(isinstance(one, SetWeights) and one.revert for one in plan.actions)
        failed = self.record.failures > 0 and self.evaluation.repeats(plan) and not sends_back(plan)
        overlooks = plan.urgent and acts and not (failed and needs is Live.EVERYTHING)
        return needs > seen.live and not overlooks

    async def _evaluate_new_run(self, rollout: RolloutObject, before: Memory) -> None:
        """Tells of a run that has just begun, and begins its first evaluation: nothing was queried for it yet."""
        if before.status.run is None and self.record.memory.status.run is not None:
            self.carrying.telling.tell(rollout)
            await self.evaluation.renew()

    async def _take_turn(self, plan: Plan, seen: Observation) -> None:
        """Waits for a turn to raise, where a plan does; a raise that had to wait is decided on answers of now."""
        if self.turn is not None or not raises(plan) or sent_back(plan.memory.status):
            return
        began = self.evaluation.world.clock.monotonic()
        await self.evaluation.beside(self._enter(), seen)
        if self.evaluation.world.clock.monotonic() > began + PROMPT:
            await self.evaluation.renew()

    async def _enter(self) -> None:
        self.turn = await self.raises.enter()

    @property
    def _ending(self) -> bool:
        run = self.record.memory.status.run
        return run is not None and run.ending is not None

    def _forget_answers(self, plan: Plan) -> None:
        if any(isinstance(action, SetWeights) and action.raises for action in plan.actions):
            self.evaluation.asking.forget()

    def _resync(self, memory: Memory) -> bool:
        """Whether it is time to look live at a run: a watch may have gone deaf."""
        if memory.status.run is None:
            return False
        now, record = self.evaluation.world.clock.monotonic(), self.record
        if (
            record.looked is None
        ):  # all was listed just now; the first such looks after a start are spread over as much time
            uid = record.rollout.uid if record.rollout is not None else ""
            record.looked = now + cadence.phase(uid, RESYNC)
        if now - record.looked < RESYNC:
            return False
        record.looked = now
        return True
