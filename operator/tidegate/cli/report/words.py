"""What a report says, as headings, facts and tables: Markdown and HTML write the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from tidegate.api.report import RUNNING, Report
from tidegate.api.rollout.status import CheckpointStatus
from tidegate.cli.report.limits import counted, stamp
from tidegate.cli.report.tile import Tile
from tidegate.cli.status.told import version_in_words
from tidegate.cli.tables import Table
from tidegate.core.model.finding import State
from tidegate.core.model.time_format import in_words

FINDING: Final = ("limit", "metric", "value", "baseline", "series", "state", "counted", "possible (95%)", "window")
MOST_CHECKPOINTS: Final = 20
"""Checkpoints with their evidence that are written out; the newest."""


def title(report: Report) -> str:
    """Such as `shop/checkout: Reverted`."""
    return f"{report.namespace}/{report.rollout}: {report.outcome}"


def summary(report: Report) -> str:
    """The outcome in a sentence."""
    what = version_in_words(report.candidate.version) or "a version without an image"
    if report.outcome == RUNNING:
        where = f" in step {report.step}" if report.step else ""
        weight = f" at {report.weight:g}%" if report.weight is not None else ""
        return f"Run {report.run} of {what} is in progress{where}{weight}. {report.message}".strip()
    took = in_words((report.end - report.start).total_seconds() // 1) if report.end is not None else ""
    why = f" ({report.reason})" if report.reason and report.reason != report.outcome else ""
    said = f": {report.message}" if report.message else ""
    return f"Run {report.run} of {what} ended after {took}: {report.outcome}{why}{said}"


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """Names and values, the most wanted first."""
    yield "Released", _arm(report.candidate.deployment, version_in_words(report.candidate.version))
    yield "Version in service before", _arm(report.baseline.deployment, version_in_words(report.baseline.version))
    if report.not_promoted:
        yield "Differs and is not promoted", ", ".join(report.not_promoted)
    yield "Began", stamp(report.start)
    if report.end is not None:
        yield "Ended", stamp(report.end)
    elif report.expected_end is not None:
        yield "Expected end", f"{stamp(report.expected_end)}, if no limit is breached and approvals are given in time"
    else:
        yield "Expected end", "not known: the run is paused or on hold, or is being ended or promoted"
    for cohort in report.cohorts:
        seen = f"{cohort.observed:g}%" if cohort.observed is not None else "not known"
        share = "" if cohort.observed is None and report.end is not None else seen
        yield f"Cohort {cohort.name}", ": ".join(filter(None, (share, cohort.message)))
    if report.mirror is not None:
        seen = f"{report.mirror.observed}%" if report.mirror.observed is not None else "not known"
        yield "Mirrored to the candidate", f"{seen} of the requests"
    if report.breach is not None:
        yield from _breach(report)
    if report.candidate_requests is not None:
        least = "at least " if report.candidate_requests.at_least else ""
        yield (
            "Requests to the candidate",
            f"{least}{report.candidate_requests.requests:,}, counted by {report.candidate_requests.source}",
        )
    else:
        yield "Requests to the candidate", "not known: no limit counts requests"
    if report.users is not None:
        yield "Users of the candidate", f"{report.users.count:,.0f}"
    if report.gate is not None and report.gate.closed:
        waits = "; ".join(f"{one.part}: {one.message} (since {stamp(one.since)})" for one in report.gate.closed)
        yield f"Gate of {report.gate.step} waits for", waits


def _arm(deployment: str, version: str) -> str:
    return f"{deployment}: {version}" if version else f"{deployment}: not recorded"


def _breach(report: Report) -> Iterator[tuple[str, str]]:
    breach = report.breach
    if breach is None:
        return
    yield "Ended because", f"{breach.reason}: {breach.message}" if breach.message else breach.reason
    if breach.decided is not None:
        yield "Decided", stamp(breach.decided)
    if breach.seconds is not None:
        yield (
            "Time to revert",
            f"{in_words(breach.seconds)} from the decision until every route was seen without the candidate",
        )
    elif breach.decided is not None:
        yield "Time to revert", "not over yet"


def tables(report: Report) -> Iterator[Table]:
    """The others, in the order of the report."""
    if report.timeline:
        rows = tuple(
            (stamp(one.time), one.what, f"{one.weight:g}%" if one.weight is not None else "", one.why)
            for one in report.timeline
        )
        yield Table("Timeline", ("time", "what", "weight", "why"), rows)
    if report.approvals:
        approvals = tuple(
            (one.step, one.name, one.person or "unknown", "yes" if one.verified else "no", stamp(one.time), one.reason)
            for one in report.approvals
        )
        yield Table("Approvals", ("step", "approval", "by", "verified", "when", "reason"), approvals)
    if report.jobs:
        yield Table(
            "Jobs",
            ("job", "purpose", "step", "outcome", "started", "finished", "message"),
            tuple(map(_job, report.jobs)),
        )


def _job(one: dict[str, Any]) -> tuple[str, ...]:
    named = [str(one.get(name) or "") for name in ("name", "purpose", "step")]
    times = [_stamped(str(one.get(name) or "")) for name in ("started", "finished")]
    return (*named, str(one.get("outcome") or "running"), *times, str(one.get("message") or ""))


def _stamped(text: str) -> str:
    """An instant on the wire, for people; what is none stays as it is."""
    try:
        return stamp(datetime.fromisoformat(text)) if text else ""
    except ValueError:
        return text


def checkpoint_tables(report: Report) -> Iterator[Table]:
    """Each checkpoint with its evidence, oldest first."""
    for one in report.checkpoints[-MOST_CHECKPOINTS:]:
        yield Table(f"{one.at} into {one.step}, {stamp(one.time)}: {one.verdict}", FINDING, tuple(_findings(one)))


def _findings(checkpoint: CheckpointStatus) -> Iterator[tuple[str, ...]]:
    for one in checkpoint.findings:
        state = f"{one.state}, {one.conclusion}" if one.conclusion else one.state
        value = one.value or ("" if one.state == State.OK else one.message)
        kind = " (guard)" if one.guard else ""
        yield (
            f"{one.threshold}{kind}",
            one.metric,
            value,
            one.baseline,
            one.series,
            state,
            counted(one),
            one.possible,
            one.window,
        )


def metric_table(tiles: Sequence[Tile]) -> Table:
    """What the charts say, in numbers."""
    rows = []
    for tile in tiles:
        candidate, *baseline = tile.footer
        values = (candidate.removeprefix("candidate "), *(one.removeprefix("baseline ") for one in baseline), "")[:2]
        rows.append((tile.track.metric.name, *values, tile.header, tile.between.removeprefix("95% interval: ")))
    return Table(
        "Metrics, newest values", ("metric", "candidate", "baseline", "difference", "95% interval"), tuple(rows)
    )
