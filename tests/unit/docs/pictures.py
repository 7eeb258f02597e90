"""The pictures of docs/limits.md, drawn by the product's own arithmetic from seeded traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from random import Random

from tidegate.cli.charts.drawing import STYLE
from tidegate.core.statistics.accumulators import Compared, together
from tidegate.core.statistics.windows import Window

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 260, 64, 58, 34
MARGIN, ALPHA = 0.2, 0.05
BASE = 0.005
"""The share of bad requests of a healthy service."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A line, or dots, with a name."""

    name: str
    style: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """One picture: minutes to the right."""

    title: str
    says: str
    minutes: int
    top: float
    label: Callable[[float], str]
    ticks: Sequence[float]
    curves: Sequence[Curve] = ()
    limits: Sequence[tuple[str, float]] = ()
    marks: Sequence[tuple[str, float]] = ()
    bands: Sequence[tuple[str, Sequence[tuple[float, float, float]]]] = ()
    bottom: float = 0.0
    log: bool = False


def poisson(mean: float, chance: Random) -> int:
    """So many events, when `mean` are expected."""
    level, found, product = math.exp(-mean), 0, chance.random()
    while product > level:
        product *= chance.random()
        found += 1
    return found


def minutes(count: int, rate: float, candidate: Callable[[int], float], seed: int) -> list[Window]:
    """Windows of a minute: `rate` requests a second to the candidate, which has 5 % of the traffic.

    Args:
        count: how many minutes.
        rate: requests a second.
        candidate: minute to the candidate's share of bad requests.
        seed: of the chance.
    """
    chance, mine = Random(seed), 60 * rate  # noqa: S311  (traffic, no secret)
    others = 19 * mine
    return [
        Window(others, poisson(others * BASE, chance), mine, min(poisson(mine * candidate(at), chance), mine))
        for at in range(count)
    ]


def few() -> Chart:
    """What a fixed limit sees of a healthy candidate with few requests."""
    windows = minutes(180, 0.5, lambda _: BASE, 11)
    both = [together(windows[max(at - 1, 0) : at + 1]) for at in range(len(windows))]
    shares = [one.candidate_bad / one.candidate for one in both]
    first = next(at for at, share in enumerate(shares) if share > 0.01)
    return Chart(
        "A healthy candidate, 60 requests in a window",
        "Each dot is the share of bad requests in a window of 2 minutes. With 60 requests one bad one is 1.7%.",
        180,
        0.07,
        lambda value: f"{100 * value:g}%",
        (0, 0.01, 0.03, 0.05, 0.07),
        curves=(
            Curve("candidate", "candidate", [(at, share) for at, share in enumerate(shares)], dots=True),
            Curve("baseline", "baseline", [(at, one.baseline_bad / one.baseline) for at, one in enumerate(both)]),
        ),
        limits=(("max: 1%", 0.01),),
        marks=(("stopped by max: 1% without for", first),),
    )


def narrowing() -> Chart:
    """What the counts leave possible, of a candidate that is as good as the baseline."""
    test, band = Compared(MARGIN), []
    for at, window in enumerate(minutes(360, 10, lambda _: BASE, 5)):
        test = test.after([window])
        low, high = test.possible(ALPHA)
        band.append((at + 1.0, max(low, 0.2), min(high, 5.0)))
    return Chart(
        "How many times the baseline's rate is possible: a healthy candidate",
        "10 requests a second. With every minute less is possible. All of it below 1.2 (a margin of 20%): shown to be well.",
        360,
        5.0,
        lambda value: f"{value:g} times",
        (0.2, 0.5, 1, 2, 5),
        limits=(("margin: 20%", 1.2),),
        bands=(("step", band),),
        bottom=0.2,
        log=True,
    )


def evidence() -> Chart:
    """The evidence of three candidates."""
    level, curves, marks = math.log(1 / ALPHA), [], []
    stories: tuple[tuple[str, str, Callable[[int], float], int], ...] = (
        ("as good as the baseline", "baseline", lambda _: BASE, 3),
        ("5 times as bad from the start", "stop", lambda _: 5 * BASE, 8),
        ("5 times as bad after 2 h", "candidate", lambda at: BASE if at < 120 else 5 * BASE, 6),
    )
    for name, style, share, seed in stories:
        test, points = Compared(MARGIN), []
        for at, window in enumerate(minutes(180, 0.5, share, seed)):
            test = test.after([window])
            points.append((at + 1.0, min(max(test.evidence, -level), 2 * level)))
            if test.evidence >= level:
                marks.append((f"{name}: found", at + 1.0))
                break
        curves.append(Curve(name, style, points))
    return Chart(
        "The evidence of a regression, as it gathers",
        "Half a request a second to the candidate. At the line, such counts are 20 times likelier of a worse candidate.",
        180,
        2 * level,
        lambda value: f"{math.exp(value):.0f} times" if value >= 0 else f"1/{math.exp(-value):.0f}",
        (-level, 0, level, 2 * level),
        curves=curves,
        limits=(("confidence: 95%", level),),
        marks=marks,
        bottom=-level,
    )


