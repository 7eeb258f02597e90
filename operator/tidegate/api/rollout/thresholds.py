"""Thresholds and guards: one limit on one metric, and what a breach does."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.alias_generators import to_snake

from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.jobs import ResponseJob
from tidegate.api.rollout.metrics import MetricName
from tidegate.api.rollout.responses import AfterHold, Response, StepBack
from tidegate.api.rollout.scaling import ScaleUp
from tidegate.api.values.names import CohortName
from tidegate.api.values.scalars import Duration, Percent, Quantity
from tidegate.api.values.text import ONE_LINE


class LimitKind(StrEnum):
    """The forms of limit."""

    MAX = "max"
    MIN = "min"
    MAX_INCREASE = "maxIncrease"
    MAX_DECREASE = "maxDecrease"
    MAX_SPREAD = "maxSpread"
    REGRESSION = "regression"
    SPLIT = "split"


FIELDS = {kind: to_snake(kind) for kind in LimitKind}
"""The field of each form."""

RELATIVE = frozenset({LimitKind.MAX_INCREASE, LimitKind.MAX_DECREASE})

COUNTED = frozenset({LimitKind.REGRESSION, LimitKind.SPLIT})


class SharedIncident(StrEnum):
    """The response to a breach that would revert, while the baseline is beyond the limit as well."""

    HOLD = "Hold"
    REVERT = "Revert"


class Scope(StrEnum):
    """What a revert applies to."""

    RUN = "Run"
    COHORT = "Cohort"


class Regression(ApiModel):
    """A test on counts that stays valid however often it is evaluated: the candidate against the baseline, or against `limit`."""

    margin: Percent = Percent("20%")
    """How much worse than the baseline is tolerated. By default 20%."""
    confidence: Percent = Percent("95%")
    """With 95%, the default, at most one healthy run in twenty is stopped, all limits with a `regression` together."""
    limit: Quantity | None = None
    """Evaluate against this share instead of the baseline, without `margin`. The baseline then only distinguishes a shared incident from a regression."""

    floor: Quantity | None = None
    """A share (or, of an `average`, a value) below which the candidate is never a breach, however much worse than the baseline it is. By default none."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.limit) || !has(self.floor)",
            "'floor' is for a comparison with the baseline; 'limit' compares with a fixed value: give one of them",
            ".floor",
            lambda self: self.limit is None or self.floor is None,
        ),
        Rule(
            "!has(self.limit) || !has(self.margin)",
            "'margin' is for a comparison with the baseline; 'limit' compares with a fixed value: give one of them",
            ".margin",
            lambda self: self.limit is None or "margin" not in self.model_fields_set,
        ),
    )


class Split(ApiModel):
    """A test on counts: the candidate gets the share of the requests that its weight says."""

    confidence: Percent = Percent("99.9%")
    """With 99.9%, the default, at most one run in a thousand is held without cause."""


