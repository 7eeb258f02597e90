"""What tests on counts had shown at a run's end, whether or not they stopped it: their silence says something only with its counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import EvidenceStatus, RolloutStatus
from tidegate.core.count_tests.factory import count_test_of
from tidegate.core.model.finding import SeriesFinding
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.world import RolloutObject
from tidegate.core.tick.draft import Draft
from tidegate.simulation.backtest.arms import limits_in


@dataclass(frozen=True)
class Gathered:
    """What one limit had gathered when it was last looked at."""

    evidence: EvidenceStatus
    status: RolloutStatus
    """Of then."""
    time: float
    """Epoch seconds."""


@dataclass(frozen=True)
class Tested:
    """What one limit had shown."""

    limit: str
    """Its identity."""
    conclusion: str
    """`Regressed`, `ShownOk` or `Inconclusive`."""
    counts: str
    possible: str
    message: str
    """The finding, in the operator's words."""
    finding: SeriesFinding | None = None
    """The series, or the segment, that it tells of."""


def note(known: dict[str, Gathered], status: RolloutStatus, now: float) -> None:
    """Keeps what is new in the status; what a limit had gathered stays when it is no longer in force."""
    for evidence in status.run.evidence if status.run is not None else ():
        before = known.get(evidence.name)
        if before is None or before.evidence is not evidence:
            known[evidence.name] = Gathered(evidence, status, now)


def tested(spec: RolloutSpec, gathered: Mapping[str, Gathered]) -> Iterator[Tested]:
    """What each limit had shown that had anything to count, in the spec's order."""
    for limit in {limit.identity: limit for limit in limits_in(spec) if limit.counted}.values():
        found = gathered.get(limit.identity)
        if found is None or not found.evidence.windows:
            continue
        metric = next(metric for metric in spec.metrics if metric.name == limit.metric)
        rollout = RolloutObject("", "", "", 0, "", 0.0, deleting=False, finalizers=(), spec={}, status={})
        draft = Draft(Observation(found.time, rollout, spec), Memory(found.status), spec, found.status)
        finding = count_test_of(draft, limit, metric, found.evidence).result().finding(limit, metric)
        evidence = finding.evidence
        if evidence is not None:
            yield Tested(
                limit.identity, evidence.conclusion, evidence.counts, evidence.possible, finding.message, finding.worst
            )
