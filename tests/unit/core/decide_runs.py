"""A status in the middle of a run, for the table of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import PairStatus, RolloutStatus, RunStatus, StepBegin, StepStatus, TargetStatus
from tidegate.core.model.time_format import instant
from tidegate.core.model.version import version_of
from tidegate.core.model.world import Arm
from tidegate.core.tick.kept_spec import kept_text


def status_of(
    raw: Mapping[str, Any], candidate: Arm, baseline: Arm, weight: float, now: float, **changes: object
) -> RolloutStatus:
    """The first step, reached five minutes ago at `weight` percent."""
    spec = RolloutSpec.model_validate(raw)
    begun = instant(now - 300)
    run = RunStatus(
        id="1-abc",
        version=version_of(candidate, None, ()),
        baseline=version_of(baseline, None, ()),
        start_time=begun,
        spec=kept_text(spec),
        weight=weight,
        raised=begun,
        traffic_since=begun,
        watched=300.0,
        heartbeat=instant(now - 10),
        begun=(StepBegin(name="canary", time=begun),),
    )
    step = StepStatus(
        name="canary", index=1, of=2, summary="1/2 canary", weight=weight, seen=True, reached=True, watched=300.0
    )
    pair = PairStatus(rule="#0", baseline=1, candidate=0)
    names = {"baseline": "checkout", "candidate": "checkout-canary"}
    target = TargetStatus(kind="HTTPRoute", name="checkout", found=(pair,), generation=6, **names)
    return RolloutStatus(run=run, step=step, targets=(target,), runs=1, observed_generation=1).model_copy(
        update=changes
    )
