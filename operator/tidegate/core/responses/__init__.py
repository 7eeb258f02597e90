"""What a breach does: the registry of responses, and how a breach is responded to.

A new kind of response: a member of `Response` in `api/rollout/responses.py`, a module here, a row in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.responses import AfterHold, Response
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.judging.shared_incident import shared
from tidegate.core.model.finding import Finding
from tidegate.core.responses.hold import Hold
from tidegate.core.responses.kind import Breach, ResponseKind
from tidegate.core.responses.revert import Revert
from tidegate.core.responses.run_job import RunJob
from tidegate.core.responses.scale import Scale
from tidegate.core.responses.step_back import StepBack, left
from tidegate.core.responses.warn import Warn
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic.cohorts import takes_cohort

KINDS: Final[Mapping[Response, ResponseKind]] = {
    Response.REVERT: Revert(),
    Response.STEP_BACK: StepBack(),
    Response.HOLD: Hold(),
    Response.SCALE: Scale(),
    Response.RUN_JOB: RunJob(),
    Response.WARN: Warn(),
}

SEVERITY: Final = tuple(Response)
"""The responses, the most severe first."""


def respond(draft: Draft, breached: Iterable[Finding], reason: Reason, prefix: str = "") -> None:
    """Does what breached limits ask for: of what takes traffic away the most severe, and that alone but for cohorts taken back.

    Of several that step back, the one that leaves the candidate the lowest weight acts. What goes on beside the run is done whatever
    else is breached.

    Args:
        draft: the tick's plan.
        breached: the findings, in the order of their limits.
        reason: of an end.
        prefix: what stands before their messages.
    """
    breached = list(breached)
    for finding in breached:
        if finding.limit.on_breach.goes_on:
            KINDS[finding.limit.on_breach].apply(draft, _breach(finding, reason, prefix))
    breached = [one for one in breached if not one.limit.on_breach.goes_on]
    taking = [one for one in breached if one.limit.on_breach.takes_traffic and not shared(one)]
    whole = [one for one in taking if not takes_cohort(draft, one.limit)]
    if whole:
        worst = min(whole, key=lambda one: (SEVERITY.index(one.limit.on_breach), left(draft, one.limit)))
        KINDS[worst.limit.on_breach].apply(draft, _breach(worst, reason, prefix))
    for finding in taking:
        if takes_cohort(draft, finding.limit):
            KINDS[finding.limit.on_breach].apply(draft, _breach(finding, reason, prefix))
    if whole:
        return
    for finding in breached:
        if shared(finding):
            restart = finding.limit.after_hold is AfterHold.RESTART
            both = finding.limit.identity if finding.both else ""
            draft.hold(Reason.SHARED_INCIDENT, prefix + finding.message, restart=restart, shared=both)
        elif not finding.limit.on_breach.takes_traffic:
            KINDS[finding.limit.on_breach].apply(draft, _breach(finding, reason, prefix))


def warn(draft: Draft, breached: Iterable[Finding]) -> None:
    """Tells people of limits that only warn, whatever else is breached."""
    for finding in breached:
        if finding.limit.on_breach is Response.WARN:
            message = f"{finding.message}: warning only"
            KINDS[Response.WARN].apply(draft, Breach(Reason.LIMIT_BREACHED, message, new=finding.new))


def describe(limit: Threshold) -> str:
    """What a breach of the limit does, in a few words for a person."""
    return KINDS[limit.on_breach].describe(limit)


def _breach(finding: Finding, reason: Reason, prefix: str) -> Breach:
    limit = finding.limit
    return Breach(reason, prefix + finding.message, limit.after_hold, new=finding.new, limit=limit)
