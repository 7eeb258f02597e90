"""At rest: whether there is a version to try, and what stands before it. Also what is kept at 0 after a revert."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tidegate.api.reasons import Reason
from tidegate.api.rollout.promotion import BaselineMatch
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import RunStatus, Version
from tidegate.api.rollout.target_weights import percents_of, weights_at
from tidegate.core.gates import ownership, raise_rule, workloads
from tidegate.core.jobs.asking import started_by, undone
from tidegate.core.jobs.record import forget_earlier_runs
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import KeepFinalizer, Why
from tidegate.core.model.template_fields import in_words
from tidegate.core.model.time_format import instant
from tidegate.core.model.version import (
    beside,
    differences,
    in_full,
    not_promoted,
    same_template,
    same_version,
    serves,
    version_of,
)
from tidegate.core.model.world import Arm, ArmName, Route, RulePair, Unknown
from tidegate.core.run import baseline_update, scaling
from tidegate.core.scaling import to_zero
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.kept_spec import kept_text
from tidegate.core.tick.open import new_step
from tidegate.core.traffic import correcting, mirrors, raising, restoring, shares, targets, weights
from tidegate.core.traffic.cohorts import cohort_of

MOST_PATHS = 8
LONGEST_PATH = 100
"""How many fields status names that differ between the arms and are not promoted, and how many characters of each."""

LOOK_AGAIN = 15.0
"""Seconds until something that could not be read is looked at again."""


def at_rest(draft: Draft, *, start: bool = True) -> None:
    """Plans what a Rollout without a run does: leave, keep the candidate at 0, wait, or start a run.

    Args:
        draft: the tick's draft.
        start: a run may start now; not beside the conclusion of the one before, which is recorded first.
    """
    _keep_at_zero(draft)
    if draft.seen.rollout.deleting or draft.actions:
        _let_go(draft)
        return
    if draft.memory.unreadable:
        words = f"{draft.memory.unreadable}: no run is started until status can be read (Abort reverts and discards it)"
        draft.stalled = Why(Reason.STATUS_UNREADABLE, words)
        return
    if draft.seen.spec is None and draft.seen.unread:
        _wait(draft, Why(Reason.READ_FAILED, draft.seen.unread))
        _let_go(draft)
        return
    if draft.seen.spec is None:
        first = draft.seen.problems[0] if draft.seen.problems else None
        message = f"{first.path}: {first.message}" if first else "the spec is not valid"
        more = len(draft.seen.problems) - 1
        draft.stalled = Why(Reason.INVALID_SPEC, message + (f" (and {more} more)" if more > 0 else ""))
        _let_go(draft)
        return
    why = workloads.missing(draft.spec, draft.seen.arms) or raise_rule.unfit_route(draft)
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if why is not None or baseline is None or candidate is None:
        _wait(draft, why or Why(Reason.READ_FAILED, "the Deployments could not be read"))
        _let_go(draft)
        return
    if _nothing_new(draft, baseline, candidate):
        draft.go_on()
        draft.ready = draft.ready or _resting(draft)
        scaling.rest(draft)
        _let_go(draft)
        return
    if start:
        _start(draft, baseline, candidate)


def _resting(draft: TickContext) -> Why:
    last = draft.status.history[0] if draft.status.history else None
    if last is not None and last.outcome == RunEnd.SUCCEEDED:
        return Why(Reason.SUCCEEDED, f"run {last.id} was promoted")
    return Why(Reason.IDLE, "the candidate's version is the one in service: nothing to do")


def _nothing_new(draft: Draft, baseline: Arm, candidate: Arm) -> bool:
    """Whether the candidate's version has been dealt with already."""
    status, revision = draft.status, draft.spec.revision
    if status.retry:
        return False
    if same_version(status.released, revision, candidate):
        draft.ready = _changed_since(draft, baseline, candidate)
        return True
    if same_version(status.rejected, revision, candidate):
        last = status.history[0].message if status.history else ""
        draft.stalled = Why(
            Reason.REVERTED, f"this version was reverted and is not tried again until it changes (or Retry): {last}"
        )
        return True
    known = status.released.revision if status.released is not None else (revision or "")
    if known == (revision or "") and _in_service(draft, baseline, candidate):
        draft.need()
        draft.update(released=_version(draft, candidate), targets=())
        return True
    return False


