"""What a backtest found, in words and tables, for the person who must decide whether to trust the limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TextIO

from tidegate.api.values.text import printable
from tidegate.cli.tables import Table, show
from tidegate.cli.words import line_in_words
from tidegate.core.judging.limits import unit_of
from tidegate.core.model.time_format import in_words
from tidegate.core.model.value_format import digits, shown
from tidegate.simulation.backtest.arms import Assumed, assumptions, changing, lasting, may_be_shared
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.gaps import Gap, Missing
from tidegate.simulation.backtest.limits import CountedSummary, LimitSummary, Placed, placed
from tidegate.simulation.backtest.run import Held, PastRun
from tidegate.simulation.backtest.suggest import Choice, Rate, overlapping, rounded, written
from tidegate.simulation.backtest.tracks import whole_of

RUNS: Final = ("started", "took", "outcome", "why")
LIMITS: Final = (
    *("limit", "evaluated", "breached", "longest", "too few", "not comparable", "no data"),
    *("worst", "at", "headroom"),
)
SERIES: Final = ("limit", "series", "evaluated", "breached", "longest", "not comparable", "worst", "stops no run from")
HOLDS: Final = ("run of", "held from", "for", "because")
TESTS: Final = ("test", "runs", "worse", "shown ok", "inconclusive")
CHOICES: Final = ("limit", "value", "which is", "stops", "long-run rate (95% confidence)")
MOST_LISTED: Final = 10
"""Runs that all went well and are listed one by one."""
MOST_SERIES: Final = 10
"""Series of a limit that are listed one by one."""
MOST_HOLDS: Final = 20
"""Holds that are listed one by one."""
UNTUNED: Final = (
    "Tests on counts have no limit to tune: their confidence sets how often they stop a healthy candidate, however often\n"
    "they are evaluated. Whether they had enough requests is shown above."
)
SHARED: Final = "Every breach counts as a stop here; in an incident that the baseline shares a rollout holds instead."


def show_runs(found: Backtest, out: TextIO) -> None:
    """What was assumed, and every run."""
    spec, stretch = found.spec, found.stretch
    out.write(
        f"{printable(found.order.name)} from {moment(stretch.start)} to {moment(stretch.end)} UTC, evaluated every {spec.interval}\n"
    )
    out.writelines(f"  {printable(line)}\n" for line in _notes(found))
    listed = [run for run in found.runs if len(found.runs) <= MOST_LISTED or run.outcome != "Succeeded" or run.held]
    if listed:
        out.write("\n")
        show(Table("Runs", RUNS, tuple(_run(run) for run in listed)), out)
    left = len(found.runs) - len(listed)
    if left:
        out.write(f"{'and ' if listed else ''}{left} runs that succeeded\n")
    holds = [(run, hold) for run in found.runs for hold in run.holds]
    if holds:
        out.write("\n")
        show(Table("Holds", HOLDS, tuple(_hold(run, hold) for run, hold in holds[:MOST_HOLDS])), out)
    if len(holds) > MOST_HOLDS:
        out.write(f"and {len(holds) - MOST_HOLDS} more\n")


def show_lines(found: Backtest, out: TextIO) -> None:
    """Every limit over all runs."""
    summaries = list(found.limits())
    if summaries:
        out.write("\n")
        show(Table("Limits, over all runs", LIMITS, tuple(_limit(found, one) for one in summaries)), out)
    rows = tuple(row for one in summaries for row in _series(found, one))
    if rows:
        out.write("\n")
        show(Table("The same by series, the worst of each limit first", SERIES, rows), out)
    left = sum(max(len(one.series) - MOST_SERIES, 0) for one in summaries)
    if left:
        out.write(f"and {left} more (--format json has all)\n")


def show_tests(found: Backtest, out: TextIO) -> None:
    """Every test on counts over all runs, with the words of one finding each."""
    summaries = list(found.tests())
    if not summaries:
        return
    out.write("\n")
    show(Table("Tests on counts, at the runs' ends", TESTS, tuple(_test(found, one) for one in summaries)), out)
    out.writelines(f"  {printable(line)}\n" for one in summaries for line in tested_in_words(found, one))


def tested_in_words(found: Backtest, one: CountedSummary) -> Iterator[str]:
    """What a test had shown in one of the runs, which names its metric; nothing where it had nothing to compare."""
    if one.told is not None and one.start is not None and not found.untested(one.placed):
        which = f"Run of {moment(one.start)}: " if len(found.runs) > 1 else ""
        yield f"{which}{one.told.message}"


def show_suggestions(found: Backtest, out: TextIO, *, first: bool = False) -> None:
    """Other limits, and what they would have stopped; `first`: nothing was written before."""
    suggestions = list(found.suggestions())
    rows = [row for one, suggestion in suggestions for row in _choices(one, suggestion.choices)]
    if not first:
        out.write("\n")
    if any(one.limit.counted for one in placed(found.spec)):
        out.write(f"{UNTUNED}\n")
    if not rows:
        return
    show(
        Table(
            "Other limits, each evaluated separately, in runs from the same starts that no other limit stops",
            CHOICES,
            tuple(rows),
        ),
        out,
    )
    if found.assumed is not Assumed.BASELINE and any(may_be_shared(one.limit) for one, _ in suggestions):
        out.write(f"{SHARED}\n")
    days = in_words(found.order.end - found.order.start)
    out.write(
        f"\nThis is based on {len(found.runs)} run{'s' if len(found.runs) != 1 else ''} in {days} of history. It is not a guarantee: "
        "a limit that stopped no run then\nmay stop a healthy candidate tomorrow, and a wide limit detects a bad one late or not at all.\n"
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
        return "the history ends before the run"
    return f"{run.outcome} ({run.reason}) after {in_words(run.end - run.start)}{held_in_words([run])}"


def run_in_words(run: PastRun) -> str:
    """What came of one run."""
    if run.outcome == "Running":
        return f"The history ends before the run, after {in_words(run.end - run.start)}: {run.message}"
    if run.outcome == "SentBack":
        return f"Stopped after the promotion ({run.reason}), {in_words(run.end - run.start)} after its start: {run.message}"
    return f"{run.outcome} ({run.reason}) after {in_words(run.end - run.start)}{held_in_words([run])}: {run.message}"


def held_in_words(runs: Sequence[PastRun]) -> str:
    """For how long runs stood still, such as `, held for 20m of it (18m in a shared incident)`; nothing when they did not."""
    holds = [hold for run in runs for hold in run.holds]
    shared = sum(hold.end - hold.begin for hold in holds if hold.shared)
    if not holds:
        return ""
    part = f" ({in_words(shared)} in a shared incident)" if shared else ""
    return f", held for {in_words(sum(hold.end - hold.begin for hold in holds)) or '0s'} of it{part}"


def unmet(found: Backtest, expected: str | None) -> list[str]:
    """The runs that did not end as expected."""
    if expected is None:
        return []
    wrong = [run for run in found.runs if run.outcome != expected]
    return [f"run of {moment(run.start)}: expected {expected}, got {run.outcome} ({run.message})" for run in wrong]


def rate_in_words(rate: Rate) -> str:
    """Such as `0 of 14 (0 %)`."""
    return f"{rate.stopped} of {rate.runs} ({digits(rate.share * 100, 3)} %)"


def interval_in_words(rate: Rate) -> str:
    """Such as `0 % to 24 %`."""
    low, high = rate.interval
    return f"{digits(low * 100, 2)} % to {digits(high * 100, 3)} %"


def moment(epoch: float) -> str:
    """An instant for people, in UTC."""
    return f"{datetime.fromtimestamp(round(epoch), UTC):%a %Y-%m-%d %H:%M:%S}"


def _notes(found: Backtest) -> Iterator[str]:
    yield from assumptions(found.order.spec, found.assumed)
    if found.assumed is Assumed.HALVES:
        yield from (
            f"{name_of(one)}: does not use $pods, so it compares the baseline with itself: not tested."
            for one in placed(found.spec)
            if found.untested(one)
        )
    for name in changing(found.spec):
        yield f"{name} uses $elapsed, which changes all the time: each evaluation is a query of its own, and it is not in the tables."
    alike: dict[Gap, list[str]] = {}
    for gap in found.gaps:
        alike.setdefault(replace(gap, metric=""), []).append(gap.metric)
    for gap, names in alike.items():
        yield _gap(gap, names, found.stretch.points * found.stretch.step)


def _gap(gap: Gap, names: Sequence[str], whole: float) -> str:
    """What these metrics of an arm lack: an outage of the source is one sentence, not one for each metric."""
    where = f"{' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)} of the {gap.arm}"
    lacks = {
        Missing.DATA: ("has no data", "have no data"),
        Missing.RAW: ("has a value, but the raw samples were removed", "have values, but the raw samples were removed"),
        Missing.SCRAPES: ("has raw samples only minutes apart", "have raw samples only minutes apart"),
    }[gap.missing][len(names) > 1]
    so = "" if gap.missing is Missing.DATA else " Tests on counts are undecided there."
    if gap.seconds >= whole:
        return f"{where} {lacks}{' at all' if gap.missing is Missing.DATA else ', all the time'}.{so}"
    begin, end = gap.first
    first = f"{moment(begin)} to {moment(end)}"
    once = abs((end - begin) - gap.seconds) < 1.0
    return f"{where} {lacks} {first}" + (f".{so}" if once else f" and elsewhere, {in_words(gap.seconds)} in all.{so}")


def _run(run: PastRun) -> tuple[str, ...]:
    held = ", held in a shared incident" if run.shared else ", held" if run.held else ""
    return moment(run.start), in_words(run.end - run.start), f"{run.outcome}{held}", f"{run.reason}: {run.message}"


def _hold(run: PastRun, hold: Held) -> tuple[str, ...]:
    why = f"{'shared incident: ' if hold.shared else ''}{hold.message}"
    return moment(run.start), moment(hold.begin), in_words(hold.end - hold.begin) or "0s", why


def _test(found: Backtest, one: CountedSummary) -> tuple[str, ...]:
    if found.untested(one.placed):
        return name_of(one.placed), str(one.runs), "not tested", "", ""
    return name_of(one.placed), *(str(number) for number in (one.runs, one.worse, one.shown_ok, one.inconclusive))


def name_of(one: Placed) -> str:
    """A limit for people, with the step where it is a step's own."""
    said = line_in_words(one.limit)
    return f"{one.step}: {said}" if one.step else said


