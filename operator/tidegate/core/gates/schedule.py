"""Gates: what must be true before a step may raise the weight."""

from __future__ import annotations

from tidegate.api.rollout import Step
from tidegate.api.status import StepBegin
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import instant


def opens(step: Step, begun: tuple[StepBegin, ...]) -> float:
    """The instant (epoch seconds) from which the gate is open, as far as time is concerned; 0 without a gate.

    Infinite when it counts from a step that has not begun.
    """
    gate = step.gate
    if gate is None:
        return 0.0
    instants = [gate.after.timestamp()] if gate.after is not None else []
    if gate.since_step is not None:
        name = gate.since_step.step
        start = next((one.time.timestamp() for one in begun if one.name == name), float("inf"))
        instants.append(start + gate.since_step.elapsed.seconds)
    return max(instants, default=0.0)


def closed(step: Step, begun: tuple[StepBegin, ...], now: float) -> Why | None:
    """Why the gate is closed; `None` when it is open."""
    until = opens(step, begun)
    if until <= now:
        return None
    if until == float("inf"):
        return Why("GateClosed", f"the gate of step {step.name!r} counts from a step that has not begun")
    return Why("GateClosed", f"the gate of step {step.name!r} opens at {instant(until):%Y-%m-%dT%H:%M:%SZ}")
