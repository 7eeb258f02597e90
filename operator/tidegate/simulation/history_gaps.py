"""What a history lacks: whether there is any data about an arm, and where a metric has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.metric import WhenEmpty
from tidegate.core.observed import ArmName
from tidegate.simulation.history import Stretch
from tidegate.simulation.history_tracks import Samples


@dataclass(frozen=True)
class Gap:
    """Where a metric has no data."""

    metric: str
    arm: ArmName
    seconds: float
    """In all."""
    first: tuple[float, float]
    """The first stretch without data, epoch seconds."""


def anything(samples: Mapping[tuple[str, ArmName, str], Samples], arm: ArmName) -> bool:
    """Whether any metric about an arm has data; one that is empty when all is well proves nothing."""
    mine = [one for (_, of, _), one in samples.items() if of is arm and one.metric.when_empty is not WhenEmpty.ZERO]
    return not mine or not all(one.nothing for one in mine)


def gaps(samples: Mapping[tuple[str, ArmName], Samples], stretch: Stretch) -> list[Gap]:
    """Every metric with its arm that lacks data somewhere, the baseline's first."""
    found, seen = [], set()
    for (name, arm), one in sorted(samples.items(), key=lambda item: item[0][1]):
        without = [index for index, empty in enumerate(one.empty) if empty]
        if id(one) in seen or not without or one.metric.when_empty is WhenEmpty.ZERO:
            continue
        seen.add(id(one))
        end = next(b for b, after in zip(without, [*without[1:], -1], strict=True) if after != b + 1)
        first = (stretch.time(without[0]), stretch.time(end + 1))
        found.append(Gap(name, arm, len(without) * stretch.step, first))
    return found
