"""The tables of `tidegate status`: the gate, Jobs, guards, metrics without an answer, tests on counts, checkpoints, earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.api.rollout.status import (
    CheckpointStatus,
    EvidenceStatus,
    FindingStatus,
    GateStatus,
    GuardStatus,
    JobStatus,
)
from tidegate.api.rollout.thresholds import LimitKind
from tidegate.cli.report.limits import limits_table
from tidegate.cli.status.told import Told, version_in_words
from tidegate.cli.tables import Table
from tidegate.core.count_tests.state import Kind, unpacked
from tidegate.core.count_tests.wording import possible
from tidegate.core.model.finding import State
from tidegate.core.model.time_format import in_words
from tidegate.core.report.standing import standings
from tidegate.core.run.verdicts import ALPHA
from tidegate.core.tick.kept_spec import kept_spec

MOST_RUNS: Final = 5
"""Earlier runs that are listed; `.status.history` has a few more."""
MOST_CHECKPOINTS: Final = 5
"""Earlier checkpoints that are listed; `.status.checkpoints` has a few more, with all that was found."""
JUDGED: Final = ("metric", "limit", "window", "candidate", "baseline", "series", "requests", "possible", "state")


def tables(told: Told) -> Iterator[Table]:
    """See the module."""
    status = told.status
    if status.gate is not None:
        yield _gate(status.gate, told)
    if status.jobs:
        rows = [_job(job, told) for job in status.jobs]
        yield _table("Jobs", ("Job", "for", "step", "started", "outcome", "took", "message"), rows)
    if status.scaling is not None and status.scaling.time is not None:
        scaled = (str(status.scaling.replicas), told.moment(status.scaling.time), status.scaling.cause)
        yield _table("Pods of the candidate, as last set", ("pods", "when", "why"), [scaled])
    spec = kept_spec(status.run.spec) if status.run is not None else None
    if spec is not None and (limits := standings(status, spec)):
        yield limits_table(limits)
    unanswered = {one.message for one in status.missing_data} - {""}
    if status.guards:
        rows = [_guard(guard, told, unanswered) for guard in status.guards]
        yield _table("Guards that are not ok", ("guard", "state", "since", "observed"), rows)
    if status.missing_data:
        rows = [(one.metric, one.kind, told.moment(one.since), one.message) for one in status.missing_data]
        yield _table("Metrics without data", ("metric", "why", "since", "error"), rows)
    if status.run is not None and status.run.evidence:
        yield _tests(status.run.evidence, told)
    if status.checkpoints:
        yield from _checkpoints(told)
    if status.history:
        runs = status.history[:MOST_RUNS]
        rows = [
            (one.id, version_in_words(one.version), one.outcome, told.moment(one.end_time), one.message or one.reason)
            for one in runs
        ]
        yield _table("Earlier runs", ("run", "version", "outcome", "ended", "why"), rows)


def _gate(gate: GateStatus, told: Told) -> Table:
    """What the gate waits for, since when, who can open it, and when time does."""
    rows = [
        (
            one.part,
            one.message,
            told.moment(one.since),
            one.people or ("no person" if one.opens is not None else ""),
            told.moment(one.opens) if one.opens is not None else "",
        )
        for one in gate.closed
    ]
    opens = f", which can open at {told.moment(gate.opens)}" if gate.opens is not None else ""
    title = f"Closed in the gate of step {gate.step}{opens}"
    return _table(title, ("part", "it", "since", "who can open it", "opens"), rows)


def _job(job: JobStatus, told: Told) -> tuple[str, ...]:
    """A Job; one of a gate counts no more once a person has resumed the run."""
    began = job.started or job.requested
    took = (job.finished or told.now) - began
    outcome = job.outcome or ("Running" if job.uid else "Not created")
    return (
        job.name,
        f"{job.purpose} {job.key}",
        job.step,
        told.moment(began),
        f"{outcome}, run again" if job.void else outcome,
        in_words(max(took.total_seconds(), 0.0) // 1) or "0s",
        job.message,
    )


def _guard(guard: GuardStatus, told: Told, unanswered: set[str]) -> tuple[str, ...]:
    seen = "no answer: see below" if guard.message in unanswered else guard.message
    return guard.name, guard.state, told.moment(guard.since), seen


def _checkpoints(told: Told) -> Iterator[Table]:
    status = told.status
    of = f" of run {status.history[0].id}" if status.run is None and status.history else ""
    yield from _checkpoint(status.checkpoints[0], of)
    before = status.checkpoints[1 : MOST_CHECKPOINTS + 1]
    earlier = [(one.step, one.at, told.moment(one.time), one.verdict, _notable(one)) for one in before]
    if earlier:
        yield _table(f"Earlier checkpoints{of}", ("step", "at", "evaluated", "verdict", "not ok"), earlier)


def _checkpoint(checkpoint: CheckpointStatus, of: str) -> Iterator[Table]:
    title = f"Last checkpoint{of}, {checkpoint.at} into {checkpoint.step}: {checkpoint.verdict}"
    thresholds = [_finding(one) for one in checkpoint.findings if not one.guard]
    guards = [_finding(one) for one in checkpoint.findings if one.guard]
    if thresholds or not guards:
        yield _table(title, ("threshold", *JUDGED), thresholds)
        title = "The guards at that time"
    if guards:
        yield _table(title, ("guard", *JUDGED), guards)


def _finding(one: FindingStatus) -> tuple[str, ...]:
    named = one.threshold != f"{one.metric} {one.limit}"  # otherwise its name says both
    return (
        one.threshold,
        one.metric if named else "",
        one.limit if named else "",
        one.window,
        one.value,
        one.baseline,
        one.series,
        _requests(one),
        one.possible,
        f"{one.state}, {one.conclusion}" if one.conclusion else one.state,
    )


def _requests(one: FindingStatus) -> str:
    """What was counted: bad requests, or of a split the candidate's among all."""
    return f"{one.counts} {'to it' if one.limit.startswith(f'{LimitKind.SPLIT} ') else 'bad'}" if one.counts else ""


def _notable(checkpoint: CheckpointStatus) -> str:
    """The lines that were not ok, by name."""
    return ", ".join(f"{one.threshold}: {one.state}" for one in checkpoint.findings if one.state != State.OK)


def _tests(evidence: Sequence[EvidenceStatus], told: Told) -> Table:
    """What the tests on counts have gathered, as last recorded: a row for each segment."""
    rows = []
    for one in evidence:
        state = unpacked(one.state) if one.state else None
        for labels, segment in state.segments.items() if state is not None else ():
            total, total_bad, mine, mine_bad = segment.numbers[:4]
            counted = (f"{mine_bad:.0f} of {mine:.0f} bad", f"{total_bad:.0f} of {total:.0f} bad")
            if state is not None and state.kind is Kind.SPLIT:  # where the requests went, whatever came of them
                counted = (f"{mine:.0f} requests", f"{total:.0f} requests")
            rows.append((f"{one.name}{labels}", told.moment(one.start), *counted, possible(segment, ALPHA)))
    return _table("Tests on counts", ("test", "since", "candidate", "baseline", "possible (95%)"), rows)


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(title, columns, tuple(rows))
