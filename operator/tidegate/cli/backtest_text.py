"""What a backtest found, in words and tables, for the person who must decide whether to trust the limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TextIO

from tidegate.cli.tables import Table, show
from tidegate.cli.words import line_in_words
from tidegate.core.findings import shown
from tidegate.core.instants import in_words
from tidegate.simulation.history_arms import Assumed, assumptions, changing, lasting
from tidegate.simulation.history_backtest import Backtest
from tidegate.simulation.history_gaps import Gap
from tidegate.simulation.history_lines import LineSummary, Placed, placed
from tidegate.simulation.history_run import PastRun
from tidegate.simulation.history_suggest import Choice, Rate, overlapping

RUNS: Final = ("started", "took", "outcome", "why")
LINES: Final = ("line", "judged", "beyond", "longest", "too few", "no data", "worst", "at", "room left")
CHOICES: Final = ("line", "limit", "which is", "stops", "in the long run (95 % sure)")
MOST_LISTED: Final = 10
"""Runs that all went well and are listed one by one."""


def show_runs(found: Backtest, out: TextIO) -> None:
    """What was assumed, and every run."""
    spec, stretch = found.spec, found.stretch
    out.write(
        f"{found.order.name} from {moment(stretch.start)} to {moment(stretch.end)} UTC, judged every {spec.interval}\n"
    )
    out.writelines(f"  {line}\n" for line in _notes(found))
    listed = [run for run in found.runs if len(found.runs) <= MOST_LISTED or run.outcome != "Succeeded"]
    if listed:
        out.write("\n")
        show(Table("Runs", RUNS, tuple(_run(run) for run in listed)), out)
    left = len(found.runs) - len(listed)
    if left:
        out.write(f"{'and ' if listed else ''}{left} runs that succeeded\n")


def show_lines(found: Backtest, out: TextIO) -> None:
    """Every line over all runs."""
    summaries = list(found.lines())
    if summaries:
        out.write("\n")
        show(Table("Limits, over all runs", LINES, tuple(_line(found, one) for one in summaries)), out)


def show_suggestions(found: Backtest, out: TextIO) -> None:
    """Other limits, and what they would have stopped."""
    rows = [row for one, suggestion in found.suggestions() for row in _choices(one, suggestion.choices)]
    out.write("\n")
    show(Table("Other limits, each line by itself, in clean runs from the same starts", CHOICES, tuple(rows)), out)
    days = in_words(found.stretch.points * found.stretch.step)
    out.write(
        f"\nThis rests on {len(found.runs)} run{'s' if len(found.runs) != 1 else ''} in {days} of history. It is no promise: "
        "a limit that kept quiet then\nmay stop a healthy candidate tomorrow, and a wide limit finds a bad one late or never.\n"
    )


def words(found: Backtest) -> str:
    """The end in a few sentences."""
    if len(found.runs) == 1:
        run = found.runs[0]
        return run_in_words(run)
    return "\n".join(_counted(found))


def headline(found: Backtest) -> str:
    """The end in a few words."""
    if len(found.runs) > 1:
        return f"{_kind(found)} {rate_in_words(found.rate)} runs"
    run = found.runs[0]
    if run.outcome == "Running":
        return "the history ends before the run does"
    return f"{run.outcome} ({run.reason}) after {in_words(run.end - run.start)}"


def run_in_words(run: PastRun) -> str:
    """What came of one run."""
    if run.outcome == "Running":
        return f"The history ends before the run does, after {in_words(run.end - run.start)}: {run.message}"
    if run.outcome == "SentBack":
        return f"Stopped after the promotion ({run.reason}), {in_words(run.end - run.start)} after its start: {run.message}"
    return f"{run.outcome} ({run.reason}) after {in_words(run.end - run.start)}: {run.message}"


def unmet(found: Backtest, expected: str | None) -> list[str]:
    """The runs that did not end as expected."""
    if expected is None:
        return []
    wrong = [run for run in found.runs if run.outcome != expected]
    return [f"run of {moment(run.start)}: expected {expected}, got {run.outcome} ({run.message})" for run in wrong]


def rate_in_words(rate: Rate) -> str:
    """Such as `0 of 14 (0 %)`."""
    return f"{rate.stopped} of {rate.runs} ({rate.share * 100:.3g} %)"


def interval_in_words(rate: Rate) -> str:
    """Such as `0 % to 24 %`."""
    low, high = rate.interval
    return f"{low * 100:.2g} % to {high * 100:.3g} %"


def moment(epoch: float) -> str:
    """An instant for people, in UTC."""
    return f"{datetime.fromtimestamp(epoch, UTC):%a %Y-%m-%d %H:%M:%S}"


def _notes(found: Backtest) -> Iterator[str]:
    yield from assumptions(found.order.spec, found.assumed)
    if found.assumed is Assumed.HALVES:
        yield from (
            f"{name_of(one)}: does not ask by $pods, so it compares the baseline with itself: not tested."
            for one in placed(found.spec)
            if found.untested(one)
        )
    for name in changing(found.spec):
        yield f"{name} asks about $elapsed, which changes all the time: every judgement is a question of its own, and no table has it."
    for gap in found.gaps:
        yield _gap(gap, found.stretch.points * found.stretch.step)


def _gap(gap: Gap, whole: float) -> str:
    where = f"{gap.metric} of the {gap.arm}"
    if gap.seconds >= whole:
        return f"{where} has no data at all."
    begin, end = gap.first
    first = f"{moment(begin)} to {moment(end)}"
    once = abs((end - begin) - gap.seconds) < 1.0
    return f"{where} has no data {first}" + ("." if once else f" and elsewhere, {in_words(gap.seconds)} in all.")


def _run(run: PastRun) -> tuple[str, ...]:
    outcome = f"{run.outcome}{', held' if run.held else ''}"
    return moment(run.start), in_words(run.end - run.start), outcome, f"{run.reason}: {run.message}"


def name_of(one: Placed) -> str:
    """A line for people, with the step where it is a step's own."""
    said = line_in_words(one.line)
    return f"{one.step}: {said}" if one.step else said


