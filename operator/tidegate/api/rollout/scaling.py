"""How many pods the candidate has: during a run, after it, and as a response to a breach."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import at_least_a_second
from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.scalars import Count, Duration, Weight

Replicas = Annotated[int, Field(ge=1, le=10_000)]
"""A number of pods that is not 0."""


class ScalingMode(StrEnum):
    """What sets the candidate's replicas during a run."""

    KEEP = "Keep"
    MATCH_WEIGHT = "MatchWeight"
    FIXED = "Fixed"


class AfterEnd(ApiModel):
    """The candidate's size after a run has ended."""

    replicas: Annotated[int, Field(ge=0, le=10_000, json_schema_extra={"default": 0})] = 0
    """The number of replicas to scale down to; a candidate that has no more is left as it is. By default 0."""
    delay: Duration = Duration("30m")
    """The delay after the end of the run. A run that starts before that cancels it. By default 30m."""


class Scaling(ApiModel):
    """How many pods the candidate has. Nothing is done where an HPA or KEDA scales it."""

    mode: ScalingMode = ScalingMode.KEEP
    """`Keep`, the default: as it is. `MatchWeight`: the candidate's share of the requests, mirrored ones included, of the baseline's replicas, rounded up. `Fixed`: at least `replicas`. Before a raise the candidate has the pods that the new weight needs; it loses pods only after its weight was lowered."""
    replicas: Replicas | None = None
    """For `Fixed`, which requires it: the pods of the candidate during a run."""
    min: Replicas | None = None
    """For `MatchWeight`: never fewer. By default 1."""
    max: Replicas | None = None
    """For `MatchWeight`: never more. By default as many as the weight needs."""
    cohort_shares: Annotated[dict[str, Weight], Field(max_length=8)] = {}  # noqa: RUF012  (frozen)
    """For `MatchWeight`: the percent of all requests that each cohort sends, by its name in `traffic`: an integer from 0 to 100, or a quoted decimal. The pods that a cohort's weight needs are counted by it; those of one that is not here are not counted."""
    after_end: AfterEnd | None = None
    """Scales the candidate after a run has ended. By default it keeps its pods. The next run restores its previous size."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.replicas) == (has(self.mode) && self.mode == 'Fixed')",
            "'replicas' is required with 'mode: Fixed', and not allowed otherwise",
            ".replicas",
            lambda self: (self.replicas is not None) == (self.mode is ScalingMode.FIXED),
        ),
        Rule(
            "!(has(self.min) || has(self.max) || has(self.cohortShares)) || has(self.mode) && self.mode == 'MatchWeight'",
            "'min', 'max' and 'cohortShares' are only allowed with 'mode: MatchWeight'",
            ".mode",
            lambda self: (
                self.mode is ScalingMode.MATCH_WEIGHT
                or (self.min is None and self.max is None and not self.cohort_shares)
            ),
        ),
        Rule(
            "!has(self.max) || (has(self.min) ? self.min : 1) <= self.max",
            "'min' must not be more than 'max'",
            ".min",
            lambda self: self.max is None or (self.min or 1) <= self.max,
        ),
    )


class ScaleUp(ApiModel):
    """The new size of the candidate at a breach, for `onBreach: Scale`."""

    by: Count
    """Pods to add: an integer, or a share such as `50%` of the candidate's replicas, rounded up."""
    max: Replicas
    """Never more than this."""
    cooldown: Duration = Duration("5m")
    """The least time between two such responses of this Rollout. By default 5m."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (at_least_a_second("cooldown"),)
