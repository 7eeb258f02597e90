"""What a backtest found, as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tidegate.api.rollout.metrics import Metric
from tidegate.core.model.time_format import instant
from tidegate.simulation.backtest.arms import assumptions
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.limits import CountedSummary, LimitSummary
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.suggest import Rate, written


def as_json(found: Backtest, *, suggest: bool) -> dict[str, Any]:
    """JSON-ready data; instants in RFC 3339, lengths in seconds, values in the metric's unit."""
    made: dict[str, Any] = {
        "rollout": found.order.name,
        "namespace": found.order.namespace,
        "from": instant_as_text(found.order.start),
        "to": instant_as_text(found.stretch.end),
        "interval": found.stretch.step,
        "as": str(found.assumed),
        "assumptions": list(assumptions(found.order.spec, found.assumed)),
        "gaps": [plain(asdict(gap) | {"first": [instant_as_text(one) for one in gap.first]}) for gap in found.gaps],
        "runs": [run_as_json(one) for one in found.runs],
        "stopped": rate_as_json(found.rate),
        "withoutData": sum(run.lacking for run in found.runs),
        "limits": [_limit(found, one) for one in found.limits()],
        "tests": [_test(found, one) for one in found.tests()],
    }
    if suggest:
        made["suggestions"] = [
            {
                "limit": one.name,
                "step": one.step,
                "choices": [
                    {"bound": choice.bound, "what": choice.what, "stopped": rate_as_json(choice.rate)}
                    for choice in suggestion.choices
                ],
            }
            for one, suggestion in found.suggestions()
        ]
    return made


def run_as_json(run: PastRun) -> dict[str, Any]:
    """One run."""
    made = asdict(run)
    made |= {
        "start": instant_as_text(run.start),
        "end": instant_as_text(run.end),
        "seconds": round(run.end - run.start, 3),
    }
    made |= {"held": run.held, "shared": run.shared, "lacking": run.lacking}
    made["holds"] = [
        hold | {"begin": instant_as_text(hold["begin"]), "end": instant_as_text(hold["end"])} for hold in made["holds"]
    ]
    made["spans"] = [
        span | {"begin": instant_as_text(span["begin"]), "end": instant_as_text(span["end"])} for span in made["spans"]
    ]
    made["told"] = [told | {"time": instant_as_text(told["time"])} for told in made["told"]]
    return dict(plain(made))


def _test(found: Backtest, one: CountedSummary) -> dict[str, Any]:
    made = {key: value for key, value in asdict(one).items() if key not in {"placed", "start", "told"}}
    limit = one.placed.limit
    told = (
        asdict(one.told) | {"run": instant_as_text(one.start)}
        if one.told is not None and one.start is not None
        else None
    )
    made |= {"limit": limit.identity, "step": one.placed.step, "metric": limit.metric, "told": told}
    return dict(plain(made | {"compared": not found.untested(one.placed)}))


def _limit(found: Backtest, one: LimitSummary) -> dict[str, Any]:
    metric = found.metric(one.placed.limit.metric)
    made = {key: value for key, value in asdict(one).items() if key not in {"placed", "series"}}
    needed = one.needed if one.needed is not None and math.isfinite(one.needed) else None
    made |= {
        "limit": one.placed.limit.identity,
        "step": one.placed.step,
        "metric": metric.name,
        "needed": written(one.placed.limit, metric, needed) if needed is not None else None,
        "worst_at": instant_as_text(one.worst_at) if one.worst_at is not None else None,
        "series": [_series(one, metric, labels) for labels in one.series],
    }
    return dict(plain(made))


def _series(one: LimitSummary, metric: Metric, labels: str) -> dict[str, Any]:
    """One series of a limit; its worst value and the tightest limit that stops none are written as a limit is."""
    each = one.series[labels]
    made = {key: value for key, value in asdict(each).items() if key not in {"worst", "needed"}}
    for key, severity in (("worst", each.worst), ("needed", each.needed)):
        made[key] = written(one.placed.limit, metric, severity) if math.isfinite(severity) else None
    return {"series": labels, **made}


def rate_as_json(rate: Rate) -> dict[str, Any]:
    """So many of so many, with the interval of the long-run rate."""
    low, high = rate.interval
    return {"runs": rate.runs, "stopped": rate.stopped, "share": rate.share, "low": low, "high": high}


def plain(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """JSON has no infinity and no NaN: they are told as text."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {key: plain(one) for key, one in value.items()}
        case str():
            return str(value)
        case Sequence():
            return [plain(one) for one in value]
        case _:
            return value


def instant_as_text(epoch: float) -> str:
    """RFC 3339, to the millisecond."""
    return instant(round(epoch, 3)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
