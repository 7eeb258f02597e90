"""One tile of a report, before it is drawn: a metric of both arms over the run, the limits on it, and the decisions to mark."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.report import Moment, Report
from tidegate.api.rollout.metrics import cohort_name
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.values.scalars import Unit
from tidegate.cli.charts.limits import Limit, on_the_panel
from tidegate.cli.report.past import Point, Track, charted, evaluated, lines_of
from tidegate.core.model.finding import State
from tidegate.core.model.value_format import shown

WIDTH: Final = 720
ABOVE: Final = 60
VALUES: Final = 110
DIFFERENCE: Final = 80
GAP: Final = 26
STOPS: Final = frozenset(
    {
        "Reverted",
        "Aborted",
        "GuardBreached",
        "CheckpointBreached",
        "CohortReverted",
        "PromotionBreached",
        "NoData",
        "SteppedBack",
    }
)
MARKED: Final = STOPS | {
    "Succeeded",
    "Holding",
    "HoldEnded",
    "Approved",
    "Rejected",
    "Resumed",
    "CandidateScaled",
    "Promoting",
    "StepStarted",
    "BaselineChanged",
}
MOST_MARKS: Final = 24
_STEP: Final = re.compile(r"step (?:\d+/\d+ )?([^:]+)(?::|$)")


@dataclass(frozen=True)
class Tile:
    """What a tile says, before it is drawn."""

    track: Track
    limits: tuple[Limit, ...]
    marks: tuple[Moment, ...]
    breached: bool
    """A limit of it is beyond."""

    @property
    def header(self) -> str:
        """The difference now, or why there is none."""
        place = self.track.newest
        if place is None:
            return "no data"
        gap, _, _ = self.track.difference(place)
        if math.isnan(gap):
            return "independent of the arms" if not self.track.baseline else "no baseline value at that time"
        said = signed(gap, self.track.metric.effective_unit)
        return f"{said} against the baseline" if gap else "as the baseline"

    @property
    def between(self) -> str:
        """The ends of the difference's interval now; empty without one."""
        place = self.track.newest
        _, low, high = self.track.difference(place) if place is not None else (math.nan,) * 3
        unit = self.track.metric.effective_unit
        return "" if math.isnan(low) else f"95% interval: {signed(low, unit)} to {signed(high, unit)}"

    @property
    def footer(self) -> tuple[str, ...]:
        """The newest value of each arm, with what was counted."""
        place = self.track.newest
        if place is None:
            return ("candidate: no data",)
        ratio = self.track.metric.ratio is not None
        unit = self.track.metric.effective_unit
        told = [_told("candidate", self.track.candidate[place], unit, ratio=ratio)]
        if self.track.baseline:
            told.append(_told("baseline", self.track.baseline[place], unit, ratio=ratio))
        return tuple(told)

    @property
    def height(self) -> float:
        """Of the drawing."""
        return ABOVE + VALUES + (GAP + DIFFERENCE if self.track.baseline else 0) + 46


def tiles(report: Report, spec: RolloutSpec, found: Iterable[Track]) -> list[Tile]:
    """A tile for each metric, those with a limit that is not met first."""
    bad = {
        cohort_name(one.metric, one.cohort) if one.cohort else one.metric
        for one in report.limits
        if one.status == State.BREACHED
    }
    if report.breach is not None:
        bad |= {one.name for one in charted(spec) if report.breach.message.startswith(f"{one.name} ")}
    marks = tuple(one for one in report.timeline if one.what in MARKED)[-MOST_MARKS:]
    spans = _spans(report, spec)
    made = [Tile(one, _limits(spec, one, spans), marks, one.metric.name in bad) for one in found]
    return sorted(made, key=lambda tile: not tile.breached)


def _spans(report: Report, spec: RolloutSpec) -> dict[str, tuple[float, float]]:
    """From when to when each step lasted, epoch seconds, as far as the timeline says."""
    begun = [
        (step_of(one.why, spec), one.time.timestamp()) for one in report.timeline if one.what == Reason.STEP_STARTED
    ]
    following = [*(time for _, time in begun), (report.end or report.written).timestamp()][1:]
    return {name: (time, end) for (name, time), end in zip(begun, following, strict=False) if name}


def step_of(why: str, spec: RolloutSpec) -> str:
    """The step that a line of the timeline names; empty for none."""
    name = step_in(why)
    return name if any(name == one.name for one in spec.steps) else ""


def step_in(why: str) -> str:
    """What a line of the timeline calls its step; empty where it names none."""
    match = _STEP.match(why)
    return match[1] if match is not None else ""


def _limits(spec: RolloutSpec, track: Track, spans: Mapping[str, tuple[float, float]]) -> tuple[Limit, ...]:
    """Those of every step all the way, those of a step while it lasted; a guard that is a threshold too once."""
    return tuple(dict.fromkeys(_each_limit(spec, track, spans)))


def _each_limit(spec: RolloutSpec, track: Track, spans: Mapping[str, tuple[float, float]]) -> Iterator[Limit]:
    for line, step in lines_of(spec):
        if evaluated(line) != track.metric.name or (step and step not in spans):
            continue
        value, change = on_the_panel(line, track.metric)
        begin, end = (share(track, time) for time in spans[step]) if step else (0.0, 1.0)
        yield Limit(f"{f'{step}: ' if step else ''}{line.kind} {line.limit}", value, change, begin, end)


def _told(arm: str, point: Point, unit: Unit, *, ratio: bool) -> str:
    if not point.known:
        return f"{arm}: no value"
    counted = ""
    if point.requests is not None:
        bad = f"{point.value * point.requests:.0f} of " if ratio and 0 <= point.value <= 1 else ""
        counted = f" ({bad}{point.requests:.0f} requests)"
    return f"{arm} {shown(point.value, unit)}{counted}"


def brief(value: float, unit: Unit) -> str:
    """A value with three digits, for an axis."""
    return shown(float(f"{value:.3g}"), unit)


def signed(value: float, unit: Unit) -> str:
    """A difference in its unit; of shares in percentage points."""
    text = brief(abs(value), unit)
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{text.removesuffix('%')} points" if text.endswith("%") else f"{sign}{text}"


def share(track: Track, time: float) -> float:
    """Where in the picture's width an instant is, 0 to 1."""
    whole = max(track.stretch.end - track.stretch.start, 1.0)
    return min(max((time - track.stretch.start) / whole, 0.0), 1.0)
