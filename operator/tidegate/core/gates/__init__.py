"""What must be true before a raise: the registry of gate kinds, and the rule of every raise (`raise_rule`).

A new kind of gate: its field in `api/rollout/gates.py`, a module here, a row in `KINDS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from pydantic.alias_generators import to_camel

from tidegate.api.reasons import Reason
from tidegate.api.rollout.gates import Freeze, Gate
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import JobStatus, StepBegin
from tidegate.api.rollout.steps import Step
from tidegate.core.gates import checks
from tidegate.core.gates.approvals import Approved
from tidegate.core.gates.checks import Checked
from tidegate.core.gates.jobs import JobsSucceeded, under_way
from tidegate.core.gates.kind import Asked, Closed, GateContext, GateKind
from tidegate.core.gates.schedule import AfterInstant, AfterStep, NotFrozen
from tidegate.core.gates.windows import InWindow
from tidegate.core.model.answers import Query
from tidegate.core.model.finding import Finding
from tidegate.core.model.plan import Why
from tidegate.core.tick.context import TickContext

KINDS: Final[tuple[GateKind, ...]] = (AfterInstant(), AfterStep(), InWindow(), NotFrozen(), Approved())

CHECKS: Final[tuple[GateKind, ...]] = (Checked(),)
"""Evaluated once those are open: until then nothing is queried for them."""

JOBS: Final[tuple[GateKind, ...]] = (JobsSucceeded(),)
"""Started once all else is open. Then the checks are evaluated again."""

INTENT_LIFE: Final = 5.0
"""Seconds after its record was begun in which an intent may still raise, or write the new template."""

MOST_TURNS: Final = 100
"""Times a part that opens is held against the others: windows that never meet are given up after about two years."""


def times(begun: Iterable[StepBegin]) -> dict[str, float]:
    """Epoch seconds at which each step first began, by its name."""
    found: dict[str, float] = {}
    for one in begun:
        found.setdefault(one.name, one.time.timestamp())
    return found


def in_force(spec: RolloutSpec, step: Step, freezes: Sequence[Freeze] = ()) -> tuple[Gate, ...]:
    """The gates before a step: the Rollout's own windows and freezes, the administrator's freezes, and the step's gate."""
    everywhere = Gate.model_construct(windows=spec.windows, freezes=(*spec.freezes, *freezes))
    return (everywhere, step.gate) if step.gate is not None else (everywhere,)


def closed_parts(gates: Iterable[Gate], context: GateContext) -> tuple[Closed, ...]:
    """The parts that are closed, each with the name of its field."""
    gates = tuple(gates)
    first = _closed(KINDS, gates, context) or _closed(CHECKS, gates, context)
    return (*first, *_closed(JOBS, gates, context))


def _closed(kinds: Sequence[GateKind], gates: Iterable[Gate], context: GateContext) -> tuple[Closed, ...]:
    evaluated = ((kind, kind.evaluate(part, context)) for kind, part in _parts(gates, kinds))
    return tuple(replace(one, part=one.part or to_camel(kind.field)) for kind, one in evaluated if one is not None)


def shut(asked: Iterable[Asked]) -> tuple[Closed, ...]:
    """The parts that keep a raise from being begun: those closed now, or before its last write could have landed."""
    found = (closed_parts(one.gates, one.context) or closed_parts(one.gates, _late(one.context)) for one in asked)
    return tuple(chain.from_iterable(found))


def opens(asked: Sequence[Asked], *, people: bool = True) -> float:
    """Epoch seconds of the first instant, not before that of the contexts, at which a raise may be begun.

    Args:
        asked: all gates that must be open; at least one.
        people: `False` to take as given what people, and Jobs, have to give.

    Returns: infinite when something other than time must happen first.
    """
    at = asked[0].context.now
    for _ in range(MOST_TURNS):
        turned = [Asked(one.gates, one.context.at(at)) for one in asked]
        closed = [one for one in shut(turned) if people or not (one.people or one.given)]
        if not closed:
            return at
        at = max(one.opens for one in closed)
        if math.isinf(at):
            break
    return math.inf


def before(draft: TickContext, step: Step) -> list[Asked]:
    """The gates before a step of the run under way, as they are asked in this tick; those of steps that are skipped as well."""
    steps, begun = draft.spec.steps, times(draft.run.begun)
    skips = draft.run.promote and draft.step_spec is not None and draft.step.name != step.name
    passed = steps[steps.index(draft.step_spec) + 1 : steps.index(step)] if skips and draft.step_spec else ()
    return [_asked(draft, one, begun) for one in (*passed, step)]


def _asked(draft: TickContext, step: Step, begun: Mapping[str, float]) -> Asked:
    gates = in_force(draft.spec, step, draft.seen.freezes)
    checked, unmet = checks.findings(draft, gates), draft.memory.unmet
    context = GateContext(draft.now, begun, step, draft.status.approvals, checked, unmet, _jobs_of(draft))
    return Asked(gates, context)


