"""The demo's two stories, as tests: real API server, gateway, Prometheus and traffic; judged from outside the operator."""

from __future__ import annotations

import io

from rich.console import Console

from lab import demo_approvals, shop
from lab.expectations import broken
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from lab.stories import play


async def test_a_good_candidate_is_promoted_and_a_bad_one_reverted(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    await shop.open_shop(lab, namespace)
    async with (
        OperatorProcess(lab),
        lab.load(namespace, shop.APP, rate=80) as load,
        RouteWatch(lab.api) as watch,
    ):
        await lab.apply(shop.rollout(namespace))
        good = await play(lab, namespace, load, watch, title="good", version="v2")
        bad = await play(lab, namespace, load, watch, title="bad", version="v3", spoil_at=50.0)
    assert broken([good, bad]) == []
    assert all(stretch.requests > 200 for stretch in good.stretches), "the splits were measured on real traffic"
    assert set(bad.failed) == {"v3"}
    assert load.skipped <= len(load.answers) / 100, "as good as every request was sent"


async def test_people_who_may_approve_and_people_who_may_not() -> None:
    told = Console(file=io.StringIO(), width=200)
    assert await demo_approvals.story(told) == []
