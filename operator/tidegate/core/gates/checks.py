"""Gates that metrics open: limits on what needs no candidate, such as open incidents, evaluated once all else is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate.api.rollout.gates import Check, Gate
from tidegate.api.rollout.metrics import Metric
from tidegate.core.gates.kind import Closed, GateContext
from tidegate.core.judging.judge import asking, metric_of
from tidegate.core.judging.limits import judge
from tidegate.core.metrics import queries, sample
from tidegate.core.model.answers import Query
from tidegate.core.model.finding import Context, Finding, State
from tidegate.core.model.samples import NotAsked
from tidegate.core.model.world import ArmName
from tidegate.core.tick.context import TickContext


@dataclass(frozen=True)
class Checked:
    """`checks`: every limit is met now."""

    field: str = "checks"
    calendar: bool = True

    def evaluate(self, part: Sequence[Check], context: GateContext) -> Closed | None:
        """Closed while a limit is not met, and where one that was not met has not been evaluated again."""
        found = [context.checked[identity] for check in part if (identity := check.limit.identity) in context.checked]
        unmet = unmet_of(found, context.unmet)
        return Closed("; ".join(unmet.values())) if unmet else None

    def describe(self, part: Sequence[Check]) -> str:
        """`open-incidents max 0`."""
        return ", ".join(check.limit.identity for check in part)


def queries_of(draft: TickContext, gates: Sequence[Gate]) -> list[Query]:
    """What must be asked to evaluate the checks of the gates."""
    metrics = (metric_of(draft, check.limit) for gate in gates for check in gate.checks)
    return [query for metric in metrics if metric is not None for query in _queries(draft, metric)]


def findings(draft: TickContext, gates: Sequence[Gate]) -> Mapping[str, Finding]:
    """The checks of the gates evaluated in this tick, by identity."""
    found = (_finding(draft, check) for gate in gates for check in gate.checks)
    return {one.limit.identity: one for one in found}


def unmet_of(found: Iterable[Finding], before: Mapping[str, str]) -> dict[str, str]:
    """What is to be said of the checks that are not met, by identity; of one that was not evaluated now, what was said before."""
    said = {
        one.limit.identity: ("" if one.state is State.OK else one.message)
        if one.answered
        else before.get(one.limit.identity, "")
        for one in found
    }
    return {identity: words for identity, words in said.items() if words}


def _queries(draft: TickContext, metric: Metric) -> tuple[Query, ...]:
    """A metric of no arm looks back over its whole window: the candidate's traffic is of no account to it."""
    return queries(metric, ArmName.CANDIDATE, replace(asking(draft), traffic=metric.window.seconds))


def _finding(draft: TickContext, check: Check) -> Finding:
    metric = metric_of(draft, check.limit)
    if metric is None:
        return Finding(check.limit, State.NO_DATA, f"{check.limit.identity}: there is no metric {check.metric!r}")
    context = Context(arm="", window=str(metric.window))
    return judge(check.limit, metric, sample(metric, draft.seen.asked, _queries(draft, metric)), NotAsked(), context)