def _jobs_of(draft: TickContext) -> tuple[JobStatus, ...]:
    return tuple(one for one in draft.status.jobs if one.run == draft.run.id)


def closed(draft: TickContext, step: Step) -> Why | None:
    """Why the step may not begin, with every part that is closed; `None` when its gate is open."""
    asked = [(one.context.step.name, shut([one])) for one in before(draft, step)]
    words = [
        f"the gate of step {name!r} {'; it '.join(one.message for one in found)}" for name, found in asked if found
    ]
    if not words:
        return None
    people = any(one.people for _, found in asked for one in found)
    return Why(Reason.AWAITING_APPROVAL, "; ".join(words)) if people else Why(Reason.GATE_CLOSED, "; ".join(words))


def queries(draft: TickContext, step: Step) -> list[Query]:
    """What must be asked to evaluate the checks before the step; nothing while the raise waits for another part of its gate.

    They come before its Jobs are started, and again when those have succeeded.
    """
    asked = before(draft, step)
    waits = (_closed(KINDS, one.gates, one.context) or _job_under_way(one) for one in asked)
    return [] if any(waits) else [query for one in asked for query in checks.queries_of(draft, one.gates)]


def _job_under_way(asked: Asked) -> bool:
    return any(under_way(gate.jobs, asked.context) for gate in asked.gates)


def unmet(draft: TickContext, step: Step | None) -> Mapping[str, str]:
    """What is to be remembered of the checks before the step that is awaited; nothing where none is."""
    asked = before(draft, step) if step is not None else []
    return checks.unmet_of((one for part in asked for one in part.context.checked.values()), draft.memory.unmet)


def checks_before_jobs(draft: TickContext, step: Step) -> bool:
    """Whether the Jobs of the gate before the step start as soon as its checks are evaluated, and met."""
    return awaits_jobs_alone(draft, step) and bool(queries(draft, step))


def awaits_jobs_alone(draft: TickContext, step: Step) -> bool:
    """Whether nothing but Jobs keeps the gate before the step closed."""
    found = shut(before(draft, step))
    return bool(found) and all(one.part == "jobs" for one in found)


def unanswered(draft: TickContext, step: Step) -> Finding | None:
    """A check before the step that this tick has not evaluated; `None` when there is none."""
    found = (finding for one in before(draft, step) for finding in one.context.checked.values())
    return next((one for one in found if not one.answered), None)


def opens_at(draft: TickContext, step: Step) -> float:
    """Epoch seconds from which the step may begin as far as time is concerned; infinite when something else must happen first."""
    return opens(before(draft, step))


def opened_since(draft: TickContext, step: Step, last: float) -> bool:
    """Whether time has opened the step's gate since `last` (epoch seconds)."""
    asked = before(draft, step)
    return not shut(asked) and bool(shut(Asked(one.gates, one.context.at(last)) for one in asked))


def _late(context: GateContext) -> GateContext:
    return context.at(context.now + INTENT_LIFE)


def describe(gate: Gate | None) -> str:
    """What a step waits for, for a person; empty without a gate."""
    return ", ".join(descriptions(gate))


def descriptions(gate: Gate | None) -> tuple[str, ...]:
    """What a gate waits for, each part for itself."""
    return tuple(kind.describe(part) for kind, part in _parts(_given(gate)))


def dated(spec: RolloutSpec) -> bool:
    """Whether the date, or people, decide when a step of the Rollout may begin."""
    return any(kind.calendar for step in spec.steps for kind, _ in _parts(in_force(spec, step)))


def calendar_opens(gates: Iterable[Gate], context: GateContext) -> float | None:
    """Epoch seconds from which the gates are open as far as the date is concerned; `None` when it does not keep them closed."""
    found = (kind.evaluate(part, context) for kind, part in _parts(gates) if kind.calendar)
    return max((one.opens for one in found if one is not None), default=None)


def without_calendar(gate: Gate | None) -> Gate | None:
    """The gate without what depends on the date or on people; `None` when nothing is left."""
    kept = {kind.field: part for kind, part in _parts(_given(gate)) if not kind.calendar}
    return Gate(**kept) if kept else None


def _given(gate: Gate | None) -> tuple[Gate, ...]:
    return (gate,) if gate is not None else ()


def _parts(
    gates: Iterable[Gate], kinds: Sequence[GateKind] = (*KINDS, *CHECKS, *JOBS)
) -> Iterator[tuple[GateKind, Any]]:
    """The kinds that the gates use, each with the value of its field."""
    for gate in gates:
        for kind in kinds:
            part = getattr(gate, kind.field)
            if part is not None and part != ():
                yield kind, part
