"""Parts of a Rollout in a few words for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.api.rollout.jobs import Hook, HookFailure
from tidegate.api.rollout.metrics import MissingDataPolicy
from tidegate.api.rollout.promotion import Promotion, PromotionStrategy
from tidegate.api.rollout.scaling import Scaling, ScalingMode
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.steps import Checkpoint, Step
from tidegate.api.rollout.thresholds import Guard, LimitKind, Regression, Threshold
from tidegate.api.rollout.traffic import TargetRevert
from tidegate.core import responses
from tidegate.core.model.time_format import in_words
from tidegate.core.run.checkpoints import offsets

MOST_LISTED = 10
"""Checkpoints of a step that are listed one by one."""


def line_in_words(line: Threshold) -> str:
    """A limit and what its breach does, such as `error-rate above 5% for 15m → revert`."""
    lasting = f" for {line.for_}" if isinstance(line, Guard) and line.for_.seconds else ""
    name = f"{line.name}: " if line.name else ""
    cohort = f" of cohort {line.cohort}" if line.cohort else ""
    return f"{name}{line.metric}{cohort} {_beyond(line)}{lasting} → {responses.describe(line)}"


def scaling_in_words(spec: RolloutSpec) -> Iterator[str]:
    """How many pods the candidate has during a run, and after it; nothing where the operator leaves them alone."""
    scaling = spec.candidate.scaling or Scaling()
    to_zero = [one.key for one in spec.traffic if one.revert is TargetRevert.SCALE_TO_ZERO]
    match scaling.mode:
        case ScalingMode.MATCH_WEIGHT:
            most = f", {scaling.max} at most" if scaling.max is not None else ""
            yield f"before a raise: its share of the baseline's pods, at least {scaling.min or 1}{most}"
            for name, share in scaling.cohort_shares.items():
                yield f"cohort {name}: {share}% of all requests"
        case ScalingMode.FIXED:
            yield f"before the first raise: at least {scaling.replicas}"
        case ScalingMode.KEEP:
            pass
    if to_zero:
        named = ", ".join(dict.fromkeys(to_zero))
        yield f"at a run's end, after the weights are restored: 0 (revert: ScaleToZero of {named}); the next run scales it up again first"
    if scaling.after_end is not None:
        yield f"{scaling.after_end.delay} after the end: {scaling.after_end.replicas}; the next run scales it up again first"


def hook_in_words(hook: Hook) -> str:
    """When a hook's Job runs, and what its failure does, such as `undo at Revert: a Job of CronJob undo-database`."""
    steps = f" of {', '.join(hook.steps)}" if hook.steps else ""
    deadline = f", for {hook.job.deadline} at most" if hook.job.deadline is not None else ""
    failure = "" if hook.purpose.after_the_run else f"; when it fails → {_ON_FAILURE[hook.on_failure]}"
    return f"{hook.name} at {hook.when}{steps}: a Job of CronJob {hook.job.cron_job}{deadline}{failure}"


_ON_FAILURE: Final = {
    HookFailure.HOLD: "pause until a person resumes",
    HookFailure.REVERT: "revert",
    HookFailure.IGNORE: "continue",
}


def checkpoints_in_words(step: Step) -> str:
    """When a step is judged, as offsets in it; the last is its end."""
    found = offsets(step)
    if len(found) <= MOST_LISTED:
        return " ".join(in_words(offset) for offset in found)
    entries = ", ".join(_entry(entry) for entry in step.checkpoints)
    return f"{entries}: {len(found)} in total, the last after {in_words(found[-1])}"


def missing_data_in_words(policy: MissingDataPolicy) -> str:
    """How long data may be missing, and what happens then."""
    return f"for {policy.after} → {policy.then.lower()}"


def promotion_in_words(promotion: Promotion) -> str:
    """What happens once every step has passed."""
    match promotion.strategy:
        case PromotionStrategy.COPY_TEMPLATE:
            how = "the candidate's version is copied to the baseline"
        case PromotionStrategy.AWAIT_BASELINE:
            how = "another client (Git, a pipeline) brings the version to the baseline, and the run waits for it"
    return f"{how}; traffic returns to it and is watched for {promotion.settle}"


def _beyond(line: Threshold) -> str:
    match line.kind:
        case LimitKind.MAX:
            return f"above {line.limit}"
        case LimitKind.MIN:
            return f"below {line.limit}"
        case LimitKind.MAX_INCREASE:
            floor = f" and above {line.floor}" if line.floor is not None else ""
            return f"more than {line.limit} above the baseline{floor}"
        case LimitKind.MAX_DECREASE:
            return f"more than {line.limit} below the baseline"
        case LimitKind.MAX_SPREAD:
            return f"with its series more than {line.limit} apart"
        case LimitKind.REGRESSION:
            test = line.regression or Regression()
            than = f"more than {test.margin} worse than the baseline" if test.limit is None else f"above {test.limit}"
            return f"{than}, with {test.confidence} confidence"
        case LimitKind.SPLIT:
            return "distributed differently from the weights"


def _entry(entry: Checkpoint) -> str:
    if entry.at is not None:
        return f"at {entry.at}"
    return f"every {entry.every}" + (f" until {entry.until}" if entry.until is not None else "")
