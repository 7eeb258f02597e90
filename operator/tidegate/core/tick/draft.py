"""The plan while it is being made: one tick's observation, and the memory as it changes. Local to one call of `decide`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import (
    Ending,
    Hold,
    Paused,
    RolloutStatus,
    RunStatus,
    SharedStatus,
    StepStatus,
    Waiting,
)
from tidegate.api.rollout.steps import Step
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.finding import Finding
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live, Observation
from tidegate.core.model.plan import Action, ConcludeCommand, Decision, Plan, Why
from tidegate.core.model.samples import NotAsked, Open
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import Arm, ArmName

ABSENCE_GRACE = 5.0
"""Seconds a tick may be late beyond two intervals before it counts as an absence."""


REFUSED_LASTS = 60.0
"""Seconds for which a refusal is shown when nothing more is heard of it."""

AT_ONCE = frozenset({"ProgressDeadlineExceeded"})
"""Waits that are over before they begin: somebody else's deadline has passed."""

TAKEN_AWAY = frozenset(
    {
        "ArmsOverlap",
        "BackendsMissing",
        "BaselineMissing",
        "BaselineServiceMissing",
        "CandidateServiceMissing",
        "RouteNotWritable",
        "RouterNotServed",
        "RuleMissing",
    }
)
"""What a run must not wait for without a word: somebody took it away."""


