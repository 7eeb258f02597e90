"""One tick: read, ask, observe, decide, intend, apply, conclude, write. Never sleeps; says when it wants to be called again."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

from tidegate.core.conclude import conclude
from tidegate.core.decide import decide, spec_in_force
from tidegate.core.due import due
from tidegate.core.keeping import with_metrics_kept
from tidegate.core.memory import Memory
from tidegate.core.observed import ABSENT, RolloutObject, Unknown
from tidegate.core.plan import Decision, Plan, SetWeights
from tidegate.core.seen import Observed
from tidegate.ports.errors import Conflict, Missing, PortError, Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.apply import apply
from tidegate.reconcile.asking import Asking
from tidegate.reconcile.index import Index
from tidegate.reconcile.observe import observe, read_templates
from tidegate.reconcile.specs import Check, Specs
from tidegate.reconcile.status import Record, needs_write, write
from tidegate.reconcile.templates import NONE_NAMED, Looked, look

ROUNDS = 12
"""Plans carried out in one tick, at most; the next tick goes on."""

HEAD_START = 0.25
"""Seconds the record of a revert is waited for before the route is written all the same."""

RESYNC = 300.0
"""Seconds between two live looks at a run under way, should the watches be deaf."""


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
        self.index = index
        self.attended = attended
        self.now = world.clock.now()
        self.asking = Asking(world, interrupt, "/".join(key))
        self.decisions: list[Decision] = []
        self.looked = NONE_NAMED
        self.looked_at: tuple[int, bool] | None = None

    async def run(self) -> float | None:
        rollout = await self._read(fresh=False)
        if rollout is None:
            return None
        record = self.records.setdefault(self.key, Record())
        try:
            return await self._rounds(record, rollout)
        except PortError:
            await self._tell(rollout)
            raise
        finally:
            await self.asking.end()

    async def _rounds(self, record: Record, rollout: RolloutObject) -> float | None:
        """Decides and carries out until there is nothing left to carry out."""
        memory = record.recall(rollout)
        fresh = self._resync(record, memory)
        refused: Conflict | None = None
        for _ in range(ROUNDS):
            seen, plan = await self._decide(rollout, memory, fresh=fresh)
            if self._must_look(plan, seen):
                fresh = True
                again = await self._look(rollout, urgent=plan.urgent)
                if again is None:
                    return None
                rollout, memory = again, record.recall(again)
                continue
            if not plan.actions and not plan.intent:
                return await self._conclude(record, rollout, plan, seen)
            try:
                rollout = await self._carry_out(record, rollout, plan, seen)
            except Conflict as error:
                refused = error
                again = await self._look(rollout, urgent=plan.urgent)
                if again is None:
                    return None
                rollout, fresh = again, True
            else:
                refused, fresh = None, False
                if any(isinstance(action, SetWeights) and action.raises for action in plan.actions):
                    self.asking.forget()
            memory = record.recall(rollout)
        if refused is not None:
            raise refused
        await self._tell(rollout)
        return self.now

    def _resync(self, record: Record, memory: Memory) -> bool:
        """Whether it is time to look live at a run: a watch may have gone deaf."""
        if memory.status.run is None:
            return False
        now = self.world.clock.monotonic()
        if record.looked is not None and now - record.looked < RESYNC:
            return False
        record.looked = now
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

    async def _look(self, rollout: RolloutObject, *, urgent: bool) -> RolloutObject | None:
        """The Rollout, live; an end under way goes on with what is known of it."""
        try:
            return await self._read(fresh=True)
        except Unavailable:
            if not urgent:
                raise
            return rollout

    def _forget(self) -> None:
        self.records.pop(self.key, None)
        self.index.put(self.key, ())
        self.world.telemetry.forgotten(*self.key)

    async def _decide(self, rollout: RolloutObject, memory: Memory, *, fresh: bool) -> tuple[Observed, Plan]:
        """Observes and decides; again after each answer, until a plan is urgent or every answer is there."""
        seen = await self._observe(rollout, memory, fresh=fresh)
        memory = with_metrics_kept(memory, seen)
        if not self.asking.begun:
            self.asking.ask(due(memory, seen))
        seen = replace(seen, asked=self.asking.asked())
        plan = decide(memory, seen)
        while not plan.urgent:
            self.asking.ask(plan.wanted)
            if not self.asking.open:
                break
            if await self.asking.wait():
                again = await self._read(fresh=False)
                seen = await self._observe(again or rollout, memory, fresh=fresh)
            seen = replace(seen, asked=self.asking.asked())
            plan = decide(memory, seen)
        if plan.templates and not seen.templates:
            spec = spec_in_force(memory, seen)
            templates = await read_templates(self.world, rollout.namespace, spec)
            seen = replace(seen, templates=templates)
            plan = decide(memory, seen)
        if plan.old_template and seen.old_template is None:
            baseline = spec_in_force(memory, seen).baseline.deployment
            exclude = memory.status.run.version.exclude if memory.status.run is not None else ()
            old = await self.world.workloads.revision(rollout.namespace, baseline, plan.old_template, exclude)
            seen = replace(seen, old_template=old)
            plan = decide(memory, seen)
        return seen, plan

    async def _observe(self, rollout: RolloutObject, memory: Memory, *, fresh: bool) -> Observed:
        looked = await self._look_at_templates(rollout, fresh=fresh)
        parsed = self.specs.of(rollout, looked)
        seen = await observe(self.world, rollout, parsed, memory, now=self.now, fresh=fresh)
        spec = spec_in_force(memory, seen)
        arms = [("Deployment", arm.deployment) for arm in (spec.baseline, spec.candidate)]
        services = [("Service", arm.service) for arm in (spec.baseline, spec.candidate)]
        routes = [tuple(key.split("/", 1)) for key in seen.routes]
        templates = [(str(ref.kind), ref.name) for ref in looked.refs]
        self.index.put(self.key, [*arms, *services, *routes, *templates])
        return replace(seen, attended=self.attended)

    async def _look_at_templates(self, rollout: RolloutObject, *, fresh: bool) -> Looked:
        """The metric templates it names: read once in a tick, and once more where everything is looked at live."""
        if self.looked_at is None or self.looked_at[0] != rollout.generation or (fresh and not self.looked_at[1]):
            self.looked = await look(self.world, rollout, fresh=fresh)
            self.looked_at = (rollout.generation, fresh)
        return self.looked

    def _must_look(self, plan: Plan, seen: Observed) -> bool:
        """Whether the plan must be decided on live reads first.

        An end is latched, and a revert's tested write is tried, before anybody looks again: neither may be lost to an
        answer that comes out differently.
        """
        if seen.fresh:
            return False
        if plan.urgent and (plan.intent or any(isinstance(one, SetWeights) and one.revert for one in plan.actions)):
            return False
        return plan.needs_fresh

    async def _carry_out(self, record: Record, rollout: RolloutObject, plan: Plan, seen: Observed) -> RolloutObject:
        """Records what must be recorded, acts, and remembers what was decided, whatever became of the actions.

        A plan whose memory depends on its actions has an intent, so its memory stands once that is recorded.
        """
        memory = replace(plan.memory, status=conclude(record.memory.status, plan, seen))
        if plan.urgent:
            return await self._end(record, rollout, plan, memory)
        recorded = None
        if plan.intent:
            recorded = self.world.clock.monotonic()
            rollout = await write(self.world.store, record, rollout, memory.status)
            self.decisions += plan.decisions
        record.memory = memory
        rollout = await apply(self.world, rollout.namespace, rollout, plan, recorded)
        self._report(rollout, plan)
        if not plan.intent:
            self.decisions += plan.decisions
        return rollout

    async def _end(self, record: Record, rollout: RolloutObject, plan: Plan, memory: Memory) -> RolloutObject:
        """A revert: its record has a head start, but the route is written whatever becomes of it."""
        record.memory = memory
        self.decisions += plan.decisions
        await self.asking.end()
        recording = asyncio.ensure_future(
            write(self.world.store, record, rollout, memory.status, run_only=memory.status.run is not None)
        )
        try:
            await asyncio.wait({recording}, timeout=HEAD_START)
            await apply(self.world, rollout.namespace, rollout, plan, self.world.clock.monotonic())
            self._report(rollout, plan)
        finally:
            stored = await _settled(recording)
        if isinstance(stored, RolloutObject):
            return stored
        raise stored

    def _report(self, rollout: RolloutObject, plan: Plan) -> None:
        answered = self.asking.answered
        since = self.world.clock.monotonic() - answered if answered is not None else 0.0
        for action in plan.actions:
            if isinstance(action, SetWeights):
                self.world.telemetry.weights_written(rollout, action.route.ref.key, revert=action.revert, seconds=since)

    async def _conclude(self, record: Record, rollout: RolloutObject, plan: Plan, seen: Observed) -> float | None:
        status = conclude(record.memory.status, plan, seen)
        record.memory = replace(plan.memory, status=status)
        self.decisions += plan.decisions
        if needs_write(record, status):
            try:
                rollout = await write(self.world.store, record, rollout, status)
            except Missing:
                self._forget()
                return None
        await self._tell(rollout)
        self.world.telemetry.concluded(rollout, status)
        return min(plan.stable_until, math.inf if self.attended else plan.upkeep)

    async def _tell(self, rollout: RolloutObject) -> None:
        """Tells people what was decided, once."""
        decisions, self.decisions = self.decisions, []
        for decision in decisions:
            self.world.telemetry.decided(rollout, decision)
            await self.world.events.publish(
                rollout, warning=decision.warning, reason=decision.reason, message=decision.message
            )


async def _settled(recording: asyncio.Future[RolloutObject]) -> RolloutObject | PortError:
    """What became of the record of a revert."""
    try:
        return await recording
    except PortError as error:
        return error
