"""A row of the table of `decide`: what is remembered and seen, and what the plan says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulated.shop import Shop, check, spec
from tests.unit.core.decide_runs import status_of
from tidegate.api.commands import Action
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import Ending, RolloutStatus, StepStatus
from tidegate.core.decide import decide
from tidegate.core.due import due
from tidegate.core.model.answers import Answer, Failed, FailedReason, SeriesValue, Vector
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live, Observation, Problem
from tidegate.core.model.plan import KeepFinalizer, Plan, SetWeights, WriteTemplate
from tidegate.core.model.samples import Asked
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import (
    Acceptance,
    Arm,
    ArmName,
    Command,
    Lookup,
    RolloutObject,
    Route,
    RulePair,
    TargetRef,
)

NOW = 1_700_000_600.0


REF = TargetRef("shop", "HTTPRoute", "checkout", "checkout", "checkout-canary")


STEPS = [
    {"name": "canary", "weight": 10, "duration": "10m", "thresholds": [{"metric": "errors", "max": "1%"}]},
    {"name": "half", "weight": 50, "duration": "10m"},
]


SPEC = spec(interval="10s", steps=STEPS)


def arm(name: str) -> Arm:
    found = Shop().cluster.arm(name, name)
    assert isinstance(found, Arm)
    return found


BASELINE, CANDIDATE = arm("checkout"), arm("checkout-canary")


def route(baseline: int, candidate: int, acceptance: Acceptance = Acceptance.ACCEPTED) -> Route:
    return Route(REF, "uid-route", 7, (RulePair("#0", baseline, candidate, alone=True),), acceptance=acceptance)


def under_way(weight: float = 10, **changes: object) -> RolloutStatus:
    """A run in its first step, five minutes in."""
    return status_of(SPEC, CANDIDATE, BASELINE, weight, NOW, **changes)


def answers(candidate: float | None, baseline: float = 0.0) -> Mapping[ArmName, Answer]:
    if candidate is None:
        return dict.fromkeys(ArmName, Failed(FailedReason.TIMEOUT, "no answer"))
    values = {ArmName.CANDIDATE: candidate, ArmName.BASELINE: baseline}
    return {name: Vector((SeriesValue((), value),)) for name, value in values.items()}


@dataclass(frozen=True)
class Row:
    """One decision."""

    why: str
    status: RolloutStatus
    does: tuple[str, ...]
    """Its actions in order, such as `revert 100/0`."""
    reason: str
    """What status says first: stalled, or a person is waited for, or what goes on, or all is well."""
    route: Lookup[Route] = field(default_factory=lambda: route(90, 10))
    answers: Mapping[ArmName, Answer] = field(default_factory=lambda: answers(0.0))
    baseline: Lookup[Arm] = BASELINE
    candidate: Lookup[Arm] = CANDIDATE
    commands: tuple[Action, ...] = ()
    deleting: bool = False
    finalizers: tuple[str, ...] = (FINALIZER,)
    valid: bool = True
    memory: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=lambda: SPEC)
    live: Live = Live.EVERYTHING
    urgent: bool = False


def status_with(**changes: object) -> RolloutStatus:
    """The run's own fields changed."""
    status = under_way()
    assert status.run is not None
    return status.model_copy(update={"run": status.run.model_copy(update=changes)})


def step_with(**changes: object) -> RolloutStatus:
    status = under_way()
    assert isinstance(status.step, StepStatus)
    return status.model_copy(update={"step": status.step.model_copy(update=changes)})


def ending(kind: str = "Reverted", since: float = 60.0, *, forced: bool = False) -> RolloutStatus:
    latched = Ending(kind=kind, reason="GuardBreached", evidence="errors", since=instant(NOW - since), forced=forced)
    return status_with(ending=latched, raised=instant(NOW - 300))


def decided(row: Row) -> Plan:
    """The plan, once every query has its answer."""
    parsed, problems = check(row.raw)
    assert problems == ()
    rollout = RolloutObject("shop", "checkout", "uid", 1, "5", NOW - 9000, row.deleting, row.finalizers, row.raw, {})
    commands = tuple(
        Command(f"c{number}", f"c{number}", action, "", "", "ann", NOW - 10 + number)
        for number, action in enumerate(row.commands)
    )
    seen = Observation(
        now=NOW,
        rollout=rollout,
        spec=parsed if row.valid else None,
        arms={ArmName.BASELINE: row.baseline, ArmName.CANDIDATE: row.candidate},
        routes={REF.key: row.route},
        commands=commands,
        live=row.live,
    )
    if not row.valid:
        seen = replace(seen, problems=(Problem("spec", "nonsense"),))
    memory = Memory(status=row.status, last_tick=NOW - 10, last_judged=NOW - 10, watching=True, **row.memory)
    asked: dict[Any, Answer | None] = {}
    wanted = due(memory, seen)
    for _ in range(5):
        asked |= {
            one: Vector((SeriesValue((), 1.0),)) if one.part == "probe" else row.answers[one.arm] for one in wanted
        }
        plan = decide(memory, replace(seen, asked=Asked(asked)))
        wanted = tuple(one for one in plan.wanted if one not in asked)
        if plan.urgent or not wanted:
            break
    return plan


def acts(plan: Plan) -> tuple[str, ...]:
    return tuple(_act(action) for action in plan.actions)


def _act(action: SetWeights | WriteTemplate | KeepFinalizer) -> str:
    match action:
        case SetWeights(pairs=pairs, raises=raises, revert=revert):
            word = "revert" if revert else "raise" if raises else "lower"
            return " ".join([word, *(f"{baseline}/{candidate}" for baseline, candidate in pairs.values())])
        case KeepFinalizer(present=present):
            return f"finalizer {'on' if present else 'off'}"
        case WriteTemplate(revert=revert):
            return "template back" if revert else "template"


def first(plan: Plan, before: RolloutStatus) -> str:
    """What status says; of a run that is concluded its outcome."""
    if before.run is not None and plan.memory.status.run is None:
        return plan.decisions[-1].reason
    why = plan.stalled or plan.attention or plan.doing or plan.ready
    if why is not None:
        return why.reason
    return plan.decisions[-1].reason if plan.decisions else ""