def _line(found: Backtest, one: LineSummary) -> tuple[str, ...]:
    line, unit = one.placed.line, found.metric(one.placed.line.metric).effective_unit
    beyond = f"{one.beyond} ({100 * one.beyond / one.judged:.2g} %)" if one.beyond else "0"
    worst = "" if one.worst is None else shown(one.worst, unit)
    if one.base is not None and one.worst is not None:
        change = f"{(one.worst / one.base - 1) * 100:+.3g} %: " if one.base else ""
        worst = f"{change}{worst}, baseline {shown(one.base, unit)}"
    return (
        name_of(one.placed),
        str(one.judged),
        beyond,
        (in_words(one.longest) or "0s") if lasting(line) and one.beyond else "",
        str(one.too_few) if one.too_few else "",
        str(one.blind) if one.blind else "",
        worst,
        moment(one.worst_at) if one.worst_at is not None else "",
        "not tested"
        if found.untested(one.placed)
        else ""
        if one.room is None
        else "none"
        if one.room < 0
        else f"{min(one.room, 9.99) * 100:.0f} %",
    )


def _choices(one: Placed, choices: tuple[Choice, ...]) -> Iterator[tuple[str, ...]]:
    for number, choice in enumerate(choices):
        name = name_of(one) if number == 0 else ""
        yield name, choice.limit, choice.what, rate_in_words(choice.rate), interval_in_words(choice.rate)


def _kind(found: Backtest) -> str:
    return "Stopped" if found.assumed is Assumed.CANDIDATE else "Falsely stopped"


def _counted(found: Backtest) -> Iterator[str]:
    rate, runs = found.rate, found.runs
    yield f"{_kind(found)} {rate_in_words(rate)} runs; in the long run {interval_in_words(rate)} (95 % sure)."
    held = sum(run.held and not run.stopped for run in runs)
    if held:
        yield f"Held for a while, and not stopped: {held}."
    open_ = sum(run.outcome == "Running" for run in runs)
    if open_:
        yield f"Not at its end when the history was: {open_}; whether it would have been stopped later is not known."
    if overlapping([run.start for run in runs], found.order.length):
        yield "The runs overlap, so they tell less than their number: the range is wider than that."
