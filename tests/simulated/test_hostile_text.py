"""Whoever may write a reason, a label or an answer writes on no screen: nothing of it reaches status, Events or outcomes raw."""

from __future__ import annotations

import json
import re

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, SeriesValue, Vector

FORGED = "\x1b[2J\x1b[H\r\n  Ready is True\x1b[8m\u202e\x9b"
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def labels(query: Query, _now: float) -> Answer | None:
    value = 0.3 if str(query.arm) == "candidate" else 0.0
    return Vector((SeriesValue((("path", FORGED),), value),)) if query.part != "probe" else None


def failures(_query: Query, _now: float) -> Answer | None:
    return Failed(FailedReason.REFUSED, FORGED)


@pytest.mark.parametrize("answer", [None, labels, failures], ids=["healthy", "labels", "failures"])
@pytest.mark.parametrize("action", list(Action))
async def test_nothing_of_others_comes_out_raw(action: Action, answer: object) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=[{"name": "canary", "weight": 10, "duration": "1h"}]))
    await runner.run_until(shop.start + 25)
    shop.answer = answer  # type: ignore[assignment]
    runner.at(shop.clock.now() + 1, lambda: shop.command(action, FORGED))
    await runner.run_until(shop.clock.now() + 200)
    status = json.dumps(shop.cluster.rollouts["checkout"].status, ensure_ascii=False)
    assert UNSAFE.search(status) is None
    assert [message for _, message in shop.cluster.outcomes.values() if UNSAFE.search(message)] == []
