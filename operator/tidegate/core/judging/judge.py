"""The limits in force judged in this tick: findings from samples, and the clocks of those that must last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import Stage
from tidegate.api.rollout.status import Clock, GuardStatus
from tidegate.api.rollout.thresholds import Guard, Threshold
from tidegate.api.status_budget import MOST_CLOCKS
from tidegate.core.count_tests.counted_limit import CountedLimit, forget_others
from tidegate.core.judging.duration import KEPT, clocks_after, sustained_state
from tidegate.core.judging.idle import Busy, busy
from tidegate.core.judging.limits import about, judge, unit_of, worst_of
from tidegate.core.judging.shared_incident import attributed, shared
from tidegate.core.metrics import digest, of_one_arm, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.freshness import unless_stale
from tidegate.core.metrics.samples import warnings
from tidegate.core.metrics.series_coverage import note_groups, unless_incomplete, without_gone
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model import cadence
from tidegate.core.model.answers import Query
from tidegate.core.model.finding import Context, Finding, State
from tidegate.core.model.observation import Observation
from tidegate.core.model.samples import NotAsked, Sample
from tidegate.core.model.time_format import in_words, instant
from tidegate.core.model.value_format import shown
from tidegate.core.model.world import Arm, ArmName
from tidegate.core.tick.arms import baseline_on_trial, comparable, same_on_both
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.evaluating import Evaluating
from tidegate.core.tick.judgement import Judgement

SCRAPE = 15.0
"""Seconds a scrape may take to bring the first data after a raise."""

NO_PODS = "-"
"""A `$pods` that matches nothing: no pod has this name."""


def guards_in_force(draft: TickContext) -> tuple[Guard, ...]:
    """The Rollout's guards and the current step's."""
    step = draft.step_spec
    limits = (*draft.spec.guards, *(step.guards if step else ()))
    return tuple(limit for limit in limits if _served(draft, limit))


def thresholds_in_force(draft: TickContext) -> tuple[Threshold, ...]:
    """The Rollout's thresholds and the current step's."""
    step = draft.step_spec
    limits = (*draft.spec.thresholds, *(step.thresholds if step else ()))
    return tuple(limit for limit in limits if _served(draft, limit))


def _served(draft: TickContext, limit: Threshold) -> bool:
    """Whether the limit's cohort, if it has one, meets the version on trial; of mirrored requests no test counts any."""
    if draft.weights.mirror and limit.counted:  # what was mirrored is nobody's traffic
        return False
    return not limit.cohort or draft.weights.of(limit.cohort) > 0 or serving(draft) is ArmName.BASELINE


def metric_of(draft: TickContext, limit: Threshold) -> Metric | None:
    """The metric a limit names, of the limit's cohort."""
    found = next((metric for metric in draft.spec.metrics if metric.name == limit.metric), None)
    return found.of_cohort(limit.cohort) if found is not None and limit.cohort else found


def serving(draft: TickContext) -> ArmName:
    """The arm that runs the version on trial: after the traffic went back, the promoted baseline."""
    promotion = draft.run.promotion
    settling = promotion is not None and promotion.stage in {Stage.RETURNING, Stage.SETTLING}
    return ArmName.BASELINE if settling else ArmName.CANDIDATE


def asking(draft: TickContext) -> Asking:
    """What the variables of this tick's queries stand for."""
    spec, run = draft.spec, draft.run
    pods = draft.seen.asked.pods or pods_of(draft.seen)
    began = run.traffic_since or run.mirrored_since
    since = began.timestamp() if began else draft.now
    first = began or run.raised
    return Asking(
        source=spec.prometheus.source,
        namespace=draft.seen.rollout.namespace,
        rollout=draft.seen.rollout.name,
        step=draft.step.name,
        elapsed=draft.step.watched,
        traffic=draft.now - since if draft.now >= since else draft.step.watched,  # the clock was set back
        workloads={ArmName.BASELINE: spec.baseline.deployment, ArmName.CANDIDATE: spec.candidate.deployment},
        services={ArmName.BASELINE: spec.baseline.service, ArmName.CANDIDATE: spec.candidate.service},
        pods=pods,
        reach=draft.now - first.timestamp() if first is not None and draft.now >= first.timestamp() else None,
    )


