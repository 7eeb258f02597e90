"""`tidegate plan`: what a clean run would do and when, and what would stop it."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.rollout.gates import Gate
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import weights_at
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.values.text import printable
from tidegate.cli import words
from tidegate.cli.documents import Document
from tidegate.cli.errors import CommandError
from tidegate.cli.instants import instant
from tidegate.cli.rollouts import the_rollouts
from tidegate.cli.tables import Table, show
from tidegate.core import gates
from tidegate.core.model.time_format import in_words
from tidegate.core.run.timeline import Planned, timeline

COLUMNS: Final = ("step", "weight", "from", "to", "gate", "checkpoints at")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, and when the run would begin."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="YAML with one Rollout or more, and their metric templates; - for stdin",
    )
    parser.add_argument(
        "--start", type=instant, metavar="INSTANT", help="show dates for a run that begins then (2026-11-21T09:00:00Z)"
    )


def run(arguments: argparse.Namespace) -> int:
    """0; 1 when a Rollout has errors."""
    rollouts = the_rollouts(arguments.files)
    if not rollouts:
        raise CommandError(f"{', '.join(arguments.files)}: there is no Rollout in it")
    for given in rollouts:
        spec = given.spec()
        for metric in spec.metrics:
            if metric.template is not None:
                words = "is not in the files given: its query was not checked"
                print(f"tidegate: {metric.name}: {metric.template} {words}", file=sys.stderr)
        _print(given.document, spec, arguments.start)
    return 0


def _print(document: Document, spec: RolloutSpec, start: datetime | None) -> None:
    steps = timeline(spec, start)
    routes = ", ".join(dict.fromkeys(target.key for target in spec.traffic))
    title = f"{document.name}: {spec.baseline.deployment} → {spec.candidate.deployment} on {routes}"
    show(
        Table(title, COLUMNS, tuple(_row(spec, number, step, start) for number, step in enumerate(steps, 1))),
        sys.stdout,
    )
    for heading, lines in _sections(spec):
        print(f"\n{printable(heading)}")
        print("".join(f"  {printable(line)}\n" for line in lines), end="")
    print(f"\n{_totals(steps, start, dated=gates.dated(spec))}")


def _row(spec: RolloutSpec, number: int, planned: Planned, start: datetime | None) -> tuple[str, ...]:
    step = planned.step
    return (
        f"{number} {step.name}",
        str(weights_at(spec, step)).replace("cohort ", ""),
        _moment(planned.start, start),
        _moment(planned.end, start),
        gates.describe(step.gate),
        words.checkpoints_in_words(step),
    )


def _sections(spec: RolloutSpec) -> Iterator[tuple[str, Sequence[str]]]:
    everywhere = gates.descriptions(Gate(windows=spec.windows, freezes=spec.freezes))
    if everywhere:
        yield "Before every step", everywhere
    yield from _cohorts(spec)
    yield from _pods(spec)
    yield from _lines(f"Guards, every {spec.interval} in every step", spec.guards)
    yield from _lines("Thresholds, at the checkpoints of every step", spec.thresholds)
    scaled = list(words.scaling_in_words(spec))
    if scaled:
        yield "Pods of the candidate", scaled
    if spec.hooks:
        yield "Hooks", [words.hook_in_words(hook) for hook in spec.hooks]
    for step in spec.steps:
        yield from _lines(f"Guards in step {step.name}, every {spec.interval}", step.guards)
        yield from _lines(f"Thresholds in step {step.name}, at its checkpoints", step.thresholds)
    yield "When data is missing", _missing_data(spec)
    yield "When every step has passed", (words.promotion_in_words(spec.promotion),)


def _cohorts(spec: RolloutSpec) -> Iterator[tuple[str, Sequence[str]]]:
    """Which rules stand for which cohort."""
    named = [one for one in spec.traffic if one.cohort is not None]
    if named:
        yield "Cohorts", [f"{one.cohort}: {one.key} {', '.join(one.rules or ())}".strip() for one in named]


def _pods(spec: RolloutSpec) -> Iterator[tuple[str, Sequence[str]]]:
    """What the weights really are, where pods are the weight."""
    ratio = spec.ratio
    if ratio is None:
        return
    yield (
        "Pods of the candidate",
        [f"{step.name}: {ratio.in_words(step.weight.percent)}" for step in spec.steps]
        + [
            f"a revert moves the traffic to {min(ratio.total - ratio.pods(step.weight.percent) for step in spec.steps)} pods of the baseline at least, until more have started"
        ],
    )


def _lines(heading: str, lines: Sequence[Threshold]) -> Iterator[tuple[str, Sequence[str]]]:
    if lines:
        yield heading, [words.line_in_words(line) for line in lines]


def _missing_data(spec: RolloutSpec) -> list[str]:
    if not spec.metrics:
        return ["there are no metrics"]
    found = [
        f"a metric without data {words.missing_data_in_words(spec.missing_data.no_data)}",
        f"Prometheus unreachable {words.missing_data_in_words(spec.missing_data.source_down)}",
    ]
    for metric in spec.metrics:
        own = metric.missing_data
        kinds = (("without data", own.no_data), ("with Prometheus unreachable", own.source_down))
        found += [f"{metric.name} {kind} {words.missing_data_in_words(policy)}" for kind, policy in kinds if policy]
    return found


def _totals(steps: Sequence[Planned], start: datetime | None, *, dated: bool) -> str:
    never = next((planned.step.name for planned in steps if math.isinf(planned.start)), None)
    if never is not None:
        return f"The gate of step {never} never opens: its parts are not open at the same time."
    judged = sum(len(planned.checkpoints) for planned in steps)
    watched = sum(planned.step.duration.seconds for planned in steps)
    waited = sum(planned.waited for planned in steps)
    waiting = f", {in_words(waited)} of it at gates" if waited else ""
    unknown = dated
    dates = "; gates with a date are assumed open (--start says when the run begins)" if unknown and not start else ""
    return f"Total: {in_words(watched + waited)}{waiting}, {judged} checkpoints{dates}."


def _moment(offset: float, start: datetime | None) -> str:
    if math.isinf(offset):
        return "never"
    if start is None:
        return in_words(offset)
    try:
        return f"{start + timedelta(seconds=offset):%a %Y-%m-%d %H:%M}"
    except OverflowError:
        return "after the year 9999"
