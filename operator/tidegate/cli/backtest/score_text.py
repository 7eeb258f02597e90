"""A score, in words, tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TextIO

from tidegate.api.reasons import Reason
from tidegate.cli.backtest.as_json import instant_as_text, plain, rate_as_json, run_as_json
from tidegate.cli.backtest.text import interval_in_words, moment, name_of, rate_in_words
from tidegate.cli.tables import Table
from tidegate.cli.tables import show as show_table
from tidegate.core.model.time_format import in_words
from tidegate.simulation.backtest.limits import placed
from tidegate.simulation.backtest.order import Order
from tidegate.simulation.backtest.score import Score, Scored, Tally, Verdict
from tidegate.simulation.backtest.windows import Expected

WINDOWS: Final = ("window", "expected", "result", "minutes", "stopped by", "why")
TALLIES: Final = ("false stops", "found", "minutes (median)")
AS_EXPECTED: Final = frozenset({Verdict.CONTINUED, Verdict.FOUND})
VERDICTS: Final = {
    Verdict.CONTINUED: "continued",
    Verdict.FALSE_STOP: "false stop",
    Verdict.EARLY: "stopped early",
    Verdict.FOUND: "found",
    Verdict.MISSED: "missed",
    Verdict.NO_DATA: "no data",
}


def show(score: Score, rollout: Order, out: TextIO) -> None:
    """Every window that did not come out as it should have, and all of them by limit and by segment."""
    others = [one for one in score.scored if one.verdict not in AS_EXPECTED]
    if others:
        show_table(Table("Windows with an unexpected result", WINDOWS, tuple(map(_row, others))), out)
        out.write("\n")
    found = [one for one in score.scored if one.verdict is Verdict.FOUND]
    if found:
        show_table(Table("Faults that were found", WINDOWS, tuple(map(_row, found))), out)
        out.write("\n")
    names = {one.limit.identity: name_of(one) for one in reversed(list(placed(rollout.spec)))}
    rows = tuple((names.get(limit, limit), *_tally(tally)) for limit, tally in score.by_limit())
    show_table(Table("Stops, by the limit that was breached first", ("limit", *TALLIES), rows), out)
    out.write("\n")
    segments = tuple((segment, *_tally(tally)) for segment, tally in score.by_segment())
    if segments:
        show_table(Table("Stops, by segment", ("segment", *TALLIES), segments), out)
        out.write("\n")


def words(score: Score) -> str:
    """The score as text, a few lines."""
    return "\n".join(_words(score))


def as_json(score: Score) -> dict[str, Any]:
    """JSON-ready data; instants in RFC 3339, lengths in seconds, values in the metric's unit."""
    return {
        "falseStops": rate_as_json(score.false_stops),
        "stoppedEarly": rate_as_json(score.early),
        "found": rate_as_json(score.found),
        "medianMinutes": score.tally.minutes,
        "withoutData": [one.window.name for one in score.without_data],
        "limits": [{"limit": limit, **_tally_as_json(tally)} for limit, tally in score.by_limit()],
        "segments": [{"segment": segment, **_tally_as_json(tally)} for segment, tally in score.by_segment()],
        "windows": [dict(plain(_window(one))) for one in score.scored],
    }


def _window(one: Scored) -> dict[str, Any]:
    window = one.window
    fault = {"from": instant_as_text(window.since)} if window.expect is Expected.STOP else {}
    return {
        "name": window.name,
        "start": instant_as_text(window.start.timestamp()),
        "end": instant_as_text(window.stop),
        "expect": str(window.expect),
        **fault,
        "verdict": str(one.verdict),
        "minutes": one.minutes,
        "run": run_as_json(one.run),
    }


def _tally_as_json(tally: Tally) -> dict[str, Any]:
    return {"falseStops": tally.false_stops, "found": tally.found, "medianMinutes": tally.minutes}


def _words(score: Score) -> Iterator[str]:
    false_stops, found = score.false_stops, score.found
    if false_stops.runs:
        interval = interval_in_words(false_stops)
        yield f"False stops: {rate_in_words(false_stops)} windows; long-run rate {interval} (95% confidence)."
    if found.runs:
        took = f", after {_minutes(score.tally)} minutes (median)" if found.stopped else ""
        yield f"Found: {rate_in_words(found)} faults{took}."
    if score.early.stopped:
        yield f"Stopped before the fault began, and so not found: {score.early.stopped}."
    if score.without_data:
        names = ", ".join(one.window.name for one in score.without_data)
        yield f"Not counted for lack of data: {len(score.without_data)} ({names})."


def _row(one: Scored) -> tuple[str, ...]:
    window, run = one.window, one.run
    since = f"stop from {moment(window.since)}" if window.expect is Expected.STOP else "continue"
    after = in_words(run.end - run.start) or "0s"
    why = f"{run.outcome} after {after}: {run.message}" if run.outcome != "Running" else run.message
    if one.verdict is Verdict.MISSED:
        why = why_missed(one)
    minutes = f"{one.minutes:.1f}" if one.minutes is not None else ""
    return window.name, since, VERDICTS[one.verdict], minutes, f"{one.limit}{one.series}", why


def why_missed(one: Scored) -> str:
    """What the run did from the beginning of the fault on."""
    window, run = one.window, one.run
    words = f"no limit that reverts was breached in the {in_words(run.end - window.since)} after the fault began"
    held = sum(max(hold.end - max(hold.begin, window.since), 0.0) for hold in run.holds)
    if held > 0:
        last = run.holds[-1]
        words += f"; the run was held for {in_words(held)} ({last.reason}): {last.message}"
    passed = next((told.time for told in run.told if told.reason == Reason.PROMOTING), None)
    if passed is not None:
        before = "already " if passed <= window.since else ""
        return f"{words}; every step had {before}passed at {moment(passed)}, and the version was promoted"
    if run.spans:
        words += (
            f"; at the end of the window the run was in step {run.spans[-1].step} at weight {run.spans[-1].weight:g}%"
        )
    return words


def _tally(tally: Tally) -> tuple[str, ...]:
    return str(tally.false_stops), str(tally.found), _minutes(tally)


def _minutes(tally: Tally) -> str:
    return f"{tally.minutes:.1f}" if tally.minutes is not None else ""