def pods_of(seen: Observation) -> Mapping[ArmName, str]:
    """`$pods` of each arm as observed now."""
    arms = {name: seen.arm(name) for name in ArmName}
    return {name: arm.pods if isinstance(arm, Arm) else NO_PODS for name, arm in arms.items()}


def queries_of(draft: Evaluating, limits: Iterable[Threshold]) -> list[Query]:
    """What must be asked to judge `limits`."""
    asks, arm = asking(draft), serving(draft)
    found: list[Query] = []
    if asks.too_soon:
        return found
    for limit in limits:
        metric = metric_of(draft, limit)
        if metric is None or (arm is ArmName.BASELINE and (limit.relative or limit.counted)):
            continue
        if limit.counted:
            found += CountedLimit(draft, limit, metric, asks).queries()
            continue
        found += queries(metric, arm, asks)
        both = baseline_on_trial(draft) and of_one_arm(metric)
        if (limit.relative and comparable(draft, limit.cohort)) or (not limit.relative and both):
            found += queries(metric, ArmName.BASELINE, asks)
    return found


def counted_in_force(draft: TickContext) -> list[Threshold]:
    """The limits that are tests on counts: gathered every interval, wherever they are written."""
    return [limit for limit in (*guards_in_force(draft), *thresholds_in_force(draft)) if limit.counted]


def evaluate(tick: TickContext) -> Judgement:
    """Evaluates every limit in force on the answers so far."""
    evaluating = Evaluating(tick.seen, tick.memory, tick.spec, tick.status, tick.elapsed)
    if soon := asking(tick).too_soon:
        evaluating.wakes.append(tick.now + soon)
    guards, standing = _guards(evaluating)
    thresholds = _thresholds(evaluating)
    return Judgement(
        guards,
        thresholds,
        standing,
        evaluating.run.evidence,
        evaluating.run.groups,
        tuple(evaluating.wakes),
        tuple(evaluating.wanted),
    )


def _guards(draft: Evaluating) -> tuple[tuple[Finding, ...], tuple[GuardStatus, ...]]:
    """Every guard in force, and the status' list of those that are not ok."""
    found: list[Finding] = []
    kept: list[GuardStatus] = []
    asks, subjects = asking(draft), _subjects(draft)
    befores = [_before(draft, guard, name) for guard, _, name in subjects]
    reserved = [max(len(before.clocks) if before else 0, 1) for before in befores]
    free = MOST_CLOCKS - sum(reserved)  # status has room for so many more
    for (guard, arm, name), before, own in zip(subjects, befores, reserved, strict=True):
        finding = _finding(draft, guard, asks, arm)
        if not finding.answered:
            kept += [before] if before else []
            found.append(_as_before(finding, before))
            continue
        room = min(KEPT, own + free) if guard.for_.seconds else 1
        clocks = clocks_after(before.clocks if before else (), finding, draft.run.watched, most_between(draft), room)
        free += own - max(len(clocks), 1)
        finding = _of_lasting(draft, finding, arm, asks, clocks)
        finding = _lasting(finding, guard, sustained_state(finding, clocks, guard.for_.seconds), before, draft)
        finding = _attributed(draft, finding, asks)
        finding = replace(finding, new=before is None or before.state != State.BREACHED)
        if shared(finding):  # what was not this version's fault counts for no breach, and takes no clock from what is
            clocks = ()
        found.append(finding)
        draft.wakes += [
            cadence.at_or_after(draft.seen.rollout.uid, draft.interval, draft.now + guard.for_.seconds - clock.watched)
            for clock in clocks
        ]
        if finding.state is not State.OK or clocks:
            since = before.since if before and _goes_on(before.state, finding.state) else instant(draft.now)
            kept.append(
                GuardStatus(
                    name=name,
                    limit=f"{limit_of(guard)}; {_asked(draft, guard)}",
                    state=str(finding.state),
                    since=since,
                    value=_value(draft, finding),
                    message=finding.message,
                    clocks=clocks,
                )
            )
    return tuple(found), tuple(kept)


