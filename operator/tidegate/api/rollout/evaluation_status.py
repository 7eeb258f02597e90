"""`Rollout.status.guards`, `.missingData` and `.checkpoints`: what was evaluated, and with what result. Part of status.py, which says what the marks mean."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.model import Elapsed, StatusModel, Words


class Clock(StatusModel):
    """How long one series has been beyond a limit. Operator state."""

    series: str = ""
    """Its labels; empty for a single series."""
    watched: Elapsed = 0
    """Watched seconds of the breach."""
    mark: Elapsed = 0
    """The run's watched seconds at the last breached sample."""


class GuardStatus(StatusModel):
    """A guard that is not ok. Operator state."""

    name: str
    """Its identity."""
    limit: str = ""
    """The limit, and a digest of the query; a change restarts its clock."""
    state: str
    """`Breached`, `Pending`, `NotComparable`, `TooFewRequests`, `NoData` or `SourceDown`."""
    since: datetime
    """Since when it is in this state."""
    value: str = ""
    """The candidate's value, as last recorded, in the metric's unit."""
    message: Words = ""
    """The finding as text, as last recorded."""
    clocks: tuple[Clock, ...] = ()
    """The worst eight series."""


class MissingDataStatus(StatusModel):
    """A metric whose data is missing, once for each kind. Operator state."""

    metric: str
    """The metric."""
    kind: str
    """`NoData` or `SourceDown`."""
    since: datetime
    """Since when."""
    watched: Elapsed = 0
    """Watched seconds without data, of this kind."""
    mark: Elapsed = 0
    """The run's watched seconds at the last query without data of this kind."""
    answers: int = 0
    """Queries sent in that time."""
    message: Words = ""
    """The last answer."""


class FindingStatus(StatusModel):
    """One threshold or guard judged once."""

    threshold: str
    """Its identity."""
    guard: bool = False
    """It is a guard: evaluated every interval, and shown as it was at the checkpoint."""
    metric: str = ""
    """The metric."""
    window: str = ""
    """How far back the metric looks; absent for a test on counts, which looks back to the run's begin."""
    state: str
    """`Ok`, `Breached`, `Pending`, `NotComparable`, `TooFewRequests`, `NoData` or `SourceDown`."""
    value: str = ""
    """The candidate's value, in the metric's unit."""
    baseline: str = ""
    """The baseline's value, for relative limits."""
    limit: str = ""
    """The limit."""
    series: str = ""
    """The worst series."""
    counts: str = ""
    """For a ratio: bad requests of all, such as `3 of 380`."""
    possible: str = ""
    """For a ratio: the rates that these counts leave possible, with 95 % confidence, such as `0% to 1.4%`."""
    conclusion: str = ""
    """For a test on counts: `Regressed`, `ShownOk` or `Inconclusive`."""
    message: Words = ""
    """The finding as text."""


class CheckpointStatus(StatusModel):
    """One checkpoint with its evidence. `step`, `at` and `verdict` of the newest are enough to know what was evaluated."""

    step: str
    """The step."""
    at: str
    """Offset in the step."""
    time: datetime
    """When it was evaluated."""
    verdict: str
    """`Pass`, `Breach` or `Undecided`."""
    findings: tuple[FindingStatus, ...] = ()
    """The evidence; removed from the oldest first when the status becomes too large."""
