"""What the evaluation of one tick found: every limit in force, and what is to be remembered of it."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.rollout.run_status import EvidenceStatus, GroupsStatus
from tidegate.api.rollout.status import GuardStatus
from tidegate.core.model.answers import Query
from tidegate.core.model.finding import Finding


@dataclass(frozen=True)
class Judgement:
    """See the module."""

    guards: tuple[Finding, ...] = ()
    """The guards in force, evaluated."""
    thresholds: tuple[Finding, ...] = ()
    """The thresholds in force, evaluated."""
    standing: tuple[GuardStatus, ...] = ()
    """The guards that are not ok, as status keeps them."""
    evidence: tuple[EvidenceStatus, ...] = ()
    """What the tests on counts have gathered."""
    groups: tuple[GroupsStatus, ...] = ()
    """The groups that metrics with `by` have had."""
    wakes: tuple[float, ...] = ()
    """Instants (epoch seconds) at which the same observation would give another judgement."""
    wanted: tuple[Query, ...] = ()
    """Queries that the answers so far have raised."""