def _value(draft: TickContext, finding: Finding) -> str:
    """The value of the worst series; empty where there is none."""
    metric, worst = metric_of(draft, finding.limit), finding.worst
    if metric is None or worst is None or worst.value is None:
        return ""
    return shown(worst.value, unit_of(finding.limit, metric))


def _subjects(draft: TickContext) -> list[tuple[Guard, ArmName, str]]:
    """What is judged by which guard, and the name by which status keeps it.

    While the baseline rolls out the new version with traffic of its own, both arms serve it: then both are judged.
    """
    guards = guards_in_force(draft)
    found = [(guard, serving(draft), guard.identity) for guard in guards]
    if baseline_on_trial(draft):
        alone = (guard for guard in guards if not (guard.relative or guard.counted) and _of_one_arm(draft, guard))
        found += [(guard, ArmName.BASELINE, f"{guard.identity} (baseline)") for guard in alone]
    return found


def _of_one_arm(draft: TickContext, guard: Guard) -> bool:
    metric = metric_of(draft, guard)
    return metric is not None and of_one_arm(metric)


def _before(draft: TickContext, guard: Guard, name: str) -> GuardStatus | None:
    """The guard as it stood; `None` when it was ok, or another limit, or asked something else."""
    if not draft.status.guards:
        return None
    limit, asked = limit_of(guard), _asked(draft, guard)
    known = {f"{limit}; {asked}", limit}  # operator 0.1.0 did not keep what was asked
    return next((g for g in draft.status.guards if g.name == name and g.limit in known), None)


def _asked(draft: TickContext, guard: Guard) -> str:
    """Digest of what the guard's metric asks."""
    metric = metric_of(draft, guard)
    return digest(metric, 8) if metric is not None else ""


def most_between(draft: TickContext) -> float:
    """Seconds that may count as watched between two samples of one series."""
    return draft.seen.pace.watched(draft.interval)


def _thresholds(draft: Evaluating) -> tuple[Finding, ...]:
    """Every threshold in force."""
    asks = asking(draft)
    judged = (_finding(draft, limit, asks) for limit in thresholds_in_force(draft))
    found = tuple(_attributed(draft, finding, asks) for finding in judged)
    if draft.run.promotion is None and draft.status.step is not None:
        counted = ((limit, metric_of(draft, limit)) for limit in counted_in_force(draft))
        forget_others(draft, [(limit, metric) for limit, metric in counted if metric is not None])
    return found


def limit_of(guard: Guard) -> str:
    """The limit with its duration: a guard whose limit, or query, changed starts its clock anew."""
    return f"{guard.kind} {guard.limit} floor {guard.floor} for {guard.for_}"


def acting(findings: Iterable[Finding]) -> list[Finding]:
    """Those whose breach does more than warn."""
    return [finding for finding in findings if finding.limit.on_breach.blocks_raise]


def _finding(draft: Evaluating, limit: Threshold, asks: Asking, arm: ArmName | None = None) -> Finding:
    """The limit judged now, with what the source itself warned of."""
    metric = metric_of(draft, limit)
    if metric is None:
        return Finding(limit, State.NO_DATA, f"{limit.identity}: there is no metric {limit.metric!r}")
    found = _judged(draft, limit, metric, asks, arm or serving(draft))
    said = warnings(draft.seen.asked, queries_of(draft, [limit])) if found.answered else ()
    return replace(found, message=f"{found.message} (Prometheus: {said[0]})") if said else found


