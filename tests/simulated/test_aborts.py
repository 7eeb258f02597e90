"""`Abort` acts in every state that a run can be in: in the tick that sees it, whatever else stands in the run's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.simulated.shop import Shop, spec
from tests.simulated.test_gates import freeze
from tidegate.api.commands import Action
from tidegate.core.model.answers import Failed, Vector
from tidegate.core.model.world import Acceptance
from tidegate.ports.errors import Unavailable
from tidegate.simulation.cluster.objects import SimulatedCronJob

CANARY: dict[str, Any] = {"name": "canary", "weight": 10, "duration": "30s"}
HALF: dict[str, Any] = {"name": "half", "weight": 50, "duration": "30s"}
BREACH = 0.2
ROLLS_OUT = 300.0
"""Seconds in which the baseline rolls out: an abort of a promotion gives it no traffic until its old template serves again."""


def gate(**parts: object) -> dict[str, Any]:
    return {"steps": [CANARY, {**HALF, "gate": parts}]}


def limit(response: str, **more: object) -> dict[str, Any]:
    return {"guards": [{"metric": "errors", "max": "5%", "onBreach": response, **more}]}


@dataclass(frozen=True)
class State:
    """How a run comes into a state, and by which reason one knows that it is there."""

    reason: str
    changes: dict[str, Any] = field(default_factory=dict)
    does: Callable[[Shop], object] = lambda _shop: None
    """What happens at 10 %."""
    weight: float = 10
    """Percent of the candidate when the abort comes."""
    after: float = 120
    """Seconds until then."""
    within: float = 0.5
    """Seconds within which the weight is 0."""


def breaches(shop: Shop) -> None:
    shop.values["candidate"] = BREACH


def edits(shop: Shop, **changes: object) -> None:
    shop.cluster.edit_rollout("checkout", {**shop.cluster.rollouts["checkout"].spec, **changes})


def fails(shop: Shop, call: str, error: Exception) -> None:
    def before(name: str) -> None:
        if name == call:
            raise error

    shop.gate.before = before


LONG = {"steps": [{**CANARY, "duration": "1h"}, HALF]}
FROZEN = {"sourceDown": {"after": "1h", "then": "Hold"}, "noData": {"after": "1h", "then": "Hold"}}
STATES = {
    "watching": State("Watching", LONG),
    "paused by a command": State("PausedByCommand", LONG, lambda shop: shop.command(Action.PAUSE)),
    "paused by the spec": State("Paused", LONG, lambda shop: edits(shop, paused=True)),
    "lowered by another client": State("LoweredByOther", LONG, lambda shop: shop.set_weight(98, 2), 2),
    "the baseline was changed": State(
        "BaselineChanged", LONG, lambda shop: shop.cluster.set_image("checkout", "shop:v1.1")
    ),
    "stepped back": State("SteppedBack", LONG | limit("StepBack", stepBack={"weight": 5}), breaches, 5),
    "held": State("Holding", LONG | limit("Hold"), breaches),
    "a shared incident": State("Holding", LONG, lambda shop: shop.values.update(candidate=BREACH, baseline=BREACH)),
    "awaiting an approval": State("AwaitingApproval", gate(approvals=[{"name": "finance"}])),
    "an approval was rejected": State(
        "Rejected",
        gate(approvals=[{"name": "finance", "early": True}]),
        lambda shop: shop.command(Action.REJECT, "no money", step="half", approval="finance"),
    ),
    "a freeze": State("GateClosed", does=lambda shop: edits(shop, freezes=[freeze(shop, 0, 3600)])),
    "a Job of the gate runs": State("GateClosed", gate(jobs=[{"cronJob": "smoke"}])),
    "Prometheus does not answer": State(
        "CheckpointUndecided",
        {"missingData": FROZEN},
        lambda shop: setattr(shop, "answer", lambda _query, _now: Failed("no connection")),
    ),
    "no data": State(
        "CheckpointUndecided",
        {"missingData": FROZEN},
        lambda shop: setattr(shop, "answer", lambda _query, _now: Vector(())),
    ),
    "the spec is not valid": State("InvalidSpec", LONG, lambda shop: edits(shop, steps=[])),
    "the gateway does not take the weights": State(
        "RouteNotAccepted",
        LONG,
        lambda shop: setattr(shop.cluster.routes["HTTPRoute/checkout"], "acceptance", Acceptance.REFUSED),
    ),
    "the baseline is awaited": State(
        "AwaitingBaseline", {"promotion": {"strategy": "AwaitBaseline", "settle": "20s"}}, weight=50
    ),
    "the version is copied to the baseline": State(
        "BaselineRollingOut",
        does=lambda shop: setattr(shop.cluster, "rollout_seconds", ROLLS_OUT),
        weight=50,
        within=ROLLS_OUT + 30,
    ),
    "Events cannot be written": State(
        "Watching", LONG, lambda shop: fails(shop, "announcer.announce", Unavailable("no answer"))
    ),
}


async def in_state(state: State) -> tuple[Shop, Any]:
    shop = Shop()
    shop.cluster.cron_jobs["smoke"] = SimulatedCronJob(lasts=3600)
    runner = shop.rollout(spec(**state.changes))
    await runner.run_until(shop.start + 20)
    assert shop.weight == 10
    runner.at(shop.clock.now(), lambda: state.does(shop) and None)
    await runner.run_until(shop.clock.now() + state.after)
    return shop, runner


@pytest.mark.parametrize("name", STATES)
async def test_an_abort_acts_in_every_state(name: str) -> None:
    state = STATES[name]
    shop, runner = await in_state(state)
    run = shop.status.run
    assert run is not None
    reasons = {one.reason for one in (*shop.status.conditions, run.paused) if one is not None}
    assert (shop.weight, state.reason in reasons) == (state.weight, True), reasons
    began = shop.clock.now()
    runner.at(began, lambda: shop.command(Action.ABORT, "seen enough"))
    await runner.run_until(began + state.within, lambda: shop.weight == 0)
    assert shop.weight == 0
    shop.gate.before = lambda _call: None
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.UNREPORTED
    await runner.run_until(began + state.within + 60, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)
    assert "seen enough" in shop.status.history[0].message
