"""How the two arms stand to each other in this tick."""

from __future__ import annotations

from tidegate.api.rollout.run_status import Stage
from tidegate.core.model.version import same_template
from tidegate.core.model.world import ArmName
from tidegate.core.tick.context import TickContext


def comparable(draft: TickContext, cohort: str | None = None) -> bool:
    """Whether the arms can be compared: the baseline has traffic by intent, and runs another version than the candidate.

    Of two arms with one version nothing is attributed to either.

    Args:
        draft: the tick.
        cohort: whose traffic is compared; by default that of all targets.
    """
    weights = draft.weights
    full = weights.of(cohort) >= 100 if cohort else weights.full
    return not full and not same_on_both(draft)


def same_on_both(draft: TickContext) -> bool:
    """Whether the baseline runs the version on trial."""
    baseline = draft.arm(ArmName.BASELINE)
    return baseline is not None and draft.status.run is not None and same_template(draft.run.version, baseline)


def sent_back(draft: TickContext) -> bool:
    """Whether the promoted baseline breached, and the candidate, which served well, gets its traffic back."""
    run = draft.status.run
    return run is not None and run.promotion is not None and run.promotion.stage == Stage.SENT_BACK


def baseline_on_trial(draft: TickContext) -> bool:
    """Whether the baseline serves the new version to the rest of the traffic, before that is sent back to it."""
    run = draft.status.run
    if run is None or run.promotion is None or draft.weights.full:
        return False
    match run.promotion.stage:
        case Stage.COPYING:
            return run.promotion.written
        case Stage.ROLLING_OUT:
            return True
        case Stage.AWAITING:
            baseline = draft.arm(ArmName.BASELINE)
            return (
                baseline is not None
                and run.baseline is not None
                and not same_template(run.baseline, baseline, run.version.exclude)
            )
        case _:
            return False
