"""Gates of the calendar in whole runs: raises wait for them, nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.api.rollout.gates import Freeze
from tidegate.core.model.answers import Query
from tidegate.simulation.faults import Gate

BREACH = 0.06


def hours(shop: Shop, begin: float, end: float) -> dict[str, Any]:
    """A window from so many minutes after the start to so many."""
    clock = [datetime.fromtimestamp(shop.start + 60 * minutes, UTC) for minutes in (begin, end)]
    return {"from": f"{clock[0]:%H:%M}", "to": f"{clock[1]:%H:%M}", "timeZone": "UTC"}


def steps(*gates: dict[str, Any]) -> list[dict[str, Any]]:
    made = spec()["steps"]
    return [{**step, **({"gate": gate} if gate else {})} for step, gate in zip(made, gates, strict=True)]


def freeze(shop: Shop, begin: float, end: float, reason: str = "books") -> dict[str, Any]:
    dates = [datetime.fromtimestamp(shop.start + seconds, UTC) for seconds in (begin, end)]
    return {"from": f"{dates[0]:%Y-%m-%dT%H:%M:%SZ}", "to": f"{dates[1]:%Y-%m-%dT%H:%M:%SZ}", "reason": reason}


async def test_a_raise_waits_for_the_window_of_its_step_and_says_so() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=steps({}, {"windows": [hours(shop, 20, 40)]})))
    await runner.run_until(shop.start + 600)
    gate = shop.status.gate
    assert shop.weight == 10
    assert gate is not None
    assert gate.step == "half"
    assert [one.part for one in gate.closed] == ["windows"]
    assert gate.opens == gate.closed[0].opens
    assert gate.closed[0].since.timestamp() == pytest.approx(shop.start + 30, abs=11)
    assert shop.status.phase == "Waiting"
    assert shop.status.next_check_time == gate.opens
    opens = gate.opens.timestamp() if gate.opens else 0.0
    await runner.run_until(opens - 1)
    assert shop.weight == 10
    await runner.run_until(opens + 1)
    assert shop.weight == 50
    assert shop.status.gate is None


async def test_since_is_kept_over_a_restart() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=steps({}, {"windows": [hours(shop, 20, 40)]})))
    await runner.run_until(shop.start + 300)
    before = shop.status.gate
    runner.restart()
    await runner.run_until(shop.start + 400)
    assert before is not None
    assert shop.status.gate == before


async def test_the_rollouts_own_window_keeps_the_first_step_from_beginning_and_asks_nothing_meanwhile() -> None:
    shop = Shop()
    asked: list[Query] = []
    shop.answer = lambda query, _: asked.append(query)
    runner = shop.rollout(spec(windows=[hours(shop, 30, 60)]))
    await runner.run_until(shop.start + 1500)
    assert shop.weight == 0
    assert asked == []
    await runner.run_until(shop.start + 1900)
    assert asked
    assert shop.weights()[:2] == [0, 10]


async def test_the_administrators_freeze_stops_raises_and_names_itself() -> None:
    shop = Shop()
    frozen = freeze(shop, 0, 900, "the administrator's freeze 'year-end': books")
    shop.cluster.freezes = (Freeze.model_validate(frozen),)
    runner = shop.rollout()
    await runner.run_until(shop.start + 800)
    assert shop.weight == 0
    assert "the administrator's freeze 'year-end': books" in shop.status.message
    await runner.run_until(shop.start + 902)
    assert shop.weight == 10


async def test_nothing_closed_delays_a_revert() -> None:
    shop = Shop()
    runner = shop.rollout(spec(freezes=[freeze(shop, 20, 90_000)], windows=[hours(shop, -60, 30)]))
    await runner.run_until(shop.start + 300)
    assert shop.weight == 10
    shop.values["candidate"] = BREACH
    bad = shop.clock.now()
    await runner.run_until(bad + 60, lambda: shop.outcome != "")
    assert shop.cluster.history[-1].time - bad <= 10
    assert shop.weight == 0


async def test_a_resumed_raise_waits_for_the_gate_that_has_closed_meanwhile() -> None:
    """Somebody lowers the candidate; what Resume gives back is a raise, and the freeze has begun."""
    shop = Shop()
    runner = shop.rollout(spec(freezes=[freeze(shop, 60, 900)]))
    await runner.run_until(shop.start + 45)
    assert shop.weight == 50
    shop.set_weight(80, 20)
    await runner.run_until(shop.start + 100)
    assert shop.status.run is not None
    assert shop.status.run.paused is not None
    shop.command(Action.RESUME)
    runner.at(shop.start + 101, lambda: None)
    await runner.run_until(shop.start + 890)
    assert shop.weight == 20
    await runner.run_until(shop.start + 903)
    assert shop.weight == 50


async def test_a_raise_that_an_edit_asks_for_waits_too() -> None:
    shop = Shop()
    frozen = [freeze(shop, 40, 900)]
    long = [{**one, "duration": "10h"} for one in spec()["steps"]]
    runner = shop.rollout(spec(freezes=frozen, steps=long))
    await runner.run_until(shop.start + 60)
    shop.cluster.edit_rollout("checkout", spec(freezes=frozen, steps=[{**long[0], "weight": 20}, long[1]]))
    runner.at(shop.start + 61, lambda: None)
    await runner.run_until(shop.start + 890)
    assert shop.weight == 10
    await runner.run_until(shop.start + 903)
    assert shop.weight == 20


@pytest.mark.parametrize(("seconds", "raises"), [(80, 2), (96, 1), (98, 1)])
async def test_a_gate_that_closes_while_a_raise_is_recorded_stops_it(seconds: int, raises: int) -> None:
    """The raise is decided inside the window; the record takes until after its end."""
    shop = Shop()
    ends = shop.start + 100  # a whole minute
    runner = shop.rollout(
        spec(
            windows=[hours(shop, -60, 100 / 60)],
            steps=[{**spec()["steps"][0], "duration": f"{seconds}s"}, spec()["steps"][1]],
        )
    )
    await runner.run_until(shop.start + 30)
    shop.gate.takes = lambda call: 3.0 if call in {"store.write_status", "router.write"} else 0.0
    await runner.run_until(shop.start + 400)
    assert [write.time < ends for write in shop.cluster.history if write.rules[0]["checkout-canary"]] == [True] * raises


async def test_a_run_that_waits_at_a_gate_without_traffic_costs_nothing() -> None:
    """No query, no request but the first ones; the gate opens in time, also when the clock is set meanwhile."""
    calls: list[str] = []
    shop = Shop(gate=Gate(before=calls.append))
    opens = shop.start + 3 * 86400
    gate = {"after": f"{datetime.fromtimestamp(opens, UTC):%Y-%m-%dT%H:%M:%SZ}"}
    canary, half = spec()["steps"]
    runner = shop.rollout(spec(steps=[{**canary, "gate": gate}, half]))
    await runner.run_until(shop.start + 60)
    begun, ticks = len(calls), runner.ticks
    await runner.run_until(shop.start + 86400)
    written = [call for call in calls[begun:] if call.startswith(("store.write", "metrics.sample"))]
    assert written == []
    assert runner.ticks - ticks <= 86400 / 300 + 1
    runner.leap(3600)
    await runner.run_until(opens + 3600, lambda: shop.weight == 10)
    assert abs(shop.cluster.history[-1].time - opens) <= 300
