"""What a backtest found, as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tidegate.core.model.time_format import instant
from tidegate.simulation.backtest.arms import assumptions
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.lines import CountedSummary, LineSummary
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.suggest import Rate, written


def as_json(found: Backtest, *, suggest: bool) -> dict[str, Any]:
    """JSON-ready data; instants in RFC 3339, lengths in seconds, values in the metric's unit."""
    made: dict[str, Any] = {
        "rollout": found.order.name,
        "namespace": found.order.namespace,
        "from": _instant(found.stretch.start),
        "to": _instant(found.stretch.end),
        "interval": found.stretch.step,
        "as": str(found.assumed),
        "assumptions": list(assumptions(found.order.spec, found.assumed)),
        "gaps": [_plain(asdict(gap) | {"first": [_instant(one) for one in gap.first]}) for gap in found.gaps],
        "runs": [_run(one) for one in found.runs],
        "stopped": _rate(found.rate),
        "lines": [_line(found, one) for one in found.lines()],
        "tests": [_test(found, one) for one in found.tests()],
    }
    if suggest:
        made["suggestions"] = [
            {
                "line": one.name,
                "step": one.step,
                "choices": [
                    {"limit": choice.limit, "what": choice.what, "stopped": _rate(choice.rate)}
                    for choice in suggestion.choices
                ],
            }
            for one, suggestion in found.suggestions()
        ]
    return made


def _run(run: PastRun) -> dict[str, Any]:
    made = asdict(run)
    made |= {"start": _instant(run.start), "end": _instant(run.end), "seconds": round(run.end - run.start, 3)}
    made |= {"held": run.held, "shared": run.shared}
    made["holds"] = [hold | {"begin": _instant(hold["begin"]), "end": _instant(hold["end"])} for hold in made["holds"]]
    made["spans"] = [span | {"begin": _instant(span["begin"]), "end": _instant(span["end"])} for span in made["spans"]]
    made["told"] = [told | {"time": _instant(told["time"])} for told in made["told"]]
    return dict(_plain(made))


def _test(found: Backtest, one: CountedSummary) -> dict[str, Any]:
    made = {key: value for key, value in asdict(one).items() if key not in {"placed", "start", "told"}}
    line = one.placed.line
    told = asdict(one.told) | {"run": _instant(one.start)} if one.told is not None and one.start is not None else None
    made |= {"line": line.identity, "step": one.placed.step, "metric": line.metric, "told": told}
    return dict(_plain(made | {"compared": not found.untested(one.placed)}))


def _line(found: Backtest, one: LineSummary) -> dict[str, Any]:
    metric = found.metric(one.placed.line.metric)
    made = {key: value for key, value in asdict(one).items() if key != "placed"}
    needed = one.needed if one.needed is not None and math.isfinite(one.needed) else None
    made |= {
        "line": one.placed.line.identity,
        "step": one.placed.step,
        "metric": metric.name,
        "needed": written(one.placed.line, metric, needed) if needed is not None else None,
        "worst_at": _instant(one.worst_at) if one.worst_at is not None else None,
    }
    return dict(_plain(made))


def _rate(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval
    return {"runs": rate.runs, "stopped": rate.stopped, "share": rate.share, "low": low, "high": high}


def _plain(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """JSON has no infinity and no NaN: they are told as text."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case str():
            return str(value)
        case Sequence():
            return [_plain(one) for one in value]
        case _:
            return value


def _instant(epoch: float) -> str:
    return instant(round(epoch, 3)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
