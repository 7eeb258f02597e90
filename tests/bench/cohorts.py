"""A revert that has much to restore: a route with three cohorts beside everyone, and a second route."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from lab import manifests
from lab.route_watch import Lookup
from lab.wait import until
from tests.bench.figures import Table, against, milliseconds, quantile
from tests.bench.fleet import WEIGHT, Shop
from tests.bench.stage import Stage, progress

REVERTS = 20
INTERVAL = 1
AIM = 0.1
"""Seconds, median."""
COHORTS: Final = {"staff": 100, "chosen": 50, "extended": 20}
EVERYONE = "everyone"


def table() -> Table:
    return Table(
        title="Three cohorts and two routes",
        how=(
            f"{REVERTS} runs in progress at an interval of {INTERVAL} s; each gives three cohorts of one route, everyone else on it, "
            "and a second route a weight. One at a time gets a bad answer; from that answer until a watch shows weight 0 "
            "in all four rules of the first route and on the second."
        ),
        columns=("What", "Figure", "Aim", "Met"),
    )


async def rows(stage: Stage, count: int = REVERTS) -> list[tuple[str, ...]]:
    """Reverts one after the other."""
    await stage.fleet.grow(count)
    shops = stage.fleet.shops[:count]
    await asyncio.gather(*(_widen(stage, shop) for shop in shops))
    await stage.fleet.run(shops, INTERVAL)
    await until(
        lambda: all(_all_at(stage, shop, under_way=True) for shop in shops), 120, "all rules have their weights"
    )
    await stage.fleet.counted(shops)
    took = [await _reverted(stage, shop) for shop in shops]
    await stage.fleet.at_rest(shops)
    await stage.source.switch("good")
    median, most = quantile(took, 0.5), max(took)
    progress(f"three cohorts and two routes: median {milliseconds(median)}, slowest {milliseconds(most)}")
    return [
        ("Revert: median", milliseconds(median), f"< {milliseconds(AIM)}", against(AIM, median)),
        ("... slowest", milliseconds(most), "", ""),
    ]


async def _widen(stage: Stage, shop: Shop) -> None:
    """Gives a shop the second route, and the rules and targets of its cohorts."""
    weights = {shop.name: 100, shop.canary: 0}
    route = manifests.http_route(shop.namespace, shop.name, weights)
    route["spec"]["rules"] = [
        manifests.rule(weights, name=EVERYONE),
        *(manifests.rule(weights, name=name, headers={"x-circle": name}) for name in COHORTS),
    ]
    await stage.lab.api.patch(route, {"spec": {"rules": route["spec"]["rules"]}})
    await stage.lab.api.create(manifests.http_route(shop.namespace, _second(shop), weights))
    await stage.fleet.edit(
        shop,
        traffic=[
            {"kind": "HTTPRoute", "name": shop.name, "rules": [EVERYONE]},
            *({"kind": "HTTPRoute", "name": shop.name, "rules": [name], "cohort": name} for name in COHORTS),
            {"kind": "HTTPRoute", "name": _second(shop)},
        ],
        steps=[{"name": "canary", "weight": WEIGHT, "cohorts": COHORTS, "duration": "30d"}],
    )


async def _reverted(stage: Stage, shop: Shop) -> float:
    """Seconds from the bad answer until nothing of the shop has a weight."""
    await stage.source.breach(shop.key)
    await stage.fleet.reverted([shop])
    await until(lambda: _all_at(stage, shop, under_way=False), 60, f"all rules of {shop.key} at weight 0")
    noted = await stage.source.noted()
    return max(states[-1].at for states in _states(stage, shop)) - noted.bad[shop.key]


def _all_at(stage: Stage, shop: Shop, *, under_way: bool) -> bool:
    wanted: Sequence[int] = (*COHORTS.values(), WEIGHT, WEIGHT) if under_way else (0,) * (len(COHORTS) + 2)
    found = _states(stage, shop)
    return all(states and states[-1].share(shop.canary) == share for states, share in zip(found, wanted, strict=True))


def _states(stage: Stage, shop: Shop) -> list[list[Lookup]]:
    """What the watch saw of each rule: the cohorts', everyone's, and the second route's."""
    first = [stage.fleet.states(shop.namespace, shop.name, rule) for rule in (*COHORTS, EVERYONE)]
    return [*first, stage.fleet.states(shop.namespace, _second(shop))]


def _second(shop: Shop) -> str:
    return f"{shop.name}-too"