def _in_service(draft: TickContext, baseline: Arm, candidate: Arm) -> bool:
    """Whether the baseline runs the candidate's version.

    Where only images are awaited the arms differ on purpose, so at first sight images tell; from then on what was released does.
    """
    version, first = _version(draft, candidate), draft.status.released is None and not draft.status.runs
    return serves(version, baseline, draft.spec) if first else same_template(version, baseline)


def _changed_since(draft: TickContext, baseline: Arm, candidate: Arm) -> Why | None:
    """The candidate's version was dealt with, and the baseline runs another one: true, and nothing to do."""
    known = draft.status.released
    if known is None or serves(known, baseline, draft.spec):
        return None
    fields = in_words(differences(baseline, candidate, known.exclude))
    return Why(
        Reason.BASELINE_DIFFERS,
        f"the candidate's version was released before, and the baseline has been changed since ({fields}): nothing to do",
    )


def _start(draft: Draft, baseline: Arm, candidate: Arm) -> None:
    """Begins a run, unless something blocks it."""
    blocked = (
        workloads.overlap(draft.spec, baseline, candidate)
        or ownership.conflict(draft)
        or _inexpressible(draft)
        or mirrors.unfit(draft, list(targets.routes(draft)))
        or baseline_update.impossible(draft.spec, baseline)
        or to_zero.impossible(draft)
    )
    if blocked is None and not draft.status.retry and shares.traffic(draft) is not shares.Traffic.NONE:
        blocked = Why(
            Reason.CANDIDATE_ALREADY_SERVING,
            "the route already gives the candidate traffic: nothing is changed until it is at 0, or a Retry command is given",
        )
    if blocked is not None:
        draft.stalled = blocked
        draft.need()
        if blocked.reason == Reason.SCALE_TO_ZERO_NOT_POSSIBLE:
            draft.wakes.append(draft.now + to_zero.LOOK_AGAIN)
        return
    draft.need()
    if to_zero.must_look(draft):
        draft.autoscaler = True
        return
    before = undone(draft)
    if before is not None:
        draft.wait(before, deadline=False)
        return
    if draft.spec.paused:
        draft.attention = Why(Reason.PAUSED_BY_SPEC, "spec.paused is true: a run starts when it is false")
        return
    _begin(draft, baseline, candidate)


def _begin(draft: Draft, baseline: Arm, candidate: Arm) -> None:
    """Begins a run: records its version, what it stands beside, and the numbers of the routes."""
    number = draft.status.runs + 1
    version = _version(draft, candidate)
    own = _kept_apart(draft, baseline, candidate)
    run = RunStatus(
        id=f"{number}-{version.fingerprint[:8]}",
        version=version,
        baseline=beside(baseline, version.exclude),
        not_promoted=tuple(path[:LONGEST_PATH] for path in own[:MOST_PATHS]),
        start_time=instant(draft.now),
        spec=kept_text(draft.spec),
    )
    draft.update(
        run=run,
        step=new_step(draft.spec.steps, 0),
        runs=number,
        retry=False,
        waiting=None,
        checkpoints=(),
        approvals=(),
        targets=(),
    )
    forget_earlier_runs(draft)
    scaling.begin(draft)
    raising.remember(draft)
    named = in_full(version)
    differ = f"; the arms differ in what is not promoted: {in_words(own)}" if own else ""
    draft.say(Reason.RUN_STARTED, f"run {run.id} of {named} started{differ}")
    draft.doing = Why(Reason.RUN_STARTED, f"run {run.id} of {named} started")
    if FINALIZER not in draft.seen.rollout.finalizers:
        draft.actions.append(KeepFinalizer(present=True))
    draft.intent = True


def _kept_apart(draft: TickContext, baseline: Arm, candidate: Arm) -> tuple[str, ...]:
    """The fields in which the arms differ and that the promotion leaves alone, or does not wait for.

    The labels that tell the arms apart, by which the Services select, are no news.
    """
    exclude = draft.spec.promotion.exclude
    telling = {f"labels.{key}" for arm in (baseline, candidate) for key in _selector(arm)}
    own = tuple(path for path in not_promoted(baseline, candidate, exclude) if path not in telling)
    if draft.spec.ratio is not None:  # one Service selects both: it is the Deployments that select by these labels
        own = tuple(path for path in own if not path.startswith("labels."))
    if draft.spec.promotion.match is BaselineMatch.VERSION:
        return own
    return tuple(path for path in (*differences(baseline, candidate, exclude), *own) if not path.endswith("].image"))


