"""The pictures of docs/limits.md, drawn by the product's own arithmetic from seeded traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from random import Random

from tidegate.cli.backtest_svg import STYLE
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.gathered import Compared, together

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
    chance, mine = Random(seed), 60 * rate
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
        ("5 times as bad from the start", "limit", lambda _: 5 * BASE, 8),
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
    chance = Random(2)

    def share(at: int) -> float:
        return (0.3 if 60 <= at < 85 else BASE) * (0.8 + 0.4 * chance.random())

    return Chart(
        "A shared incident",
        "Both versions fail alike: a revert would mend nothing. The step holds, and goes on when all is well.",
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


def drawn(chart: Chart) -> str:
    """The picture as SVG, readable on light and on dark."""
    right, down = WIDTH - 36, HEIGHT - BOTTOM

    def x(minute: float) -> float:
        return LEFT + (right - LEFT) * minute / chart.minutes

    def y(value: float) -> float:
        top, bottom = (math.log(chart.top), math.log(chart.bottom)) if chart.log else (chart.top, chart.bottom)
        place = (math.log(value) if chart.log else value) - bottom
        return down - (down - TOP) * place / (top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(chart.title)}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="12" y="20">{escape(chart.title)}</text>',
        f'<text class="small" x="12" y="38">{escape(chart.says)}</text>',
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{down - TOP}"/>',
    ]
    for value in chart.ticks:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="small" x="8" y="{y(value) + 4:.1f}">{escape(chart.label(value))}</text>')
    for minute in range(0, chart.minutes + 1, 30 if chart.minutes <= 180 else 60):
        parts.append(f'<text class="small" x="{x(minute) - 8:.1f}" y="{down + 16}">{minute} min</text>')
    for style, band in chart.bands:
        edge = [(at, high) for at, _, high in band] + [(at, low) for at, low, _ in reversed(band)]
        places = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in edge)
        parts.append(f'<polygon class="{style} odd" points="{places}"/>')
    for curve in chart.curves:
        if curve.dots:
            parts += [
                f'<circle class="candidate" cx="{x(at):.1f}" cy="{y(value):.1f}" r="1.6"/>'
                for at, value in curve.points
            ]
        else:
            places = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in curve.points)
            style = curve.style if curve.style != "limit" else "stop"
            parts.append(f'<polyline class="{style}" fill="none" points="{places}"/>')
    for name, value in chart.limits:
        parts.append(f'<line class="limit" x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(
            f'<text class="limit-name" x="{right - 6 * len(name)}" y="{y(value) - 5:.1f}">{escape(name)}</text>'
        )
    for place, (name, minute) in enumerate(chart.marks):
        parts.append(f'<line class="mark" x1="{x(minute):.1f}" x2="{x(minute):.1f}" y1="{TOP}" y2="{down}"/>')
        parts.append(
            f'<text class="small" x="{min(x(minute) + 4, right - 6 * len(name)):.1f}" y="{TOP + 14 + 14 * place}">'
            f"{escape(name)}</text>"
        )
    along = float(LEFT)
    for curve in chart.curves:
        style = curve.style if curve.style != "limit" else "stop"
        parts.append(f'<line class="{style}" x1="{along}" x2="{along + 18}" y1="{HEIGHT - 8}" y2="{HEIGHT - 8}"/>')
        parts.append(f'<text class="small" x="{along + 24}" y="{HEIGHT - 4}">{escape(curve.name)}</text>')
        along += 48 + 6.2 * len(curve.name)
    return "\n".join([*parts, "</svg>", ""])