class Threshold(ApiModel):
    """One limit on one metric. Two limits are two lines."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=ONE_LINE)] | None = None
    """Its identity; by default made of the metric and the limit, such as `error-rate max 5%`."""
    metric: MetricName
    """Name of the metric that is evaluated."""
    max: Quantity | None = None
    """A value above this is a breach: an integer, or text in the metric's unit such as '5%' or '200ms'."""
    min: Quantity | None = None
    """A value below this is a breach."""
    max_increase: Percent | None = None
    """A value higher than the baseline's, now, by more than this is a breach."""
    max_decrease: Percent | None = None
    """A value lower than the baseline's, now, by more than this is a breach."""
    max_spread: Percent | None = None
    """Several series (segments, regions) further apart than this is a breach: largest minus smallest, in percent of their mean."""
    regression: Regression | None = None
    """More bad requests than the baseline has, or than a limit allows, shown by a test on the counts of a `ratio`; or an `average` above the baseline's."""
    split: Split | None = None
    """Requests that are not distributed according to the weights, shown by a test on the counts of a `ratio`. Holds or warns."""
    floor: Quantity | None = None
    """For `maxIncrease`, which requires it: a value below this is never a breach, and from a baseline at 0 any other is."""
    cohort: CohortName | None = None
    """The cohort that is evaluated: `$cohort` in the metric's queries. While its weight is 0 the limit is not evaluated."""
    scope: Scope = Scope.RUN
    """What `onBreach: Revert` reverts: the whole `Run`, the default, or with `cohort` only that `Cohort`, which stays at 0 for the rest of the run while the run continues for the others."""
    on_breach: Response = Response.REVERT
    """`Revert`, the default; `StepBack`: go down and pause for a person; `Hold`: stay at this weight until all limits are met again; `Scale`: more pods for the candidate, and `RunJob`: start a Job, and continue without a raise while the breach lasts; `Warn`: only report it."""
    step_back: StepBack | None = None
    """For `onBreach: StepBack`: where to. Where the candidate has no more than that, the run pauses at the weight it has; during a promotion, when every step has passed, the response is `Revert`."""
    scale: ScaleUp | None = None
    """For `onBreach: Scale`, which requires it: how many pods to add."""
    job: ResponseJob | None = None
    """For `onBreach: RunJob`, which requires it: the Job."""
    after_hold: AfterHold = AfterHold.CONTINUE
    """After a hold: `Continue` the step's duration, the default, or `Restart` it."""
    on_shared_incident: SharedIncident = SharedIncident.HOLD
    """When a `max` or `min` is breached by the baseline as well, or a `regression` with a `limit` by a candidate that is not shown to be worse than the baseline: `Hold`, the default, or `Revert` regardless."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.max), has(self.min), has(self.maxIncrease), has(self.maxDecrease), has(self.maxSpread), "
            "has(self.regression), has(self.split)].filter(x, x).size() == 1",
            "give exactly one of 'max', 'min', 'maxIncrease', 'maxDecrease', 'maxSpread', 'regression', 'split': "
            "write an entry for each limit",
            holds=lambda self: sum(self.written(kind) is not None for kind in LimitKind) == 1,
        ),
        Rule(
            "!has(self.floor) || has(self.maxIncrease)",
            "'floor' is only allowed with 'maxIncrease'",
            ".floor",
            lambda self: self.floor is None or self.max_increase is not None,
        ),
        Rule(
            "!has(self.maxIncrease) || has(self.floor)",
            "'maxIncrease' needs a 'floor', the value below which nothing is a breach: from a baseline at 0 any rise is infinite",
            ".maxIncrease",
            lambda self: self.max_increase is None or self.floor is not None,
        ),
        Rule(
            "!has(self.afterHold) || self.afterHold == 'Continue' || has(self.onBreach) && self.onBreach == 'Hold'",
            "'afterHold' is only allowed with 'onBreach: Hold'",
            ".afterHold",
            lambda self: self.after_hold is AfterHold.CONTINUE or self.on_breach is Response.HOLD,
        ),
        Rule(
            "has(self.scale) == (has(self.onBreach) && self.onBreach == 'Scale')",
            "'scale' is required with 'onBreach: Scale', and not allowed otherwise",
            ".scale",
            lambda self: (self.scale is not None) == (self.on_breach is Response.SCALE),
        ),
        Rule(
            "has(self.job) == (has(self.onBreach) && self.onBreach == 'RunJob')",
            "'job' is required with 'onBreach: RunJob', and not allowed otherwise",
            ".job",
            lambda self: (self.job is not None) == (self.on_breach is Response.RUN_JOB),
        ),
        Rule(
            "!has(self.split) || has(self.onBreach) && !(self.onBreach in ['Revert', 'StepBack'])",
            "'split' needs 'onBreach: Hold' or 'onBreach: Warn': a revert does not fix routing",
            ".onBreach",
            lambda self: self.split is None or not self.on_breach.takes_traffic,
        ),
        Rule(
            "has(self.stepBack) == (has(self.onBreach) && self.onBreach == 'StepBack')",
            "'stepBack' is required with 'onBreach: StepBack', and not allowed otherwise",
            ".stepBack",
            lambda self: (self.step_back is not None) == (self.on_breach is Response.STEP_BACK),
        ),
        Rule(
            "!has(self.scope) || self.scope == 'Run' || has(self.cohort) && (!has(self.onBreach) || self.onBreach == 'Revert')",
            "'scope: Cohort' needs 'cohort' and is only allowed with 'onBreach: Revert'",
            ".scope",
            lambda self: self.scope is Scope.RUN or (self.cohort is not None and self.on_breach is Response.REVERT),
        ),
    )

    @cached_property
    def kind(self) -> LimitKind:
        """Which form of limit this is (the first given; `api/validation` refuses more than one)."""
        return next((kind for kind in LimitKind if self.written(kind) is not None), LimitKind.MAX)

    @property
    def limit(self) -> str:
        """The limit as written, such as `5%`."""
        match self.written(self.kind):
            case Regression(limit=None) as test:
                return f"margin {test.margin}"
            case Regression() as test:
                return f"limit {test.limit}"
            case Split() as test:
                return str(test.confidence)
            case written:
                return str(written or "")

    @property
    def identity(self) -> str:
        """The name by which status keeps it."""
        of = f" of cohort {self.cohort}" if self.cohort else ""
        return self.name or f"{self.metric}{of} {self.kind} {self.limit}"

    @property
    def relative(self) -> bool:
        """Whether it compares with the baseline."""
        return self.kind in RELATIVE or (self.regression is not None and self.regression.limit is None)

    @property
    def counted(self) -> bool:
        """Whether it is a test on counts, gathered over the whole run."""
        return self.kind in COUNTED

    def written(self, kind: LimitKind) -> Quantity | Percent | Regression | Split | None:
        """What stands in the field of one form of limit."""
        found: Quantity | Percent | Regression | Split | None = getattr(self, FIELDS[kind])
        return found


class Guard(Threshold):
    """A threshold judged every interval while the candidate may receive traffic."""

    for_: Annotated[Duration, Field(alias="for")] = Duration("0s")
    """How long the breach must last, in watched time, before it counts. One sample within the limit resets it. By default 0s: at once."""