@dataclass
class Draft:
    """See the module."""

    seen: Observation
    memory: Memory
    spec: RolloutSpec
    """The spec in force: the current one when valid, else the last valid one."""
    status: RolloutStatus
    elapsed: float = 0.0
    """Watched seconds since the tick before."""
    actions: list[Action] = field(default_factory=list)
    outcomes: list[ConcludeCommand] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    """Instants (epoch seconds) at which the same observation would give another plan."""
    upkeep: float = math.inf
    """When the guards are judged again, or the heartbeat is recorded."""
    guard_findings: list[Finding] = field(default_factory=list)
    threshold_findings: list[Finding] = field(default_factory=list)
    stalled: Why | None = None
    """What a person must mend."""
    doing: Why | None = None
    """What goes on."""
    attention: Why | None = None
    """A person is waited for."""
    ready: Why | None = None
    """Nothing is to be done, and nothing is wrong."""
    lost: Why | None = None
    """What must be true before a raise and no longer is: the step stands still meanwhile."""
    puts_back: bool = False
    """What somebody else gave the candidate is taken away."""
    arms_refused: bool = False
    """An edit changed the arms while a run is under way."""
    watching: bool = False
    intent: bool = False
    urgent: bool = False
    needs: Live = Live.NOTHING
    """What must be read live before the plan is carried out."""
    templates: bool = False
    old_template: str = ""
    wanted: list[Query] = field(default_factory=list)
    """Queries that the answers so far have raised."""

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self.seen.now

    @property
    def interval(self) -> float:
        """Seconds between two judgements."""
        return max(self.spec.interval.seconds, 1.0)

    @property
    def run(self) -> RunStatus:
        """The run under way.

        Raises:
            LookupError: there is none; asking is a mistake in the caller.
        """
        if self.status.run is None:
            raise LookupError("no run is under way")
        return self.status.run

    @property
    def step(self) -> StepStatus:
        """The step the run is in.

        Raises:
            LookupError: there is none.
        """
        if self.status.step is None:
            raise LookupError("the run has no step")
        return self.status.step

    @property
    def step_spec(self) -> Step | None:
        """The current step as the spec has it now; `None` when an edit removed it."""
        return next((step for step in self.spec.steps if step.name == self.step.name), None)

    @property
    def weight(self) -> Decimal:
        """The weight decided last, percent."""
        return Decimal(str(self.run.weight))

    def ending(self) -> bool:
        """Whether the run's end is decided."""
        return self.status.run is not None and self.status.run.ending is not None

    def arm(self, name: ArmName) -> Arm | None:
        """The arm when it was seen, else `None` (absent or unknown: ask `seen` where that matters)."""
        found = self.seen.arm(name)
        return found if isinstance(found, Arm) else None

    def need(self, live: Live = Live.EVERYTHING) -> None:
        """The plan rests on something decisive: so much must be read live before it is carried out."""
        self.needs = max(self.needs, live)

    def update(self, **changes: object) -> None:
        """Changes the status."""
        self.status = self.status.model_copy(update=changes)

    def update_run(self, **changes: object) -> None:
        """Changes the run."""
        self.update(run=self.run.model_copy(update=changes))

    def update_step(self, **changes: object) -> None:
        """Changes the step."""
        self.update(step=self.step.model_copy(update=changes))

    def want(self, query: Query) -> Answer | Open | NotAsked:
        """The answer to a query that other answers have raised; it is asked in this tick when it was not yet.

        One that is asked already and still open is waited for no longer than the query's own life, from now.
        """
        answer = self.seen.asked.answer(query)
        if isinstance(answer, NotAsked) or (isinstance(answer, Open) and query.life is not None):
            self.wanted.append(query)
        return answer

    def say(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Tells people about a decision."""
        self.decisions.append(Decision(reason, message, warning))

    def end(self, kind: RunEnd, reason: str, evidence: str, *, forced: bool = False) -> None:
        """Latches the run's end, unless one is latched."""
        if self.run.ending is not None:
            return
        ending = Ending(kind=str(kind), reason=reason, evidence=evidence, since=instant(self.now), forced=forced)
        self.update_run(ending=ending, hold=None, waiting=None)
        self.say(reason, evidence, warning=kind is RunEnd.REVERTED)
        self.urgent = True
        self.intent = True

    def hold(self, reason: str, message: str, *, restart: bool, shared: str = "") -> None:
        """Stands still until all is well; `shared` names a line that both arms are beyond now."""
        before = self.run.hold
        if before is None:
            self.say("Holding", message, warning=True)
        since = before.since if before else instant(self.now)
        restart = restart or bool(before and before.restart)
        both = before.shared if before else ()
        if shared:
            both = (*(one for one in both if one.name != shared), SharedStatus(name=shared, last=instant(self.now)))
        self.update_run(hold=Hold(reason=reason, message=message, since=since, restart=restart, shared=both))

    def pause(self, reason: str, message: str) -> None:
        """Stops until a person resumes."""
        if self.run.paused is None:
            self.update_run(paused=Paused(reason=reason, message=message, since=instant(self.now)))
            self.say(reason, message, warning=reason != "PausedByCommand")

    def wait(self, why: Why, *, deadline: bool = True) -> None:
        """Says what stands before the next move; with `deadline` it becomes `Stalled` when it lasts too long."""
        active = self.status.run is not None
        before = self.run.waiting if active else self.status.waiting
        since = before.since if before is not None and before.reason == why.reason else instant(self.now)
        waiting = Waiting(reason=why.reason, message=why.message, since=since)
        if active:
            self.update_run(waiting=waiting)
        else:
            self.update(waiting=waiting)
        self.doing = why
        ends = since.timestamp() + self.spec.progress_deadline.seconds
        if why.reason in AT_ONCE or (active and why.reason in TAKEN_AWAY):
            self.stalled = why
        elif deadline and self.now >= ends:
            self.stalled = Why(why.reason, f"{why.message} (for longer than {self.spec.progress_deadline})")
        elif deadline:
            self.wakes.append(ends)

    def go_on(self) -> None:
        """Nothing stands before the next move."""
        if self.status.run is not None and self.run.waiting is not None:
            self.update_run(waiting=None)
        if self.status.waiting is not None:
            self.update(waiting=None)

    def _refused(self) -> Why | None:
        """What was refused just now, whatever this tick could do instead."""
        refused = self.memory.refused
        if refused is None or self.status.run is None or abs(self.now - refused.since) > REFUSED_LASTS:
            return None
        return Why(refused.reason, refused.message)

    def plan(self) -> Plan:
        """The plan, made up."""
        memory = replace(self.memory, status=self.status, watching=self.watching)
        future = [wake for wake in self.wakes if wake > self.now]
        return Plan(
            memory=memory,
            actions=tuple(self.actions),
            outcomes=tuple(self.outcomes),
            decisions=tuple(self.decisions),
            intent=self.intent,
            urgent=self.urgent,
            needs=self.needs,
            stable_until=min(future, default=math.inf),
            upkeep=self.upkeep,
            templates=self.templates,
            old_template=self.old_template,
            wanted=tuple(dict.fromkeys(self.wanted)),
            stalled=self.stalled or self._refused(),
            doing=self.doing,
            attention=self.attention,
            ready=self.ready,
            puts_back=self.puts_back,
        )
