"""`tidegate status`: what a Rollout is doing, and why, from its `.status`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from tidegate.adapters.kubernetes.client import ROLLOUTS
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.status import (
    CheckpointStatus,
    EvidenceStatus,
    FindingStatus,
    RolloutStatus,
    RunStatus,
    StepStatus,
)
from tidegate.api.text import printable
from tidegate.api.threshold import LimitKind
from tidegate.cli.cluster import add_cluster_arguments, name_of_rollout, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.tables import Table, show
from tidegate.core.evidence.intervals import still_possible
from tidegate.core.instants import in_words
from tidegate.core.proofs import ratio_in_words
from tidegate.core.verdicts import ALPHA
from tidegate.ports.errors import Missing

MOST_RUNS: Final = 5
"""Earlier runs that are listed; `.status.history` has a few more."""
MOST_CHECKPOINTS: Final = 5
"""Earlier checkpoints that are listed; `.status.checkpoints` has a few more, with all that was found."""
JUDGED: Final = (
    "metric",
    "limit",
    "window",
    "candidate",
    "baseline",
    "series",
    "requests",
    "possible",
    "state",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout."""
    parser.add_argument("name", type=name_of_rollout, metavar="NAME", help="of the Rollout")
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when there is such a Rollout."""
    return with_cluster(arguments, lambda connection: _show(arguments.name, connection))


async def _show(name: str, connection: Connection) -> int:
    try:
        found = await connection.api.get(ROLLOUTS, connection.namespace, name)
    except Missing as error:
        raise CommandError(f"there is no Rollout {name} in namespace {connection.namespace}") from error
    try:
        status = RolloutStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise CommandError(
            f"the status of {name} was written by another version: .status.{where} is not known"
        ) from error
    print(f"{name}: {printable(status.phase) or 'not seen by the operator yet'}")
    for part in report(status):
        if isinstance(part, Table):
            print()
            show(part, sys.stdout)
        else:
            print(f"  {printable(part)}")
    return 0


def report(status: RolloutStatus) -> Iterator[str | Table]:
    """Sentences and tables, the most urgent first."""
    if status.message:
        yield status.message
    for condition in status.conditions:
        yield f"{condition.type} is {condition.status} ({condition.reason}){_further(condition.message, status)}"
    if status.weight is not None:
        observed = status.weight.observed
        seen = "could not be read" if observed is None else f"has {observed:g}%"
        yield f"Weight: {status.weight.desired:g}% wanted, the route {seen}"
    if status.run is not None:
        yield from _run(status.run, status)
    if status.step is not None:
        yield _step(status.step)
    if status.next_check_time is not None:
        yield f"Next checkpoint or gate: {_moment(status.next_check_time)}"
    yield from _tables(status)


def _tables(status: RolloutStatus) -> Iterator[Table]:
    if status.guards:
        rows = [(guard.name, guard.state, _moment(guard.since), guard.message) for guard in status.guards]
        yield _table("Guards that are not ok", ("guard", "state", "since", "what was seen"), rows)
    if status.blind:
        rows = [(blind.metric, blind.kind, _moment(blind.since), blind.message) for blind in status.blind]
        yield _table("Metrics without an answer", ("metric", "why", "since", "what was answered"), rows)
    if status.run is not None and status.run.evidence:
        yield _tests(status.run.evidence)
    if status.checkpoints:
        yield from _checkpoint(status.checkpoints[0])
        before = status.checkpoints[1 : MOST_CHECKPOINTS + 1]
        earlier = [(one.step, one.at, _moment(one.time), one.verdict, _notable(one)) for one in before]
        if earlier:
            yield _table("Earlier checkpoints", ("step", "at", "judged", "verdict", "not ok"), earlier)
    if status.history:
        runs = status.history[:MOST_RUNS]
        rows = [(one.id, one.outcome, _moment(one.end_time), one.message or one.reason) for one in runs]
        yield _table("Earlier runs", ("run", "outcome", "ended", "why"), rows)


def _further(message: str, status: RolloutStatus) -> str:
    """A message, where it is not what the first line says already."""
    return f": {message}" if message and message != status.message else ""


def _run(run: RunStatus, status: RolloutStatus) -> Iterator[str]:
    images = f" of {', '.join(run.version.images)}" if run.version.images else ""
    yield f"Run {run.id}{images}, since {_moment(run.start_time)}"
    if run.ending is not None:
        yield f"It is being ended ({run.ending.reason}){_further(run.ending.evidence, status)}"
    if run.paused is not None:
        yield f"It is paused ({run.paused.reason}){_further(run.paused.message, status)}"
    if run.hold is not None:
        yield f"It holds ({run.hold.reason}){_further(run.hold.message, status)}"
    if run.waiting is not None:
        since = _moment(run.waiting.since)
        yield f"It waits ({run.waiting.reason}) since {since}{_further(run.waiting.message, status)}"


def _step(step: StepStatus) -> str:
    end = f", ends about {_moment(step.expected_end)}" if step.expected_end is not None else ""
    watched = f"watched for {in_words(step.watched)}" if step.reached else "its weight is not on the route yet"
    return f"Step {step.summary or step.name} at {step.weight:g}%: {watched}{end}"


def _checkpoint(checkpoint: CheckpointStatus) -> Iterator[Table]:
    title = f"Last checkpoint, {checkpoint.at} into {checkpoint.step}: {checkpoint.verdict}"
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
    return ", ".join(f"{one.threshold}: {one.state}" for one in checkpoint.findings if one.state != "Ok")


def _tests(evidence: Sequence[EvidenceStatus]) -> Table:
    """What the tests on counts have gathered, as last recorded."""
    rows = []
    for one in evidence:
        total, total_bad, mine, mine_bad = one.counts
        possible = ratio_in_words(*still_possible(one.profile[:-1], ALPHA)) if one.profile else ""
        counted = (f"{mine_bad:.0f} of {mine:.0f} bad", f"{total_bad:.0f} of {total:.0f} bad")
        if one.split:  # where the requests went, whatever came of them
            counted = (f"{mine:.0f} requests", f"{total:.0f} requests")
        rows.append((one.name, _moment(one.start), *counted, possible))
    return _table("Tests on counts", ("test", "since", "candidate", "baseline", "possible (95%)"), rows)


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(title, columns, tuple(rows))


def _moment(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
