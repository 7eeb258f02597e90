"""What one tick decides: absolute actions, the memory that goes with them, and the reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tidegate.api.reasons import Reason
from tidegate.core.model.answers import Query
from tidegate.core.model.jobs import StartJob
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.world import Arm, Command, Route, Template


@dataclass(frozen=True)
class SetWeights:
    """Set the numbers of one route."""

    route: Route
    """The route as it was when this was decided: the write is tested on it."""
    pairs: Mapping[str, tuple[int, int]]
    """Rule to (baseline, candidate)."""
    raises: bool
    """The candidate gets more than the route gives it now: needs an intent recorded less than 5 s ago."""
    revert: bool = False
    """Written under the revert's field manager, and retried without back-off."""
    back: bool = False
    """Gives the candidate its traffic back after the promoted baseline breached: a revert by its nature, so it is written as one."""
    mirrors: Mapping[str, int] = field(default_factory=dict)
    """Rule to percent of its requests that are copied to the candidate; 0 removes the mirror. Rules that are not here keep theirs."""

    @property
    def waits(self) -> bool:
        """Whether it needs a recorded intent, and every write before it done: it gives the candidate more, and is no way back."""
        return self.raises and not self.back

    def joined(self, other: SetWeights) -> SetWeights:
        """Both as one write of their route; where both name a rule, `other` counts."""
        return SetWeights(
            route=other.route,
            pairs={**self.pairs, **other.pairs},
            raises=self.raises or other.raises,
            revert=self.revert or other.revert,
            back=self.back or other.back,
            mirrors={**self.mirrors, **other.mirrors},
        )


@dataclass(frozen=True)
class WriteTemplate:
    """Change fields of a Deployment's pod template."""

    deployment: str
    read: Template
    """The template as it was when this was decided: the write is tested on it."""
    change: TemplateChange
    revert: bool = False


@dataclass(frozen=True)
class SetReplicas:
    """Set the number of the candidate's pods. Whatever becomes of it stops nothing else."""

    read: Arm
    """The candidate as it was when this was decided: the write is tested on it."""
    replicas: int
    revert: bool = False
    """It is part of a run's end: it needs no recorded intent, and one that meets another write is decided again at once."""


@dataclass(frozen=True)
class KeepFinalizer:
    """Put our finalizer on the Rollout, or take it off."""

    present: bool


@dataclass(frozen=True)
class ConcludeCommand:
    """Write a command's outcome."""

    command: Command
    done: bool
    message: str


Action: TypeAlias = SetWeights | WriteTemplate | SetReplicas | KeepFinalizer
"""What changes what users get. Outcomes of commands and Jobs are no actions: no tick waits for them."""


@dataclass(frozen=True)
class Decision:
    """Something decided that changes something, for an Event and a log line."""

    reason: Reason
    message: str
    warning: bool = False
    when_done: bool = False
    """It says what the plan's actions have done: told once they have succeeded."""


@dataclass(frozen=True)
class Why:
    """A reason with its sentence."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Plan:
    """What one tick has decided."""

    memory: Memory
    """What will be remembered if the actions are carried out. Its status is complete except for `conditions`."""
    actions: tuple[Action, ...] = ()
    outcomes: tuple[ConcludeCommand, ...] = ()
    """Outcomes of commands, to be written outside the tick, once the memory that knows them is recorded."""
    jobs: tuple[StartJob, ...] = ()
    """Jobs that shall exist, to be created outside the tick, once the memory that knows them is recorded."""
    decisions: tuple[Decision, ...] = ()
    intent: bool = False
    """The memory must be recorded before the actions."""
    urgent: bool = False
    """A revert or a person's abort: goes ahead at once, whatever is still unanswered."""
    needs: Live = Live.NOTHING
    """What must be read live before this is done: it rests on something decisive."""
    stable_until: float = math.inf
    """Epoch seconds: the earliest instant another plan could follow from the same observation."""
    idle: bool = False
    """It waits at a closed gate without any traffic: until something changes there is nothing to read, query or record."""
    upkeep: float = math.inf
    """Epoch seconds: when the queries must be asked again, or the heartbeat recorded."""
    templates: bool = False
    """The two templates are needed to go on."""
    autoscaler: bool = False
    """Whether something else scales the candidate is needed to go on."""
    old_template: str = ""
    """Identity of a template of the baseline that is needed to go on, from its ReplicaSets."""
    wanted: tuple[Query, ...] = ()
    """Queries that the answers so far have raised: to be asked in this tick, unless the plan is urgent."""
    stalled: Why | None = None
    """What a person must mend."""
    doing: Why | None = None
    """What goes on."""
    attention: Why | None = None
    """A person is waited for."""
    ready: Why | None = None
    """Everything is as it should be, nothing goes on, and nobody is waited for: the only plan with which `Ready` is true."""
    corrects: bool = False
    """It takes away what somebody else gave the candidate."""

    @property
    def quiet(self) -> bool:
        """Nothing is to be done."""
        return not self.actions
