"""Whether status has room for all that a run of a spec could have to remember."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.api import status_budget
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import cohorts_of, weights_at
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.validation.placed_limits import limits_of, rollout_limits, step_limits
from tidegate.api.validation.problems import Problem
from tidegate.api.validation.schema_errors import MOST_BYTES


def memory_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """A spec whose run might not fit into its status; one that is too large by itself is refused for that."""
    most = needed(spec)
    alone = len(spec.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True).encode())
    if most > status_budget.MEMORY and alone <= MOST_BYTES:
        message = (
            f"could need {most} bytes of the status for the state of its limits; at most {status_budget.MEMORY} are available: use fewer guards, approvals, limits with 'regression' or 'split', "
            "or metrics with 'by', or shorter queries"
        )
        yield Problem(("spec",), message)


def needed(spec: RolloutSpec) -> int:
    """Bytes of status, as JSON, that a run of the spec remembers at most of it and of what its limits have seen."""
    in_force = [(*rollout_limits(spec), *step_limits(spec, index)) for index in range(len(spec.steps))]
    guards = max((sum(limit.role == "guards" for limit in limits) for limits in in_force), default=0)
    several = {one.name for one in spec.metrics if one.by or not one.counts}
    clocks = max(
        (sum(_clocks(limit.threshold, several) for limit in limits if limit.role == "guards") for limits in in_force),
        default=0,
    )
    segmented = {one.name for one in spec.metrics if one.by}
    tests = max((sum(_of_test(limit.threshold, segmented) for limit in limits) for limits in in_force), default=0)
    grouped = sum(bool(metric.by) for metric in spec.metrics)
    text = spec.model_dump_json(by_alias=True, exclude_defaults=True)
    if not weights_at(
        spec, spec.steps[-1]
    ).full:  # then those of the baseline as well, while it rolls out the new version
        guards *= 2
    return (
        len(json.dumps(text))
        + status_budget.A_STEP * len(spec.steps)
        + status_budget.AN_APPROVAL * sum(len(step.gate.approvals) for step in spec.steps if step.gate is not None)
        + status_budget.A_JOB * _jobs(spec)
        + status_budget.A_METRIC * len(spec.metrics)
        + status_budget.A_GUARD * guards
        + status_budget.A_CLOCK * min(status_budget.MOST_CLOCKS, clocks)
        + status_budget.A_GROUPING * grouped * max(len(cohorts_of(spec)), 1)
        + status_budget.A_COHORT * len(cohorts_of(spec))
        + tests
        + status_budget.EXCLUDED * len(json.dumps(spec.promotion.exclude))
    )


def _jobs(spec: RolloutSpec) -> int:
    """Jobs that may be remembered at once: those of a limit, of the hooks in a step, of the gates, and the newest that have ended."""
    limits = sum(limit.threshold.job is not None for limit in limits_of(spec))
    gated = sum(len(step.gate.jobs) for step in spec.steps if step.gate is not None)
    found = limits + len(spec.hooks) + gated
    return found + status_budget.KEPT_JOBS if found else 0


def _of_test(limit: Threshold, segmented: set[str]) -> int:
    if not limit.counted:
        return 0
    limited = limit.regression is not None and limit.regression.limit is not None
    if limit.metric in segmented:
        return status_budget.SEGMENTS + (status_budget.SEGMENTS_LIMIT if limited else 0)
    return status_budget.A_TEST + (status_budget.A_LIMIT if limited else 0)


def _clocks(limit: Threshold, several: set[str]) -> int:
    """Series of a guard that may be remembered: a test on counts, a spread and a ratio without `by` have one."""
    return 8 if limit.metric in several and not limit.counted and limit.max_spread is None else 1
