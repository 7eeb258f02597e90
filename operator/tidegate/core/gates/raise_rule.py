"""The one way up: every write that gives the candidate more passes `blockers`. Lowering needs nothing."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates import ownership, workloads
from tidegate.core.jobs.asking import awaited
from tidegate.core.judging.judge import acting
from tidegate.core.metrics.asking import probe
from tidegate.core.model.answers import Failed, Vector
from tidegate.core.model.finding import MISSING, Finding, State
from tidegate.core.model.plan import Why
from tidegate.core.model.version import same_version
from tidegate.core.model.world import ABSENT, Absence, Acceptance, Arm, ArmName, Route, Unknown, Unseen
from tidegate.core.scaling import needs, to_zero
from tidegate.core.tick.context import TickContext
from tidegate.core.traffic import cohorts, mirrors, raising_pods, shares, targets

AT_MOST_EVERY = 2.0
"""Seconds between two judgements asked for only because everything else allows a raise."""

BAD = frozenset({State.BREACHED, State.PENDING, *MISSING})
"""States of an acting line that keep a hold from ending."""

WELL = frozenset({State.OK, State.NOT_COMPARABLE})
"""States of an acting line that allow a raise. Too few requests do not: what was never judged advances nothing."""


def blockers(draft: TickContext, to: Step | None) -> list[Why]:
    """Everything that stands before a raise, except the judgement; empty when only that is missing.

    Args:
        draft: the tick's draft.
        to: the step whose gate must be open; `None` for a way back that has no gate.
    """
    run, spec, seen = draft.run, draft.spec, draft.seen
    found: list[Why | None] = []
    if run.ending is not None or seen.rollout.deleting:
        found.append(Why(Reason.ENDING, "the run is ending"))
    if draft.memory.unreadable:
        found.append(Why(Reason.STATUS_UNREADABLE, f"{draft.memory.unreadable}: nothing is raised"))
    if seen.spec is None:
        found.append(Why(Reason.INVALID_SPEC, "the spec is not valid; nothing is raised until it is"))
    if spec.paused:
        found.append(Why(Reason.PAUSED_BY_SPEC, "spec.paused is true"))
    if run.paused is not None:
        found.append(Why(Reason(run.paused.reason), run.paused.message))
    if run.hold is not None:
        found.append(Why(Reason.HOLDING, run.hold.message))
    if draft.lost is not None:
        found.append(draft.lost)
    found.append(workloads.missing(spec, seen.arms))
    found.append(another_version(draft))
    found.append(needs.short(draft, to))
    found.append(_candidate_ready(draft))
    found.append(workloads.revert_ready(spec, seen.arm(ArmName.BASELINE), seen.arm(ArmName.CANDIDATE)))
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is not None and candidate is not None:
        found.append(workloads.overlap(spec, baseline, candidate))
    found.append(unfit_route(draft))
    found.append(mirrors.unfit(draft, list(targets.routes(draft))))
    found.append(_short_of_pods(draft, to))
    found.append(ownership.conflict(draft))
    found.append(to_zero.impossible(draft))
    found.append(awaited(draft))
    if to is not None:
        found.append(gates.closed(draft, to))
    return [why for why in found if why is not None]


def way_back_blocked(draft: TickContext) -> Why | None:
    """What stands before sending the traffic back to the candidate after the promoted baseline breached; `None` for nothing.

    That is a revert by its nature: no pause, gate, judgement, lost pod of the baseline or refusal by a gateway keeps users on
    what breached. Only what would make it worse does: a candidate that cannot serve, or that is another version.
    """
    run, spec, seen = draft.run, draft.spec, draft.seen
    candidate = seen.arm(ArmName.CANDIDATE)
    if run.ending is not None or seen.rollout.deleting:
        return Why(Reason.ENDING, "the run is ending")
    if draft.memory.unreadable:
        return Why(Reason.STATUS_UNREADABLE, f"{draft.memory.unreadable}: nothing is raised")
    if not isinstance(candidate, Arm):
        return workloads.candidate_ready(spec, candidate)
    if candidate.available < 1 and not (spec.ratio is not None and candidate.replicas == 0):
        return Why(Reason.CANDIDATE_NOT_READY, f"candidate Deployment {candidate.deployment!r} has no available pod")
    short = raising_pods.short_of_pods(draft, cohorts.asked(draft, spec.steps[-1]))
    if short:
        return Why(Reason.PODS_NOT_READY, short)
    return another_version(draft) or workloads.unreached(
        ArmName.CANDIDATE, spec.candidate.deployment, spec.candidate.service, candidate
    )


def unjudged(draft: TickContext, to: Step | None) -> Why | None:
    """What this tick's judgement says against a raise; `None` when it allows one.

    From a route that gives the candidate nothing there is nothing to judge: then it is enough that the source answers.

    Args:
        draft: the tick's draft.
        to: the step whose checks must have been evaluated; `None` for a way back that has no gate.
    """
    unchecked = gates.unanswered(draft, to) if to is not None else None
    return _unwell(draft) or (_not_well(unchecked) if unchecked is not None else None)


def _unwell(draft: TickContext) -> Why | None:
    if shares.requests(draft) is shares.Traffic.NONE:
        return _silent_source(draft)
    findings = acting([*draft.judgement.guards, *draft.judgement.thresholds])
    unwell = next((finding for finding in findings if finding.state not in WELL), None)
    return _not_well(unwell) if unwell is not None else None


def unfit_route(draft: TickContext) -> Why | None:
    """The first target that is missing, cannot be read, or lacks a rule or a backend; `None` when all are fit."""
    for ref in targets.refs_of(draft.spec, draft.seen.rollout.namespace):
        route = draft.seen.routes.get(ref.key, ABSENT)
        match route:
            case Absence.ABSENT:
                return Why(Reason.ROUTE_MISSING, f"there is no {ref.key}")
            case Unknown(reason, kind):
                served = Reason.READ_FAILED if kind is Unseen.FAILED else Reason.ROUTER_NOT_SERVED
                return Why(served, f"{ref.key} could not be read: {reason}")
            case Route():
                pass
        found = f" ({route.missing_because})" if route.missing_because else ""
        missing = shares.lacking(draft, route)
        if missing:
            names = ", ".join(missing)
            both = f"with both {ref.baseline} and {ref.candidate}{found}"
            return Why(Reason.RULE_MISSING, f"{ref.key} has no rule {names} {both}")
        if not route.pairs:
            both = f"with both backends {ref.baseline} and {ref.candidate}{found}"
            return Why(Reason.BACKENDS_MISSING, f"{ref.key} has no rule {both}")
        if why := _unfit(draft, route):
            return why
    return None


def _unfit(draft: TickContext, route: Route) -> Why | None:
    """Why a route that has its pairs must not be raised on."""
    if route.not_writable:
        return Why(Reason.ROUTE_NOT_WRITABLE, route.not_writable)
    if why := sticky(draft, route):
        return why
    if route.unfit:
        return no_ratio(route)
    if route.unproven:
        return Why(Reason.READ_FAILED, f"{route.ref.key}: {route.unproven}")
    if route.acceptance is Acceptance.REFUSED:
        return Why(Reason.ROUTE_NOT_ACCEPTED, f"{route.ref.key} is refused: {route.acceptance_message}")
    return None


def sticky(draft: TickContext, route: Route) -> Why | None:
    """What is said of a route on which a revert would not reach every user; `None` where it does."""
    if not route.sticky or to_zero.covers(draft.spec, route.ref.key):
        return None
    return Why(
        Reason.STICKY_ROUTE,
        f"{route.ref.key}, {route.sticky}: a persistent session stays with its backend even at weight 0, so a revert would not reach "
        "those users; remove it, and keep users on one version by a cookie cohort, or set 'revert: ScaleToZero' for the target "
        "(docs/cohorts.md)",
    )


def no_ratio(route: Route) -> Why:
    """What is said of pods whose ratio is not the ratio of traffic, or not ours to set."""
    return Why(Reason.RATIO_NOT_POSSIBLE, f"{route.ref.key}: {route.unfit}")


def breached(draft: TickContext) -> Why | None:
    """The first limit that is beyond what it allows now, whether or not for long enough."""
    findings = acting([*draft.judgement.guards, *draft.judgement.thresholds])
    bad = next((one for one in findings if one.state in {State.BREACHED, State.PENDING}), None)
    return Why(Reason.LIMIT_NOT_MET, bad.message) if bad is not None else None


def _candidate_ready(draft: TickContext) -> Why | None:
    """Why the candidate cannot take traffic. Where its pods are its weight, one without any is ready for the first."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if draft.spec.ratio is not None and candidate is not None and candidate.replicas == 0 and not candidate.paused:
        return None
    return workloads.candidate_ready(draft.spec, draft.seen.arm(ArmName.CANDIDATE))


