"""Errors from before the candidate had traffic revert nothing: no window reaches back there, however short the traffic is."""

from __future__ import annotations

import re

import pytest

from tests.simulated.crowded import crowd
from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName

METRICS = [{"name": "errors", "query": 'rate(errors{d="$workload"}[$window])', "unit": "ratio", "window": "20s"}]
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


def window(query: Query) -> int | None:
    """Seconds."""
    found = re.search(r"\[(\d+)s\]", query.promql)
    return int(found[1]) if found is not None and query.arm is ArmName.CANDIDATE else None


async def test_errors_of_pods_that_were_starting_revert_nothing() -> None:
    async with crowd(10, lambda _shop, _call: 0.0, metrics=METRICS) as made:
        start = made.shop.clock.now()

        def answer(query: Query, now: float) -> Answer:
            seconds = window(query)
            return value(0.2 if seconds is not None and now - seconds < start else 0.0)

        made.shop.answer = answer
        await made.passes(60)
        assert made.phases() == {"Progressing"}
        made.sick.append(made.shop.clock.now())
        made.shop.answer = lambda query, _now: value(0.2 if query.arm is ArmName.CANDIDATE else 0.0)
        assert await made.passes(30, lambda: made.weights() == {0}) <= 11, "and errors of users do"


@pytest.mark.parametrize("offset", range(10))
async def test_errors_of_the_version_before_revert_nothing(offset: int) -> None:
    shop = Shop()
    bad: list[float] = []

    def answer(query: Query, now: float) -> Answer | None:
        seconds = window(query)
        if seconds is None or not bad:
            return None
        return value(0.2 if now >= bad[0] and now - seconds < bad[1] else 0.0)

    shop.answer = answer
    runner = shop.rollout(spec(steps=LONG, metrics=METRICS))
    await runner.run_until(shop.start + 30 + offset)
    at = shop.clock.now()
    bad[:] = [at, at + 0.3]
    runner.at(at + 0.3, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(at + 60)
    assert [one.outcome for one in shop.status.history] in (["Superseded"], ["Reverted"]), "v2's own run alone"


async def test_an_outage_that_begins_with_the_first_weight_is_found_with_the_next_evaluation() -> None:
    shop = Shop()
    shop.values["candidate"] = 0.5
    runner = shop.rollout(spec(steps=LONG, metrics=METRICS))
    await runner.run_until(shop.start + 60, lambda: shop.cluster.history[-1].rules[0]["checkout-canary"] > 0)
    raised = shop.cluster.history[-1].time
    await runner.run_until(raised + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - raised <= 11