def _limit(found: Backtest, one: LimitSummary) -> tuple[str, ...]:
    limit = one.placed.limit
    unit = unit_of(limit, found.metric(limit.metric))
    beyond = f"{one.beyond} ({digits(100 * one.beyond / one.judged, 2)} %)" if one.beyond else "0"
    worst = "" if one.worst is None else shown(one.worst, unit)
    if one.base is not None and one.worst is not None:
        change = f"{(one.worst / one.base - 1) * 100:+.3g} %: " if one.base else ""
        worst = f"{change}{worst}, baseline {shown(one.base, unit)}"
    return (
        name_of(one.placed),
        str(one.judged),
        beyond,
        (in_words(one.longest) or "0s") if lasting(limit) and one.beyond else "",
        str(one.too_few) if one.too_few else "",
        str(one.not_comparable) if one.not_comparable else "",
        str(one.missing) if one.missing else "",
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


def _series(found: Backtest, one: LimitSummary) -> Iterator[tuple[str, ...]]:
    """The worst of several series; nothing for a limit with one, or that compares a history with itself."""
    if len(one.series) < 2 or found.untested(one.placed):
        return
    limit, metric = one.placed.limit, found.metric(one.placed.limit.metric)
    ordered = sorted(one.series.items(), key=lambda item: (-item[1].needed, -item[1].worst, item[0]))
    for number, (labels, each) in enumerate(ordered[:MOST_SERIES]):
        yield (
            name_of(one.placed) if number == 0 else "",
            labels,
            str(each.judged),
            f"{each.beyond} ({digits(100 * each.beyond / each.judged, 2)} %)" if each.beyond else "0",
            (in_words(each.longest) or "0s") if lasting(limit) and each.beyond else "",
            str(each.not_comparable) if each.not_comparable else "",
            written(limit, metric, each.worst) if math.isfinite(each.worst) else "",
            written(limit, metric, rounded(each.needed, whole_of(limit, metric))) if math.isfinite(each.needed) else "",
        )


def _choices(one: Placed, choices: tuple[Choice, ...]) -> Iterator[tuple[str, ...]]:
    for number, choice in enumerate(choices):
        name = name_of(one) if number == 0 else ""
        yield name, choice.bound, choice.what, rate_in_words(choice.rate), interval_in_words(choice.rate)


def _kind(found: Backtest) -> str:
    return "Stopped:" if found.assumed is Assumed.CANDIDATE else "False positives:"


def _counted(found: Backtest) -> Iterator[str]:
    rate, runs = found.rate, found.runs
    yield f"{_kind(found)} {rate_in_words(rate)} runs; long-run rate {interval_in_words(rate)} (95% confidence)."
    lacking = sum(run.lacking for run in runs)
    if lacking:
        yield f"Ended for lack of data, and not counted: {lacking} of {len(runs)} runs."
    held = sum(run.held and not run.stopped for run in runs)
    if held:
        shared = sum(run.shared and not run.stopped for run in runs)
        why = f", {shared} of them in an incident that the baseline shared" if shared else ""
        yield f"Held for a while, and not stopped: {held}{why}."
    open_ = sum(run.outcome == "Running" for run in runs)
    if open_:
        yield f"Not finished when the history ended: {open_}; whether it would have been stopped later is not known."
    if overlapping([run.start for run in runs], found.order.length):
        yield "The runs overlap, so they show less than their number: the range is wider than that."
