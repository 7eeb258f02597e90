"""One tick's observation, whole: what `due`, `decide` and `conclude` are told of the world."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from tidegate.api.rollout.gates import Freeze
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model.claims import Claim
from tidegate.core.model.jobs import Job
from tidegate.core.model.message import NOT_NOTIFYING, Notifying
from tidegate.core.model.pace import EVERY_POINT, Pace
from tidegate.core.model.samples import Asked
from tidegate.core.model.world import ABSENT, Arm, ArmName, Command, Lookup, RolloutObject, Route, Template, Unknown


class Live(IntEnum):
    """How much of an observation was read live, or must be; what is more contains what is less."""

    NOTHING = 0
    """All of it is what the watch streams said last."""
    ROUTES = 1
    """The routes: enough to see that a revert stands. Rollout, arms and templates are from the watch streams."""
    EVERYTHING = 2


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a spec."""

    path: str
    """The field, such as `spec.steps[1].weight`."""
    message: str
    """What is wrong and what would be right."""


@dataclass(frozen=True)
class Observation:
    """Everything one tick has seen."""

    now: float
    """Epoch seconds."""
    rollout: RolloutObject
    spec: RolloutSpec | None
    """The spec as it stands, when it is valid."""
    problems: tuple[Problem, ...] = ()
    """Why it is not."""
    unread: str = ""
    """What the spec names and could not be read, and why: whether it is valid is not known then, and it has no problems."""
    templated: bool = False
    """Parts of the spec are from metric templates, so it changes without the Rollout's generation."""
    arms: Mapping[ArmName, Lookup[Arm]] = field(default_factory=dict)
    candidate_before: Arm | None = None
    """The candidate as the watch streams had it just now, where it could not be read live."""
    routes: Mapping[str, Lookup[Route]] = field(default_factory=dict)
    """By target key, of every target in the spec or in memory."""
    assumed: Mapping[str, Unknown] = field(default_factory=dict)
    """Of `routes`, those that could not be read and are here as last known, with the reason: good for a tested write alone."""
    asked: Asked = field(default_factory=lambda: Asked({}))
    commands: tuple[Command, ...] = ()
    claims: tuple[Claim, ...] = ()
    """What the other Rollouts of the namespace hold."""
    freezes: tuple[Freeze, ...] = ()
    """The administrator's freezes for the namespace."""
    jobs: Mapping[str, Lookup[Job]] = field(default_factory=dict)
    """What is known of the Jobs that memory has and that have not ended, by name; `Unknown` says why one could not be created."""
    outcomes_refused: str = ""
    """Why outcomes of commands could not be written, in the API server's words."""
    notifying: Notifying = NOT_NOTIFYING
    """What is known of messages under way."""
    templates: Mapping[ArmName, Lookup[Template]] = field(default_factory=dict)
    """Only when a plan asked for them."""
    autoscaler: Lookup[str] | None = None
    """What else scales the candidate, such as `HorizontalPodAutoscaler shop`; `None` when no plan asked for it."""
    old_template: Lookup[Template] | None = None
    """A template of before, from the baseline's ReplicaSets; `None` when no plan asked for it."""
    live: Live = Live.NOTHING
    """What of it was read live."""
    crowd: bool = False
    """Many Rollouts are being reverted at this moment: what is not urgent leaves the API server to them."""
    pace: Pace = EVERY_POINT
    """For how much of the time since the tick before this one speaks."""

    def unassumed(self, but: Collection[str] = ()) -> Observation:
        """The observation with nothing assumed, but for some target keys."""
        unread = {key: unknown for key, unknown in self.assumed.items() if key not in but}
        assumed = {key: unknown for key, unknown in self.assumed.items() if key in but}
        return replace(self, routes={**self.routes, **unread}, assumed=assumed) if unread else self

    @property
    def fresh(self) -> bool:
        """Everything here was read live."""
        return self.live is Live.EVERYTHING

    def arm(self, name: ArmName) -> Lookup[Arm]:
        """One arm; absent when it was not looked for."""
        return self.arms.get(name, ABSENT)