def _judged(draft: Evaluating, limit: Threshold, metric: Metric, asks: Asking, arm: ArmName) -> Finding:
    if arm is ArmName.BASELINE and (limit.relative or limit.counted):
        words = f"{limit.identity}: there is nothing to compare the promoted version with"
        return Finding(limit, State.NOT_COMPARABLE, words, sampled=False)
    context = context_of(draft, metric, arm, asks, limit.cohort)
    if limit.counted:
        return CountedLimit(draft, limit, metric, asks).finding(context)
    candidate = sample(metric, draft.seen.asked, queries(metric, arm, asks))
    if context.expected:
        candidate = unless_stale(draft, metric, arm, asks, candidate)
    baseline: Sample = NotAsked()
    if limit.relative:
        baseline = sample(metric, draft.seen.asked, queries(metric, ArmName.BASELINE, asks))
    if arm is not serving(draft):  # beside the arm on trial: whether that one can be judged is another query
        return replace(judge(limit, metric, candidate, baseline, context), sampled=False)
    with_requests = busy(draft, metric, candidate, asks) if arm is ArmName.CANDIDATE else Busy(candidate)
    finding = judge(limit, metric, with_requests.sample, baseline, context)
    finding = unless_incomplete(metric, with_requests.sample, finding)
    note_groups(draft, metric, candidate)
    return with_requests.listed(without_gone(draft, metric, candidate, finding, with_requests.baseline))


def context_of(draft: TickContext, metric: Metric, arm: ArmName, asks: Asking, cohort: str | None = None) -> Context:
    """What a judgement of a metric of one arm, and of one cohort or all traffic, must know besides the samples."""
    window = asks.window(metric)
    return Context(
        arm=f"{arm} in cohort {cohort}" if cohort else str(arm),
        comparable=comparable(draft, cohort),
        incomparable="both arms run the same version"
        if same_on_both(draft)
        else "the baseline has no traffic to compare with",
        watched=asks.traffic,
        expected=arm is ArmName.BASELINE or asks.traffic >= window + SCRAPE,
        window=promql_duration(window),
    )


def _attributed(draft: Evaluating, finding: Finding, asks: Asking) -> Finding:
    metric = metric_of(draft, finding.limit)
    if metric is None:
        return finding
    return attributed(draft, finding, metric, asks, context_of(draft, metric, serving(draft), asks))


def _as_before(finding: Finding, before: GuardStatus | None) -> Finding:
    """A guard that was not asked stands where it stood, as far as raising is concerned."""
    if before is None or finding.state is State.OPEN:
        return finding
    return replace(finding, message=before.message)


def _lasting(finding: Finding, guard: Guard, state: State, before: GuardStatus | None, draft: TickContext) -> Finding:
    if finding.state is not State.BREACHED or guard.for_.seconds == 0:
        return finding
    since = before.since if before and _goes_on(before.state, finding.state) else instant(draft.now)
    lasting = f", since {since:%H:%M:%S} UTC (limit: for {in_words(guard.for_.seconds)})"
    return replace(finding, state=state, message=finding.message + lasting)


def _of_lasting(draft: Evaluating, finding: Finding, arm: ArmName, asks: Asking, clocks: Iterable[Clock]) -> Finding:
    """A breach that had to last, told of the series alone for which it did; any other where none did yet."""
    guard = finding.limit
    metric = metric_of(draft, guard)
    if finding.state is not State.BREACHED or not isinstance(guard, Guard) or not guard.for_.seconds or metric is None:
        return finding
    lasting = {clock.series for clock in clocks if clock.watched >= guard.for_.seconds - 1e-6}
    if not lasting:
        return finding
    series = tuple(one for one in finding.series if one.state is not State.BREACHED or one.series in lasting)
    beyond_it = [one for one in series if one.state is State.BREACHED]
    if not beyond_it:
        return finding
    told = about(finding, metric, worst_of(guard, beyond_it), context_of(draft, metric, arm, asks))
    return replace(told, series=series)


def _goes_on(before: str, now: State) -> bool:
    """Whether it is the state of before: what is pending becomes a breach, and is the same trouble."""
    beyond = {State.PENDING, State.BREACHED}
    return before == now or (before in beyond and now in beyond)
