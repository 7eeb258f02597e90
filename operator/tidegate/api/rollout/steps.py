"""The steps of a run."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import positive
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.gates import Gate
from tidegate.api.rollout.thresholds import Guard, Threshold
from tidegate.api.values.names import StepName
from tidegate.api.values.scalars import Duration, Weight


class Checkpoint(ApiModel):
    """An instant in the step at which its thresholds are evaluated, or a series of such instants. The end is always one."""

    at: Duration | None = None
    """One checkpoint, at this offset after the step's weight was seen on the route."""
    every: Duration | None = None
    """A series of checkpoints with this distance, counted on from the entry before."""
    until: Duration | None = None
    """Where the series ends; by default at the end of the step."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.at) != has(self.every)",
            "give either 'at' or 'every'",
            holds=lambda self: (self.at is None) != (self.every is None),
        ),
        Rule(
            "!has(self.until) || has(self.every)",
            "'until' is only allowed with 'every'",
            ".until",
            lambda self: self.until is None or self.every is not None,
        ),
        positive("at"),
        positive("every"),
    )


class Mirror(ApiModel):
    """Copies of users' requests for the candidate, whose answers no user sees."""

    percent: Annotated[int, Field(ge=1, le=100)]
    """The share of requests that are copied to the candidate, a whole percentage from 1 to 100."""


class Step(ApiModel):
    """A target weight with its gate, duration, checkpoints, thresholds and guards."""

    name: StepName
    """The step's identity: rename it and it is another step."""
    weight: Weight
    """The candidate's share of traffic in percent: an integer from 0 to 100, or a quoted decimal such as '0.5'."""
    cohorts: Annotated[dict[str, Weight], Field(max_length=8)] = {}  # noqa: RUF012  (frozen)
    """The candidate's share of each cohort in percent, by its name in `traffic`. One that is not named keeps the weight of the step before; before the first step that names it that is 0, the default."""
    mirror: Mirror | None = None
    """Makes this a shadow step: requests are copied to the candidate as well, and users get only the baseline's answers. Requires weight 0, before every step that gives the candidate traffic (docs/rollout.md)."""
    duration: Duration = Duration("0s")
    """How long the step keeps its weight and watches. Only time with the weight seen on the route counts. By default 0s: evaluated once."""
    gate: Gate | None = None
    """What must be true before this step may raise the weight."""
    checkpoints: Annotated[tuple[Checkpoint, ...], Field(max_length=64)] = ()
    """When the thresholds are evaluated, besides the end of the duration."""
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=16)] = ()
    """Limits evaluated at this step's checkpoints, in addition to the Rollout's own."""
    guards: Annotated[tuple[Guard, ...], Field(max_length=16)] = ()
    """Limits evaluated every interval during this step, in addition to the Rollout's own."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.mirror) || self.weight == 0 || self.weight == '0'",
            "a step with 'mirror' must have weight 0: the candidate's metrics cannot distinguish mirrored requests from those of users",
            ".weight",
            lambda step: step.mirror is None or step.weight == "0",
        ),
        Rule(
            "!has(self.mirror) || !has(self.cohorts) || self.cohorts.all(c, self.cohorts[c] == 0 || self.cohorts[c] == '0')",
            "a step with 'mirror' must have every cohort at 0: the candidate's metrics cannot distinguish mirrored requests from those of users",
            ".cohorts",
            lambda step: step.mirror is None or all(weight == "0" for weight in step.cohorts.values()),
        ),
    )

    @property
    def mirrored(self) -> int:
        """The share of requests that it copies to the candidate, percent."""
        return self.mirror.percent if self.mirror is not None else 0