def _short_of_pods(draft: TickContext, to: Step | None) -> Why | None:
    short = raising_pods.short_of_pods(draft, cohorts.asked(draft, to)) if to is not None else ""
    return Why(Reason.PODS_NOT_READY, short) if short else None


def another_version(draft: TickContext) -> Why | None:
    """Why the candidate is not what the run is of; `None` when it is, or could not be seen."""
    candidate = draft.arm(ArmName.CANDIDATE) or draft.seen.candidate_before
    if candidate is None or same_version(draft.run.version, draft.spec.revision, candidate):
        return None
    return Why(Reason.ANOTHER_VERSION, "the candidate is no longer the version of this run")


def _silent_source(draft: TickContext) -> Why | None:
    if not draft.spec.metrics:
        return None
    source = draft.spec.prometheus.source
    answer = draft.seen.asked.answer(probe(source))
    if isinstance(answer, Vector):
        return None
    if isinstance(answer, Failed):
        return Why(
            Reason.SOURCE_UNAVAILABLE,
            f"Prometheus source {source!r} does not answer ({answer.reason}: {answer.message})",
        )
    return Why(Reason.AWAITING_RESULTS, f"Prometheus source {source!r} is being queried")


def _not_well(finding: Finding) -> Why:
    if not finding.answered:
        return Why(Reason.AWAITING_RESULTS, f"{finding.limit.identity} is being evaluated")
    return Why(Reason.LIMIT_NOT_MET, finding.message)