def incident() -> Chart:
    """Both arms, while a database is away."""
    chance = Random(2)  # noqa: S311

    def share(at: int) -> float:
        return (0.3 if 60 <= at < 85 else BASE) * (0.8 + 0.4 * chance.random())

    return Chart(
        "A shared incident",
        "Both versions fail alike: a revert would fix nothing. The step holds, and goes on when all is well.",
        150,
        0.4,
        lambda value: f"{100 * value:g}%",
        (0, 0.1, 0.2, 0.3, 0.4),
        curves=(
            Curve("baseline", "baseline", [(at, share(at)) for at in range(150)]),
            Curve("candidate", "candidate", [(at, share(at)) for at in range(150)]),
        ),
        limits=(("max: 10%, for: 2m", 0.1),),
        marks=(("holds", 62), ("goes on", 86)),
    )


CHARTS: dict[str, Callable[[], Chart]] = {
    "limits-few.svg": few,
    "limits-narrowing.svg": narrowing,
    "limits-evidence.svg": evidence,
    "limits-incident.svg": incident,
}


@dataclass(frozen=True)
class Canvas:
    """Where things stand on the picture."""

    chart: Chart
    right: float = WIDTH - 36
    down: float = HEIGHT - BOTTOM

    def x(self, minute: float) -> float:
        return LEFT + (self.right - LEFT) * minute / self.chart.minutes

    def y(self, value: float) -> float:
        bottom, top, at = (self._place(one) for one in (self.chart.bottom, self.chart.top, value))
        return self.down - (self.down - TOP) * (at - bottom) / (top - bottom)

    def places(self, points: Sequence[Point]) -> str:
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)

    def frame(self) -> Iterator[str]:
        """Paper, titles and ticks."""
        chart, every = self.chart, 30 if self.chart.minutes <= 180 else 60
        yield f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>'
        yield f'<text class="title" x="12" y="20">{escape(chart.title)}</text>'
        yield f'<text class="small" x="12" y="38">{escape(chart.says)}</text>'
        yield f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{self.right - LEFT}" height="{self.down - TOP}"/>'
        for value in chart.ticks:
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            label = escape(chart.label(value))
            yield f'<text class="small" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        for minute in range(0, chart.minutes + 1, every):
            yield f'<text class="small" x="{self.x(minute):.1f}" y="{self.down + 16}" text-anchor="middle">{minute} min</text>'

    def bands(self) -> Iterator[str]:
        for style, band in self.chart.bands:
            edge = [(at, high) for at, _, high in band] + [(at, low) for at, low, _ in reversed(band)]
            yield f'<polygon class="{style} odd" points="{self.places(edge)}"/>'

    def curves(self) -> Iterator[str]:
        """The curves, and below them what they are called."""
        along = float(LEFT)
        for curve in self.chart.curves:
            if curve.dots:
                for at, value in curve.points:
                    yield f'<circle class="{curve.style}" cx="{self.x(at):.1f}" cy="{self.y(value):.1f}" r="1.6"/>'
            else:
                yield f'<polyline class="{curve.style}" fill="none" points="{self.places(curve.points)}"/>'
            low = HEIGHT - 8
            if curve.dots:
                yield f'<circle class="{curve.style}" cx="{along + 9:.0f}" cy="{low}" r="1.6"/>'
            else:
                yield f'<line class="{curve.style}" x1="{along:.0f}" x2="{along + 18:.0f}" y1="{low}" y2="{low}"/>'
            yield f'<text class="small" x="{along + 24:.0f}" y="{HEIGHT - 4}">{escape(curve.name)}</text>'
            along += 48 + 6.2 * len(curve.name)

    def limits(self) -> Iterator[str]:
        for name, value in self.chart.limits:
            y = self.y(value)
            yield f'<line class="limit" x1="{LEFT}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="limit-name" x="{self.right - 4}" y="{y - 5:.1f}" text-anchor="end">{escape(name)}</text>'

    def marks(self) -> Iterator[str]:
        for place, (name, minute) in enumerate(self.chart.marks):
            x = self.x(minute)
            over = x + 4 + 6.5 * len(name) > self.right
            left, anchor = (x - 4, "end") if over else (x + 4, "start")
            yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{self.down}"/>'
            y = TOP + 14 + 14 * place
            yield f'<text class="small" x="{left:.1f}" y="{y}" text-anchor="{anchor}">{escape(name)}</text>'

    def _place(self, value: float) -> float:
        return math.log(value) if self.chart.log else value


def drawn(chart: Chart) -> str:
    """The picture as SVG, readable on light and on dark."""
    canvas = Canvas(chart)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(chart.title)}</title><style>{STYLE}</style>",
        *canvas.frame(),
        *canvas.bands(),
        *canvas.curves(),
        *canvas.limits(),
        *canvas.marks(),
        "</svg>",
        "",
    ]
    return "\n".join(parts)
