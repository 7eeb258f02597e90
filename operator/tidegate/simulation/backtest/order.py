"""What is to be run, and the parts it is cut into: each has the history of a few runs at most, and is done by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model import cadence
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.history import Stretch
from tidegate.simulation.backtest.run import Span
from tidegate.simulation.backtest.world import uid_at

PART: Final = 500
"""Points of a part without runs, at most; with runs that are shorter than that, as many of them as begin within so many points."""
SLACK: Final = 5
"""Points beyond the end of a clean run: a run that takes longer gets more of the history when it needs it."""


@dataclass(frozen=True)
class Order:
    """What is to be run."""

    name: str
    namespace: str
    spec: RolloutSpec
    """As written."""
    start: float
    """Epoch seconds: from when on history is asked for, and the first run begins."""
    end: float
    planned: tuple[Span, ...]
    """The steps of a clean run, in seconds from its start."""
    length: float
    """Seconds that a clean run takes, its promotion included."""
    every: float = math.inf
    """Seconds from the start of one run to that of the next."""
    assumed: Assumed | None = None
    """Whose history; `None`: the candidate's when it has one."""
    pods: Mapping[ArmName, str] = field(default_factory=dict)
    """What `$pods` stands for; of an arm that is not named, a pattern made of the Deployment's name."""

    @property
    def step(self) -> float:
        """Seconds between two judgements."""
        return max(self.spec.interval.seconds, 1.0)

    @property
    def uid(self) -> str:
        """The Rollout's: it says where the points of its judging grid lie."""
        return uid_at(self.start, self.step)

    @property
    def stretch(self) -> Stretch:
        """The instants of the whole history: the first is the start, or less than a millisecond before it."""
        start = cadence.following(self.uid, self.step, self.start) - self.step
        return Stretch(start, self.step, math.floor((self.end - start) / self.step + 1e-6) + 1)

    def starts(self) -> list[float]:
        """When the runs begin: the first in any case, others, each at a point of the grid, where a clean run still fits in."""
        found = [self.start]
        while math.isfinite(self.every):
            points = math.ceil(len(found) * self.every / self.step - 1e-6)
            if self.start + points * self.step + self.length > self.end + 1e-6:
                break
            found.append(self.start + points * self.step)
        return found


@dataclass(frozen=True)
class Task:
    """One part of the history, and the runs that begin in it."""

    order: Order
    assumed: Assumed
    first: int
    """The first point of the whole history that is this part's own."""
    last: int
    """The last one that is."""
    reach: int
    """The last one that its runs look at."""
    starts: tuple[float, ...] = ()
    leap: bool = True
    """Leave out the ticks that would change nothing."""

    def stretch(self, reach: int | None = None) -> Stretch:
        """The instants that its runs look at."""
        whole = self.order.stretch
        return Stretch(whole.time(self.first), whole.step, max(reach or self.reach, self.last) - self.first + 1)


def tasks(order: Order, assumed: Assumed, *, leap: bool = True) -> Iterator[Task]:
    """The whole history in parts, in the order of time: runs that overlap share one."""
    whole = order.stretch
    apart = max(order.length, PART * order.step)
    groups: list[list[float]] = []
    for start in order.starts():
        if groups and start < groups[-1][0] + apart:
            groups[-1].append(start)
        else:
            groups.append([start])
    bounds = [*(whole.index(group[0]) for group in groups[1:]), whole.points]
    for group, bound in zip(groups, bounds, strict=True):
        first = whole.index(group[0])
        reach = min(whole.index(group[-1] + order.length) + SLACK, whole.points - 1)
        last = min(reach, bound - 1)
        yield Task(order, assumed, first, last, reach, tuple(group), leap)
        for begin in range(last + 1, bound, PART):
            end = min(begin + PART, bound) - 1
            yield Task(order, assumed, begin, end, end, (), leap)
