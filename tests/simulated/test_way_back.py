"""Traffic that moves in a promotion is watched as in a step: the way to the baseline, and from a promoted version that breaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest

from tests.simulated.shop import Shop, spec
from tests.simulated.test_promotion import ONE, settling, sick_baseline, stage, stalled, until
from tidegate.api.commands import Action
from tidegate.core.model.answers import Failed, FailedReason
from tidegate.core.model.world import Acceptance, Route
from tidegate.ports.errors import PortError, Rejected
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

BOTH = [{"kind": "HTTPRoute", "name": "checkout"}, {"kind": "HTTPRoute", "name": "other"}]


def set_acceptance(shop: Shop, state: Acceptance) -> None:
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = state


def share(shop: Shop, route: str) -> float:
    backends = shop.cluster.routes[f"HTTPRoute/{route}"].rules[0]
    return 100 * backends["checkout-canary"] / sum(backends.values())


def first_write_lands_late(shop: Shop, runner: Runner, seconds: float, when: Callable[[], bool]) -> list[float]:
    """The first write of a route once `when` is true gets no answer, and lands so much later; the instant of that write."""
    begun: list[float] = []

    def landing(effect: Callable[[], object]) -> None:
        with suppress(PortError):
            effect()

    def later(call: str, effect: Callable[[], object]) -> bool:
        if call != "router.write" or begun or not when():
            return False
        begun.append(shop.clock.now())
        runner.at(shop.clock.now() + seconds, lambda: landing(effect))
        return True

    shop.gate.later = later
    return begun


def freeze(shop: Shop, name: str) -> None:
    write = shop.cluster.write_route

    def refusing(route: Route, pairs: Mapping[str, tuple[int, int]], manager: str, mirrors: Mapping[str, int]) -> Route:
        if route.ref.name == name:
            raise Rejected("change freeze")
        return write(route, pairs, manager, mirrors)

    shop.cluster.write_route = refusing  # type: ignore[method-assign]


HARMS: dict[str, Callable[[Shop], object]] = {
    "no pod of the baseline": lambda shop: setattr(shop.cluster.deployments["checkout"], "available", 0),
    "no Service of the baseline": lambda shop: shop.cluster.services.pop("checkout"),
    "a Service that selects nothing": lambda shop: shop.cluster.services.update({"checkout": {"app": "nobody"}}),
    "a route that is pending": lambda shop: set_acceptance(shop, Acceptance.PENDING),
    "a route that is refused": lambda shop: set_acceptance(shop, Acceptance.REFUSED),
    "an invalid edit": lambda shop: shop.cluster.edit_rollout("checkout", {"steps": []}),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_nothing_that_is_wrong_with_the_baseline_keeps_users_on_a_promoted_version_that_breaches(
    harm: str,
) -> None:
    shop, runner = await settling(interval="2s")
    runner.at(shop.clock.now() + 1, lambda: HARMS[harm](shop))
    await runner.run_until(shop.clock.now() + 2)
    sick_baseline(shop)
    begun = shop.clock.now()
    await runner.run_until(begun + 30, lambda: shop.weight == 50)
    assert shop.weight == 50
    assert shop.clock.now() - begun <= 3.0


async def test_a_source_that_falls_silent_after_the_breach_does_not_keep_users_on_it() -> None:
    shop, runner = await settling(interval="2s")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 10, lambda: stage(shop) == "SentBack" or shop.weight == 50)
    shop.answer = lambda _query, _now: Failed(FailedReason.TIMEOUT, "no answer")
    await runner.run_until(shop.clock.now() + 2)
    assert shop.weight == 50


@pytest.mark.parametrize(
    ("reason", "harm"),
    [
        ("PromotionBreached", lambda shop: setattr(shop.cluster.deployments["checkout-canary"], "available", 0)),
        ("CandidateServiceMissing", lambda shop: shop.cluster.services.pop("checkout-canary")),
    ],
)
async def test_users_are_not_sent_back_to_a_candidate_that_cannot_serve_them(
    reason: str, harm: Callable[[Shop], object]
) -> None:
    shop, runner = await settling(interval="2s")
    runner.at(shop.clock.now() + 1, lambda: harm(shop))
    await runner.run_until(shop.clock.now() + 2)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 0)
    assert stalled(shop) in {"PromotionBreached", reason}


async def test_what_keeps_the_traffic_from_going_back_is_said() -> None:
    shop, runner = await settling(interval="2s")
    runner.at(shop.clock.now() + 1, lambda: setattr(shop.cluster.deployments["checkout-canary"], "available", 0))
    await runner.run_until(shop.clock.now() + 2)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    said = next(one.message for one in shop.status.conditions if one.type == "Stalled")
    assert "cannot go back to the candidate: candidate Deployment 'checkout-canary' has no available pod" in said


async def test_our_own_write_of_before_that_lands_late_is_nobodys_hand() -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 15.0
    runner = shop.rollout(spec(steps=ONE, interval="2s"))
    begun = first_write_lands_late(shop, runner, 4.0, lambda: stage(shop) == "Returning")
    await runner.run_until(shop.start + 600, lambda: bool(begun))
    sick_baseline(shop)
    await runner.run_until(begun[0] + 60)
    assert (stage(shop), shop.weight) == ("SentBack", 50)


async def test_who_lowers_the_candidate_after_that_is_not_overruled() -> None:
    shop, runner = await settling(interval="2s")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    runner.at(shop.clock.now(), lambda: shop.set_weight(80, 20))
    await runner.run_until(shop.clock.now() + 600)
    assert (shop.weight, shop.status.phase) == (20, "Paused")
    assert [event[2] for event in shop.cluster.events].count("LoweredByOther") == 1
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 50), "first as it was decided, then the last part again"


@pytest.mark.parametrize("state", [Acceptance.PENDING, Acceptance.REFUSED])
async def test_the_way_to_the_promoted_baseline_waits_for_its_gateway(state: Acceptance) -> None:
    shop, runner = await until(Shop(), "RollingOut")
    runner.at(shop.clock.now() + 1, lambda: set_acceptance(shop, state))
    await runner.run_until(shop.clock.now() + 1200)
    assert (stage(shop), shop.weight, stalled(shop)) == ("Returning", 0, "RouteNotAccepted")
    runner.at(shop.clock.now(), lambda: set_acceptance(shop, Acceptance.ACCEPTED))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Succeeded"


@pytest.mark.parametrize(
    ("reason", "harm"),
    [
        ("RouteNotAccepted", lambda shop: set_acceptance(shop, Acceptance.REFUSED)),
        ("BaselineServiceMissing", lambda shop: shop.cluster.services.pop("checkout")),
        ("ArmsOverlap", lambda shop: shop.cluster.services.update({"checkout": {"app": "nobody"}})),
    ],
)
async def test_settling_does_not_count_time_in_which_users_may_be_elsewhere(
    reason: str, harm: Callable[[Shop], object]
) -> None:
    shop, runner = await settling()
    before = dict(shop.cluster.services)
    runner.at(shop.clock.now() + 1, lambda: harm(shop))
    await runner.run_until(shop.clock.now() + 300)
    assert (stage(shop), stalled(shop)) == ("Settling", reason)

    def mend() -> None:
        set_acceptance(shop, Acceptance.ACCEPTED)
        shop.cluster.services.update(before)

    runner.at(shop.clock.now(), mend)
    await runner.run_until(shop.clock.now() + 5)
    assert shop.outcome == ""
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Succeeded"


async def test_a_candidate_that_is_tidied_away_does_not_stop_the_settling() -> None:
    shop, runner = await settling()
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.services.pop("checkout-canary"))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Succeeded"


async def test_a_breach_while_one_of_two_routes_is_on_its_way_sends_the_other_back() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    shop, runner = await until(shop, "RollingOut", traffic=BOTH)
    freeze(shop, "other")
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight, share(shop, "other")) == ("Returning", 0, 50)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 12)
    assert (shop.weight, share(shop, "other")) == (50, 50)
