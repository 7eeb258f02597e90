"""One tick: read, ask, observe, decide, intend, apply, conclude, write. Never sleeps; says when it wants to be called again."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

from tidegate.core.conclude import conclude
from tidegate.core.decide import decide, spec_in_force
from tidegate.core.due import due
from tidegate.core.memory import Memory
from tidegate.core.observed import ABSENT, Answer, Question, RolloutObject, Unknown
from tidegate.core.plan import Decision, Plan, SetWeights
from tidegate.core.samples import Asked
from tidegate.core.seen import Observed
from tidegate.ports.errors import Conflict, Missing, PortError, Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.apply import apply
from tidegate.reconcile.index import Index
from tidegate.reconcile.observe import observe, read_templates
from tidegate.reconcile.specs import Check, Specs
from tidegate.reconcile.status import Record, needs_write, write

ROUNDS = 12
"""Plans carried out in one tick, at most: a chain longer than this is a mistake, and the next tick goes on."""

HEAD_START = 1.0
"""Seconds the record of a revert is waited for before the route is written all the same."""

RESYNC = 300.0
"""Seconds between two live looks at a run under way, should the watches be deaf."""

QUESTION_LIFE = 10.0
"""Seconds from when a question was due until its answer comes too late."""


class Ticker:
    """Ticks Rollouts, one call at a time for each; remembers between the calls what status need not hold."""

    def __init__(self, world: World, check: Check, index: Index | None = None, *, attended: bool = False) -> None:
        """Makes a ticker.

        Args:
            world: the ports.
            check: parses and checks a spec.
            index: is told what each Rollout looks at.
            attended: the caller promises that nothing changed between two ticks (the simulator).
        """
        self._world = world
        self._specs = Specs(check)
        self._records: dict[tuple[str, str], Record] = {}
        self._index = index if index is not None else Index()
        self._attended = attended

    async def tick(self, namespace: str, name: str, interrupt: asyncio.Event | None = None) -> float | None:
        """Looks at one Rollout and does what is to be done.

        Args:
            namespace: of the Rollout.
            name: of the Rollout.
            interrupt: set by whoever saw a deletion or a command come: open questions are left.

        Returns: when to be called again (epoch seconds, infinite for "only when something happens"); `None` when the
        Rollout is gone.

        Raises:
            PortError: something could not be done; call again soon.
        """
        return await _Tick(
            self._world, self._specs, self._records, (namespace, name), interrupt, self._index, self._attended
        ).run()

    def forget(self) -> None:
        """Forgets everything, as a restart does."""
        self._records.clear()


class _Tick:
    """The state of one call of `tick`."""

    def __init__(
        self,
        world: World,
        specs: Specs,
        records: dict[tuple[str, str], Record],
        key: tuple[str, str],
        interrupt: asyncio.Event | None,
        index: Index,
        attended: bool,  # noqa: FBT001
    ) -> None:
        self.world = world
        self.specs = specs
        self.records = records
        self.key = key
        self.interrupt = interrupt
        self.index = index
        self.attended = attended
        self.now = world.clock.now()
        self.answered: dict[Question, Answer | None] = {}
        self.tasks: dict[asyncio.Task[Answer], Question] = {}
        self.asked = False
        self.decisions: list[Decision] = []
        self.breach_seen: float | None = None

    async def run(self) -> float | None:
        try:
            return await self._run()
        finally:
            for task in self.tasks:
                task.cancel()
            if self.tasks:
                await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _run(self) -> float | None:
        rollout = await self._read(fresh=False)
        if rollout is None:
            return None
        record = self.records.setdefault(self.key, Record())
        memory = record.recall(rollout)
        fresh = self._resync(record, memory)
        for _ in range(ROUNDS):
            seen, plan = await self._decide(rollout, memory, fresh=fresh)
            if self._must_look(plan, seen):
                fresh = True
                again = await self._read(fresh=True)
                if again is None:
                    return None
                rollout, memory = again, record.recall(again)
                continue
            if not plan.actions and not plan.intent:
                break
            try:
                rollout = await self._carry_out(record, rollout, plan, seen)
            except Conflict:
                again = await self._read(fresh=True)
                if again is None:
                    return None
                rollout, memory, fresh = again, record.recall(again), True
                continue
            memory = record.memory
            fresh = False
            if any(isinstance(action, SetWeights) and action.raises for action in plan.actions):
                self.answered.clear()
        return await self._conclude(record, rollout, plan, seen)

    def _resync(self, record: Record, memory: Memory) -> bool:
        """Whether it is time to look live at a run: a watch may have gone deaf."""
        if memory.status.run is None:
            return False
        if record.looked is not None and self.now - record.looked < RESYNC:
            return False
        record.looked = self.now
        return True

    async def _read(self, *, fresh: bool) -> RolloutObject | None:
        namespace, name = self.key
        found = await self.world.store.read(namespace, name, fresh=fresh)
        if isinstance(found, Unknown):
            raise Unavailable(f"Rollout {namespace}/{name} could not be read: {found.reason}")
        if found is ABSENT:
            self._forget()
            return None
        assert isinstance(found, RolloutObject)  # noqa: S101  (the two others returned above)
        return found

    def _forget(self) -> None:
        self.records.pop(self.key, None)
        self.index.put(self.key, ())
        self.world.telemetry.forgotten(*self.key)

    async def _decide(self, rollout: RolloutObject, memory: Memory, *, fresh: bool) -> tuple[Observed, Plan]:
        """Observes and decides; again after each answer, until a plan is urgent or every answer is there."""
        seen = await self._observe(rollout, memory, fresh=fresh)
        if not self.asked:
            self._ask(due(memory, seen))
        seen = replace(seen, asked=Asked(dict(self.answered)))
        plan = decide(memory, seen)
        while self.tasks and not plan.urgent:
            interrupted = await self._next_answers()
            if interrupted:
                again = await self._read(fresh=False)
                seen = await self._observe(again or rollout, memory, fresh=fresh)
            seen = replace(seen, asked=Asked(dict(self.answered)))
            plan = decide(memory, seen)
        if plan.templates and not seen.templates:
            spec = spec_in_force(memory, seen)
            templates = await read_templates(self.world, rollout.namespace, spec)
            seen = replace(seen, templates=templates)
            plan = decide(memory, seen)
        return seen, plan

    async def _observe(self, rollout: RolloutObject, memory: Memory, *, fresh: bool) -> Observed:
        parsed = self.specs.of(rollout)
        seen = await observe(self.world, rollout, parsed, memory, now=self.now, fresh=fresh)
        spec = spec_in_force(memory, seen)
        arms = [("Deployment", arm.deployment) for arm in (spec.baseline, spec.candidate)]
        services = [("Service", arm.service) for arm in (spec.baseline, spec.candidate)]
        self.index.put(self.key, [*arms, *services, *(tuple(key.split("/", 1)) for key in seen.routes)])
        return replace(seen, attended=self.attended)

    def _ask(self, questions: tuple[Question, ...]) -> None:
        self.asked = True
        for question in questions:
            self.answered[question] = None
            task = asyncio.ensure_future(self.world.metrics.sample(question, timeout=QUESTION_LIFE))
            self.tasks[task] = question

    async def _next_answers(self) -> bool:
        """Waits for at least one answer, or for an interruption; whether it was one."""
        waiting: set[asyncio.Future[Any]] = set(self.tasks)
        stop = asyncio.ensure_future(self.interrupt.wait()) if self.interrupt is not None else None
        if stop is not None:
            waiting.add(stop)
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if stop is not None:
                stop.cancel()
        for task in [task for task in self.tasks if task in done]:
            self.answered[self.tasks.pop(task)] = task.result()
            self.breach_seen = self.world.clock.monotonic()
        interrupted = self.interrupt is not None and self.interrupt.is_set()
        if interrupted and self.interrupt is not None:
            self.interrupt.clear()
        return interrupted

    def _must_look(self, plan: Plan, seen: Observed) -> bool:
        """Whether the plan must be decided on live reads first. A revert's write is tested; it need not wait for them."""
        if seen.fresh:
            return False
        if plan.urgent and any(isinstance(action, SetWeights) and action.revert for action in plan.actions):
            return False
        return plan.needs_fresh

    async def _carry_out(self, record: Record, rollout: RolloutObject, plan: Plan, seen: Observed) -> RolloutObject:
        before = record.memory
        memory = replace(plan.memory, status=conclude(before.status, plan, seen))
        try:
            if plan.urgent:
                rollout = await self._end(record, rollout, plan, memory)
            else:
                recorded = None
                if plan.intent:
                    rollout = await write(self.world.store, record, rollout, memory.status)
                    recorded = self.world.clock.monotonic()
                    record.memory = memory
                rollout = await apply(self.world, rollout.namespace, rollout, plan, recorded)
                record.memory = memory
        finally:
            if plan.decisions and record.memory is memory:
                self.decisions += plan.decisions
        return rollout

    async def _end(self, record: Record, rollout: RolloutObject, plan: Plan, memory: Memory) -> RolloutObject:
        """A revert: its record has a head start, but the route is written whatever becomes of it."""
        record.memory = memory
        recording = asyncio.ensure_future(
            write(self.world.store, record, rollout, memory.status, run_only=memory.status.run is not None)
        )
        try:
            await asyncio.wait({recording}, timeout=HEAD_START)
            await apply(self.world, rollout.namespace, rollout, plan, self.world.clock.monotonic())
            self._report(rollout, plan)
        finally:
            stored = await _settled(recording)
        record.memory = memory
        if isinstance(stored, RolloutObject):
            return stored
        raise stored

    def _report(self, rollout: RolloutObject, plan: Plan) -> None:
        since = self.world.clock.monotonic() - self.breach_seen if self.breach_seen is not None else 0.0
        for action in plan.actions:
            if isinstance(action, SetWeights):
                self.world.telemetry.weights_written(rollout, action.route.ref.key, revert=action.revert, seconds=since)

    async def _conclude(self, record: Record, rollout: RolloutObject, plan: Plan, seen: Observed) -> float | None:
        status = conclude(record.memory.status, plan, seen)
        memory = replace(plan.memory, status=status)
        if needs_write(record, status):
            try:
                rollout = await write(self.world.store, record, rollout, status)
            except Missing:
                self._forget()
                return None
        record.memory = memory
        for decision in (*self.decisions, *plan.decisions):
            self.world.telemetry.decided(rollout, decision)
            await self.world.events.publish(
                rollout, warning=decision.warning, reason=decision.reason, message=decision.message
            )
        self.world.telemetry.concluded(rollout, status)
        return min(plan.stable_until, math.inf if self.attended else plan.upkeep)


async def _settled(recording: asyncio.Future[RolloutObject]) -> RolloutObject | PortError:
    """What became of the record of a revert."""
    try:
        return await recording
    except PortError as error:
        return error
