"""What must be true before a raise: the registry of gate kinds, and the rule of every raise (`raise_rule`).

A new kind of gate: its field in `api/rollout/gates.py`, a module here, a row in `KINDS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tidegate.api.rollout.gates import Gate
from tidegate.api.rollout.status import StepBegin
from tidegate.api.rollout.steps import Step
from tidegate.core.gates.kind import Closed, GateContext, GateKind
from tidegate.core.gates.schedule import AfterInstant, AfterStep
from tidegate.core.model.plan import Why

KINDS: Final[tuple[GateKind, ...]] = (AfterInstant(), AfterStep())


def times(begun: Iterable[StepBegin]) -> dict[str, float]:
    """Epoch seconds at which each step first began, by its name."""
    found: dict[str, float] = {}
    for one in begun:
        found.setdefault(one.name, one.time.timestamp())
    return found


def closed(step: Step, begun: Mapping[str, float], now: float) -> Why | None:
    """Why the step's gate is closed; `None` when it is open. Of several reasons the one that opens last.

    Args:
        step: the step, as the spec has it.
        begun: epoch seconds at which each step of the run began, by its name.
        now: epoch seconds.
    """
    found = _closed(step, begun, now)
    if not found:
        return None
    last = max(found, key=lambda one: one.opens)
    return Why("GateClosed", f"the gate of step {step.name!r} {last.message}")


def opens(step: Step, begun: Mapping[str, float]) -> float:
    """Epoch seconds from which the gate is open as far as time is concerned.

    Returns: 0 without a gate; infinite when something else must happen first.
    """
    return max((one.opens for one in _closed(step, begun, -math.inf)), default=0.0)


def describe(gate: Gate | None) -> str:
    """What a step waits for, for a person; empty without a gate."""
    return ", ".join(kind.describe(part) for kind, part in _parts(gate))


def on_calendar(gate: Gate | None) -> bool:
    """Whether it depends on the date when the gate opens."""
    return any(kind.calendar for kind, _ in _parts(gate))


def calendar_opens(gate: Gate | None) -> float | None:
    """Epoch seconds from which the gate is open as far as the date is concerned; `None` when it does not depend on it."""
    context = GateContext(-math.inf, {})
    found = (kind.evaluate(part, context) for kind, part in _parts(gate) if kind.calendar)
    return max((one.opens for one in found if one is not None), default=None)


def without_calendar(gate: Gate | None) -> Gate | None:
    """The gate without what depends on the date; `None` when nothing is left."""
    kept = {kind.field: part for kind, part in _parts(gate) if not kind.calendar}
    return Gate(**kept) if kept else None


def _closed(step: Step, begun: Mapping[str, float], now: float) -> list[Closed]:
    context = GateContext(now, begun)
    evaluated = (kind.evaluate(part, context) for kind, part in _parts(step.gate))
    return [one for one in evaluated if one is not None]


def _parts(gate: Gate | None) -> Iterator[tuple[GateKind, Any]]:
    """The kinds that the gate uses, each with the value of its field."""
    for kind in KINDS if gate is not None else ():
        part = getattr(gate, kind.field)
        if part is not None:
            yield kind, part
