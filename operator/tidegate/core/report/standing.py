"""Metric, target, current value, status: how each limit stands. The report and `tidegate status` both show this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tidegate.api.report import Standing
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import CheckpointStatus, FindingStatus, GuardStatus, RolloutStatus
from tidegate.api.rollout.thresholds import Guard, Threshold
from tidegate.core.model.finding import State

NOT_EVALUATED: Final = "NotEvaluated"
"""The status of a limit that no checkpoint has shown yet."""


@dataclass(frozen=True)
class _Placed:
    """A limit of the spec and the step whose own it is."""

    limit: Threshold
    step: str = ""

    @property
    def guard(self) -> bool:
        return isinstance(self.limit, Guard)


def standings(status: RolloutStatus, spec: RolloutSpec | None) -> tuple[Standing, ...]:
    """Each limit that is in force, in the spec's order: those of every step, then those of the step under way.

    Args:
        status: the Rollout's. A value is that of the last checkpoint; a guard that is not ok since is told as it is.
        spec: the one in force; `None` where it cannot be read: what the last checkpoint has evaluated is listed then.
    """
    last = next((one for one in status.checkpoints if one.findings), None)
    bad = {one.name: one for one in status.guards}
    placed = list(_placed(spec, _step_of(status, last))) if spec is not None else []
    if not placed and last is not None:
        return tuple(_seen(one, last, "") for one in last.findings)
    return tuple(_standing(one, last, bad) for one in placed)


def _step_of(status: RolloutStatus, last: CheckpointStatus | None) -> str:
    if status.step is not None:
        return status.step.name
    return last.step if last is not None else ""


def _placed(spec: RolloutSpec, step: str) -> Iterator[_Placed]:
    yield from (_Placed(limit) for limit in (*spec.guards, *spec.thresholds))
    for one in spec.steps:
        if one.name == step:
            yield from (_Placed(limit, step) for limit in (*one.guards, *one.thresholds))


def _standing(placed: _Placed, last: CheckpointStatus | None, bad: dict[str, GuardStatus]) -> Standing:
    limit = placed.limit
    found = next((one for one in last.findings if _is(one, placed)), None) if last is not None else None
    guard = bad.get(limit.identity) if placed.guard else None
    if found is not None and last is not None:
        row = _seen(found, last, placed.step).model_copy(
            update={"target": _target(limit), "cohort": limit.cohort or ""}
        )
    else:
        row = Standing(
            name=limit.identity,
            metric=limit.metric,
            target=_target(limit),
            guard=placed.guard,
            step=placed.step,
            cohort=limit.cohort or "",
            status=NOT_EVALUATED,
        )
    if guard is not None and (row.time is None or guard.since > row.time or row.status != guard.state):
        told = {"status": guard.state, "current": guard.value or guard.message, "time": guard.since}
        return row.model_copy(update=told | {"baseline": "", "counts": "", "possible": ""})
    return row


def _is(finding: FindingStatus, placed: _Placed) -> bool:
    return finding.threshold == placed.limit.identity and finding.guard == placed.guard


def _seen(one: FindingStatus, checkpoint: CheckpointStatus, step: str) -> Standing:
    """As a checkpoint has it; what has no value is told in words."""
    return Standing(
        name=one.threshold,
        metric=one.metric,
        target=one.limit,
        guard=one.guard,
        step=step,
        current=one.value or ("" if one.state == State.OK else one.message),
        baseline=one.baseline,
        status=one.conclusion or one.state if one.state == State.OK else one.state,
        counts=one.counts,
        possible=one.possible,
        time=checkpoint.time,
    )


def _target(limit: Threshold) -> str:
    lasting = f" for {limit.for_}" if isinstance(limit, Guard) and limit.for_.seconds else ""
    return f"{limit.kind} {limit.limit}{lasting}"
