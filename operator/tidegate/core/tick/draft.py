"""The plan while it is being made: one tick's observation, and the memory as it changes. Local to one call of `decide`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import (
    Ending,
    Hold,
    Paused,
    SharedStatus,
    Waiting,
)
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import Action, ConcludeCommand, Decision, Plan, SetWeights, Why
from tidegate.core.model.time_format import instant
from tidegate.core.tick.evaluating import Evaluating
from tidegate.core.tick.judgement import Judgement

ABSENCE_GRACE = 5.0
"""Seconds a tick may be late beyond two intervals before it counts as an absence."""


REFUSED_LASTS = 60.0
"""Seconds for which a refusal is shown when nothing more is heard of it."""

AT_ONCE = frozenset({Reason.PROGRESS_DEADLINE_EXCEEDED, Reason.STICKY_ROUTE})
"""Waits that are over before they begin: somebody else's deadline has passed, or only a person can mend it."""

TAKEN_AWAY = frozenset(
    {
        Reason.ARM_NOT_SELECTED,
        Reason.ARMS_OVERLAP,
        Reason.BACKENDS_MISSING,
        Reason.BASELINE_MISSING,
        Reason.BASELINE_SERVICE_MISSING,
        Reason.CANDIDATE_SERVICE_MISSING,
        Reason.RATIO_NOT_POSSIBLE,
        Reason.ROUTE_NOT_WRITABLE,
        Reason.ROUTER_NOT_SERVED,
        Reason.RULE_MISSING,
        Reason.SCALE_TO_ZERO_NOT_POSSIBLE,
    }
)
"""What a run must not wait for without a word: somebody took it away."""


@dataclass(frozen=True)
class Wish:
    """A number of pods that the candidate should have, and why."""

    replicas: int
    words: str
    responds: bool = False
    """It responds to a breach: the cooldown begins."""
    rests: bool = False
    """It is for the time after a run: the next one begins with as many as there are now."""


@dataclass
class Draft(Evaluating):
    """See the module."""

    actions: list[Action] = field(default_factory=list)
    outcomes: list[ConcludeCommand] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    upkeep: float = math.inf
    """When the guards are judged again, or the heartbeat is recorded."""
    stalled: Why | None = None
    """What a person must mend."""
    doing: Why | None = None
    """What goes on."""
    attention: Why | None = None
    """A person is waited for."""
    ready: Why | None = None
    """Nothing is to be done, and nothing is wrong."""
    corrects: bool = False
    """What somebody else gave the candidate is taken away."""
    idle: bool = False
    """The run waits at a closed gate, and the candidate has no traffic."""
    arms_refused: bool = False
    """An edit changed the arms while a run is in progress."""
    watching: bool = False
    intent: bool = False
    urgent: bool = False
    needs: Live = Live.NOTHING
    """What must be read live before the plan is carried out."""
    wishes: list[Wish] = field(default_factory=list)
    """Numbers of pods that the candidate should have."""
    autoscaler: bool = False
    templates: bool = False
    old_template: str = ""

    def take(self, judgement: Judgement) -> None:
        """Takes over what the evaluation found: the plan is made of it."""
        self.judgement = judgement
        self.update(guards=judgement.standing)
        self.update_run(evidence=judgement.evidence, groups=judgement.groups)
        self.wakes += judgement.wakes
        self.wanted += judgement.wanted

    def need(self, live: Live = Live.EVERYTHING) -> None:
        """The plan rests on something decisive: so much must be read live before it is carried out."""
        self.needs = max(self.needs, live)

    def set_weights(self, action: SetWeights) -> None:
        """Plans a write of a route. Each route is written once in a plan, since a second write would conflict with the first.

        What takes traffic away is joined to one write. What gives more waits for it: it is planned again by the next decision.
        """
        before = next(
            (one for one in self.actions if isinstance(one, SetWeights) and one.route.ref.key == action.route.ref.key),
            None,
        )
        if before is None:
            self.actions.append(action)
        elif before.waits == action.waits:
            self.actions[self.actions.index(before)] = before.joined(action)
        elif before.waits:
            self.actions[self.actions.index(before)] = action

    def update_step(self, **changes: object) -> None:
        """Changes the step."""
        self.update(step=self.step.model_copy(update=changes))

    def say(self, reason: Reason, message: str, *, warning: bool = False, when_done: bool = False) -> None:
        """Tells people about a decision; with `when_done`, once the actions of this tick have succeeded."""
        self.decisions.append(Decision(reason, message, warning, when_done))

    def end(self, kind: RunEnd, reason: Reason, evidence: str, *, forced: bool = False) -> None:
        """Latches the run's end, unless one is latched."""
        if self.run.ending is not None:
            return
        ending = Ending(kind=str(kind), reason=reason, evidence=evidence, since=instant(self.now), forced=forced)
        self.update_run(ending=ending, hold=None, waiting=None)
        self.say(reason, evidence, warning=kind is RunEnd.REVERTED)
        self.urgent = True
        self.intent = True

    def hold(self, reason: Reason, message: str, *, restart: bool, shared: str = "") -> None:
        """Stands still until all is well; `shared` names a line that both arms are beyond now."""
        before = self.run.hold
        if before is None:
            self.say(Reason.HOLDING, message, warning=True)
        since = before.since if before else instant(self.now)
        restart = restart or bool(before and before.restart)
        both = before.shared if before else ()
        if shared:
            now = instant(self.now)
            first = next((one.first for one in both if one.name == shared), now)
            seen = SharedStatus(name=shared, last=now, first=first)
            both = (*(one for one in both if one.name != shared), seen)
        self.update_run(hold=Hold(reason=reason, message=message, since=since, restart=restart, shared=both))

    def pause(self, reason: Reason, message: str) -> None:
        """Stops until a person resumes."""
        if self.run.paused is None:
            self.update_run(paused=Paused(reason=reason, message=message, since=instant(self.now)))
            self.say(reason, message, warning=reason != Reason.PAUSED_BY_COMMAND)

    def wait(self, why: Why, *, deadline: bool = True) -> None:
        """Says what stands before the next move; with `deadline` it becomes `Stalled` when it lasts too long."""
        active = self.status.run is not None
        before = self.run.waiting if active else self.status.waiting
        since = instant(self.now)
        if before is not None and before.reason == why.reason:
            since = min(before.since, since)  # later than now is what a clock that was set back has left
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
            idle=self.idle,
            upkeep=self.upkeep,
            autoscaler=self.autoscaler,
            templates=self.templates,
            old_template=self.old_template,
            wanted=tuple(dict.fromkeys(self.wanted)),
            stalled=self.stalled or self._refused(),
            doing=self.doing,
            attention=self.attention,
            ready=self.ready,
            corrects=self.corrects,
        )