def _selector(arm: Arm) -> Mapping[str, str]:
    return arm.selector if isinstance(arm.selector, Mapping) else {}


def _version(draft: TickContext, candidate: Arm) -> Version:
    return version_of(candidate, draft.spec.revision, draft.spec.promotion.exclude)


def _inexpressible(draft: TickContext) -> Why | None:
    for route in targets.routes(draft):
        for pair in route.pairs:
            if pair.total == 0:
                return Why(
                    Reason.BASELINE_NOT_SERVING,
                    f"{route.ref.key}, rule {pair.rule}: both weights are 0, the baseline receives no traffic",
                )
            if pair.alone and pair.fixed not in {None, pair.total}:
                return Why(
                    Reason.WRONG_SUM,
                    f"{route.ref.key}, rule {pair.rule}: the two numbers add up to {pair.total}, and the router requires {pair.fixed}: correct "
                    f"them, with the candidate's at 0",
                )
            if pair.ready is not None:  # what a weight is in pods was said when the spec was checked
                continue
            cohort = cohort_of(draft.spec, route.ref.key, route.known_as(pair.rule)) or ""
            total = weights.sum_alone(percents_of(draft.spec, cohort), pair)
            for step in draft.spec.steps:
                weight = weights_at(draft.spec, step).of(cohort)
                if weights.inexpressible(weight, pair, total):
                    cannot = _cannot_express(pair, total).format(asked=f"{weight:f}% (step {step.name!r})")
                    return Why(Reason.WEIGHT_NOT_EXPRESSIBLE, f"{route.ref.key}, rule {pair.rule}: {cannot}")
    return None


def _cannot_express(pair: RulePair, total: int) -> str:
    if pair.alone:
        return f"the two numbers add up to {total}, the maximum of the router, and that cannot express {{asked}}"
    return (
        f"the rule has other backends, so the pair's sum of {pair.total} is kept, and it cannot express {{asked}}: "
        "give the pair a larger sum on the route"
    )


def _wait(draft: Draft, why: Why) -> None:
    if isinstance(draft.seen.arm(ArmName.BASELINE), Unknown) or why.reason in {
        Reason.READ_FAILED,
        Reason.ROUTER_NOT_SERVED,
    }:
        draft.wakes.append(draft.now + LOOK_AGAIN)
    if why.reason == Reason.ROUTER_NOT_SERVED:
        draft.stalled = why
        return
    draft.need()
    draft.wait(why)


def _keep_at_zero(draft: Draft) -> None:
    """After a revert the candidate stays at 0 until the next run, whoever raises it. What the spec no longer names is let go."""
    if draft.seen.spec is not None:
        namespace = draft.seen.rollout.namespace
        named = {(ref.pair, frozenset(ref.rules)) for ref in targets.refs_of(draft.spec, namespace)}
        kept = [
            one for one in draft.status.targets if (targets.ref_of(one, namespace).pair, frozenset(one.rules)) in named
        ]
        if len(kept) < len(draft.status.targets):
            draft.update(targets=tuple(kept))
    for target in draft.status.targets:
        route = draft.seen.routes.get(targets.key_of(target))
        if not isinstance(route, Route):
            continue
        found = max((weights.share(pair) for pair in route.pairs), default=Decimal(0))
        mirrored = mirrors.largest(draft, [route])
        if not found and not mirrored:
            continue
        gave = (
            f"gave the reverted candidate {found:.3g}%" if found else f"mirrored {mirrored}% to the reverted candidate"
        )
        restoring.restore(draft, target)
        draft.need(Live.ROUTES)
        draft.corrects = True
        correcting.announce_correction(draft, f"{route.ref.key} {gave}: corrected to 0")


def _let_go(draft: Draft) -> None:
    """Takes our finalizer off once nothing is left to restore; what may still have to be is waited for."""
    if draft.memory.unreadable and shares.requests(draft) is not shares.Traffic.NONE:
        draft.wakes.append(draft.now + LOOK_AGAIN)
        return
    starting = started_by(draft) if draft.seen.rollout.deleting else None
    if starting is not None:
        draft.wakes.append(starting)
        return
    if not draft.actions and FINALIZER in draft.seen.rollout.finalizers:
        draft.actions.append(KeepFinalizer(present=False))
