"""What stopped a run, in numbers: the limit, its series, and both arms' values at the instant at which it was decided.

The operator keeps a sentence. Here the limits in force are judged once more on the same answers, and the one that gives this
sentence is the cause.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.core.judging.judge import asking, context_of, guards_in_force, metric_of, thresholds_in_force
from tidegate.core.judging.limits import judge, sentence, unit_of
from tidegate.core.metrics import queries, sample
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.finding import Context, SeriesFinding, State
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.samples import Asked, Sample, Value
from tidegate.core.model.world import ArmName, RolloutObject
from tidegate.core.tick.draft import Draft
from tidegate.simulation.backtest.counts import Tested


@dataclass(frozen=True)
class Cause:
    """See the module."""

    limit: str
    """The limit's identity."""
    metric: str
    bound: str
    """The number of the limit, as written."""
    series: str = ""
    """The labels of the series or the segment; empty for a single one."""
    value: float | None = None
    """The candidate's, in `unit`; `None` where it is not known."""
    baseline: float | None = None
    """The baseline's at the same instant; `None` where it has none."""
    unit: str = ""
    """`ratio`, `percent`, `seconds` or `none`."""
    counts: str = ""
    """Of a test on counts, such as `12 of 3000 against 40 of 90000`."""


@dataclass(frozen=True)
class Moment:
    """The instant at which an end was decided."""

    spec: RolloutSpec
    rollout: RolloutObject
    pods: Mapping[ArmName, str]
    status: RolloutStatus
    """As the tick left it in memory."""
    now: float
    """Epoch seconds."""
    message: str
    """Why, in the operator's words."""

    @property
    def draft(self) -> Draft:
        """The tick as it stood."""
        asked = Asked({}, pods=self.pods)
        seen = Observation(self.now, self.rollout, self.spec, asked=asked)
        return Draft(seen, Memory(self.status), self.spec, self.status)


async def cause_of(moment: Moment, tests: Iterator[Tested], ask: Callable[[Query], Awaitable[Answer]]) -> Cause | None:
    """The cause of an end; `None` where no limit gave the message.

    Args:
        moment: of the end.
        tests: what the tests on counts had shown by then.
        ask: answers a query as of that instant.

    Raises: PortError: the source could not be asked.
    """
    draft = moment.draft
    known = [(limit, metric_of(draft, limit)) for limit in (*guards_in_force(draft), *thresholds_in_force(draft))]
    limits = [(limit, metric) for limit, metric in known if metric is not None]
    for test in tests:
        found = next(((limit, metric) for limit, metric in limits if limit.identity == test.limit), None)
        if found is not None and test.message in moment.message:
            return _cause(*found, test.finding, counts=test.counts)
    for limit, metric in limits:
        if not limit.counted:
            found_cause = await _of_limit(draft, limit, metric, moment, ask)
            if found_cause is not None:
                return found_cause
    return None


async def _of_limit(
    draft: Draft, limit: Threshold, metric: Metric, moment: Moment, ask: Callable[[Query], Awaitable[Answer]]
) -> Cause | None:
    """The cause, if this limit gave the message: of the candidate, or after the promotion of the baseline."""
    asks = asking(draft)
    samples: dict[ArmName, Sample] = {}
    for each in ArmName:
        texts = queries(metric, each, asks)
        samples[each] = sample(metric, Asked({query: await ask(query) for query in texts}), texts)
    base = samples[ArmName.BASELINE]
    for arm in (ArmName.CANDIDATE,) if limit.relative else (ArmName.CANDIDATE, ArmName.BASELINE):
        plain = Context(arm=str(arm), window=context_of(draft, metric, arm, asks).window)
        finding = judge(limit, metric, samples[arm], base, plain)
        for one in finding.series:
            words = finding.message if one is finding.worst else sentence(limit, metric, one, plain)
            if one.state is State.BREACHED and words in moment.message:
                alone = limit.kind in {LimitKind.MAX, LimitKind.MIN} and arm is ArmName.CANDIDATE
                return _cause(limit, metric, _beside(one, base) if alone else one)
    return None


def _beside(one: SeriesFinding, baseline: Sample) -> SeriesFinding:
    """The series with the baseline's value of the same labels, which a limit on one arm does not look at."""
    series = baseline.series if isinstance(baseline, Value) else ()
    other = next((each for each in series if each.series == one.series), None)
    return replace(one, baseline=other.value if other is not None else None)


def _cause(limit: Threshold, metric: Metric, one: SeriesFinding | None, counts: str = "") -> Cause:
    unit = str(unit_of(limit, metric))
    if one is None:
        return Cause(limit.identity, metric.name, limit.limit, unit=unit, counts=counts)
    return Cause(limit.identity, metric.name, limit.limit, one.series, one.value, one.baseline, unit, counts)
