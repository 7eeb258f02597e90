"""A report made of what is known of a run. Pure; whoever has more than the status (decisions heard, weights seen) gives that too."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tidegate.api.reading_back import read_back
from tidegate.api.report import RUNNING, Breach, CandidateRequests, Moment, Report, ReportedArm
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import CohortStatus, HistoryEntry, RolloutStatus, Version
from tidegate.core.count_tests.state import Kind, unpacked
from tidegate.core.model.time_format import instant
from tidegate.core.report.expected import expected_end
from tidegate.core.report.moments import moments
from tidegate.core.report.standing import standings
from tidegate.core.run.verdicts import KEPT_CHECKPOINTS
from tidegate.core.tick.kept_spec import kept_spec

_COUNTED: Final = re.compile(r"(\d+) of (\d+)")
NOT_HEARD: Final = "The timeline is made from the status: the decisions themselves were not recorded for this report."
ONLY_HISTORY: Final = "The run had ended before this report was written: its steps, its tests on counts and when its end was decided are not known."


class NoSuchRunError(Exception):
    """There is no such run in the status."""


@dataclass(frozen=True)
class Known:
    """What is known of a Rollout."""

    namespace: str
    name: str
    spec: Mapping[str, Any]
    """As on the wire."""
    status: RolloutStatus
    """As it is now."""
    now: datetime
    under_way: RolloutStatus | None = None
    """The last one of the run while it was under way, for a run that has ended."""
    told: tuple[Moment, ...] = ()
    """Decisions that were heard."""
    weights: tuple[Moment, ...] = ()
    """Writes of the weight that were seen."""
    raw_jobs: Sequence[Mapping[str, Any]] = field(default=())
    """`status.jobs` as on the wire."""


def compose(known: Known, run: str = "") -> Report:
    """The report of a run.

    Args:
        known: see there.
        run: its id; by default the one in progress, else the last.

    Raises:
        NoSuchRunError: there is none; the message lists those there are.
    """
    status, current = known.status, known.status.run
    if current is not None and run in {"", current.id}:
        return _report(known, status, None)
    entry = next((one for one in status.history if run in {"", one.id}), None)
    if entry is None:
        there = ", ".join([*([current.id] if current is not None else []), *(one.id for one in status.history)])
        raise NoSuchRunError(f"{known.name} has no run {run}".rstrip() + (f"; it has {there}" if there else " yet"))
    before = known.under_way
    if before is None or before.run is None or before.run.id != entry.id:
        before = status if current is None and entry is status.history[0] else None
    return _report(known, before, entry)


def _report(known: Known, before: RolloutStatus | None, ended: HistoryEntry | None) -> Report:
    """Of a run under way, or of one that has ended: `before` is the status with its evidence, where that is still there."""
    source = before or RolloutStatus()
    run = source.run
    if ended is not None and before is not None:  # the last tick's evidence is in the status of now
        newest = known.status if known.status.history and known.status.history[0].id == ended.id else source
        source = source.model_copy(update={"checkpoints": newest.checkpoints, "approvals": newest.approvals})
    spec = kept_spec(run.spec) if run is not None else None
    spec = spec or read_back(RolloutSpec, dict(known.spec)).value
    start = run.start_time if run is not None else ended.start_time if ended is not None else known.now
    seen = tuple(one for one in reversed(source.checkpoints) if one.time >= start)
    judged = source.model_copy(update={"checkpoints": tuple(reversed(seen))})
    mirroring = {step.name for step in spec.steps if step.mirror is not None} if spec is not None else set()
    ending = run.ending if run is not None else None
    return Report(
        written=known.now,
        namespace=known.namespace,
        rollout=known.name,
        run=run.id if run is not None else ended.id if ended is not None else "",
        outcome=ended.outcome if ended is not None else RUNNING,
        reason=ended.reason if ended is not None else ending.reason if ending is not None else "",
        message=ended.message if ended is not None else source.message,
        start=start,
        end=ended.end_time if ended is not None else None,
        expected_end=expected_end(source, spec, known.now.timestamp()) if ended is None else None,
        candidate=_arm(known, "candidate", run.version if run is not None else ended.version if ended else None),
        baseline=_arm(known, "baseline", run.baseline if run is not None else None),
        not_promoted=run.not_promoted if run is not None else (),
        step=source.step.name if source.step is not None else (seen[-1].step if seen else ""),
        weight=source.weight.observed if ended is None and source.weight is not None else None,
        cohorts=_cohorts(source, ended),
        mirror=source.mirror if ended is None else None,
        breach=_breach(source, ended, known.told),
        candidate_requests=_candidate_requests(judged, mirroring),
        limits=standings(judged, spec) if before is not None else (),
        timeline=moments(judged, ended, known.told, known.weights),
        checkpoints=seen,
        approvals=source.approvals,
        gate=source.gate if ended is None else None,
        jobs=_jobs(known, run.id if run is not None else ended.id if ended is not None else ""),
        left_out=tuple(_left_out(known, only_history=run is None, checkpoints=len(source.checkpoints))),
    )


def _left_out(known: Known, *, only_history: bool, checkpoints: int) -> Iterator[str]:
    if only_history:
        yield ONLY_HISTORY
    if not known.told:
        yield NOT_HEARD
    if checkpoints >= KEPT_CHECKPOINTS:
        yield f"Checkpoints before the last {KEPT_CHECKPOINTS}: the status keeps only these."


def _arm(known: Known, arm: str, version: Version | None) -> ReportedArm:
    named = known.spec.get(arm)
    return ReportedArm(
        deployment=str(named.get("deployment", arm)) if isinstance(named, Mapping) else arm, version=version
    )


def _breach(source: RolloutStatus, ended: HistoryEntry | None, told: Sequence[Moment]) -> Breach | None:
    """What ended the run before its end; `None` for one that succeeded or goes on."""
    ending = source.run.ending if source.run is not None else None
    if ended is None and ending is None:
        return None
    if ended is not None and ended.outcome == RunEnd.SUCCEEDED:
        return None
    reason = ended.reason if ended is not None else ""
    heard = next((one.time for one in told if one.what == reason), None)
    decided = ending.since if ending is not None else heard
    end = ended.end_time if ended is not None else None
    return Breach(
        reason=ended.reason if ended is not None else ending.reason if ending is not None else "",
        message=(ending.evidence if ending is not None else "") or (ended.message if ended is not None else ""),
        decided=decided,
        ended=end,
        seconds=max((end - decided).total_seconds(), 0.0) if end is not None and decided is not None else None,
    )


def _candidate_requests(status: RolloutStatus, mirroring: Collection[str]) -> CandidateRequests | None:
    """Requests of users that the candidate answered: a test on counts has them all, a checkpoint those of its window.

    Args:
        status: with the evidence.
        mirroring: the steps in which requests were copied to the candidate, and no user got its answers.
    """
    counted = []
    for one in status.run.evidence if status.run is not None else ():
        state = unpacked(one.state) if one.state else None
        if state is not None and state.kind is not Kind.SPLIT:
            counted.append((sum(segment.numbers[2] for segment in state.segments.values()), one.name))
    if counted:
        most, name = max(counted)
        return CandidateRequests(requests=round(most), at_least=False, source=f"{name} (counted since the run began)")
    windows = []
    for checkpoint in (one for one in status.checkpoints if one.step not in mirroring):
        for line in checkpoint.findings:
            found = _COUNTED.match(line.counts)
            if found is not None and not line.limit.startswith("split "):
                what = f"{line.threshold} (in its window, at the checkpoint {checkpoint.at} into {checkpoint.step})"
                windows.append((int(found[2]), what))
    if not windows:
        return None
    most_in_window, what = max(windows, key=lambda one: one[0])
    return CandidateRequests(requests=most_in_window, at_least=True, source=what)


def _jobs(known: Known, run: str) -> tuple[dict[str, Any], ...]:
    return tuple(dict(one) for one in known.raw_jobs if one.get("run", run) == run)


def moment(time: float, what: str, why: str, weight: float | None = None) -> Moment:
    """A line of the timeline; `time` in epoch seconds."""
    return Moment(time=instant(time), what=what, why=why, weight=weight)


def _cohorts(source: RolloutStatus, ended: HistoryEntry | None) -> tuple[CohortStatus, ...]:
    """The shares now; of a run that has ended, which cohorts were reverted alone, and why: none has a share any more."""
    found = source.cohorts or ()
    if ended is None:
        return tuple(found)
    return tuple(one.model_copy(update={"desired": 0.0, "observed": None}) for one in found if one.message)
