"""`Rollout.status.weight`, `.cohorts` and `.targets`: the candidate's share, and the routes that a revert restores. Part of status.py, which says what the marks mean."""

from __future__ import annotations

from tidegate.api.model import StatusModel, Words


class WeightStatus(StatusModel):
    """The candidate's share in percent: what is wanted and what the route says."""

    desired: float
    """What the run wants."""
    observed: float | None = None
    """What was last read; absent when it could not be read."""


class MirrorStatus(StatusModel):
    """The share of requests that are copied to the candidate, percent: what is wanted and what the routes say."""

    desired: int
    """What the run wants."""
    observed: int | None = None
    """The largest share that was last read; absent when none could be read."""


class CohortStatus(StatusModel):
    """The candidate's share of one cohort in percent: what is wanted and what the routes say."""

    name: str
    """The cohort."""
    desired: float
    """What the run wants."""
    observed: float | None = None
    """The largest share that was last read; absent when none could be read."""
    message: Words = ""
    """Why the cohort was reverted, if it was."""


class PairStatus(StatusModel):
    """The two numbers of one rule as found before the first write. Operator state."""

    rule: str
    """The rule's name or position."""
    identity: str = ""
    """Digest of the rule without its weights: unnamed rules are found again by it."""
    twin: bool | None = None
    """Another rule of the route, which the Rollout does not name, had equal content: this one is not recognized when it is renamed."""
    baseline: int
    """Found on the baseline's backend."""
    candidate: int
    """Found on the candidate's backend."""


class PodsStatus(StatusModel):
    """Pods as last decided, where they are the weight (`kind: ReplicaRatio`). Operator state."""

    baseline: int
    """Pods of the baseline."""
    candidate: int
    """Pods of the candidate."""
    total: int
    """`replicaRatio.total` at that time."""
    largest: int
    """The largest that the run had: a baseline with more pods was scaled by another client."""


class TargetStatus(StatusModel):
    """A route that was, or may have been, written: what a revert restores. Operator state."""

    kind: str
    """Kind of the route."""
    name: str
    """Name of the route."""
    baseline: str
    """Service of the baseline in its backends."""
    candidate: str
    """Service of the candidate in its backends."""
    rules: tuple[str, ...] = ()
    """The rules named; empty: every rule with both."""
    found: tuple[PairStatus, ...] = ()
    """The numbers before the first write."""
    generation: int = 0
    """The route's generation when the last raise was decided."""
    pods: PodsStatus | None = None
    """The numbers of pods that the last raise requested; absent where the route has weights."""
    mirrored: bool | None = None
    """The operator has, or may have, added a mirror to the candidate in this run: a revert removes it."""
