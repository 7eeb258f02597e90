from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.contract.stage import Rules, Stage
from tidegate.core.model.world import ABSENT, Acceptance, Route, RulePair, TargetRef
from tidegate.ports.errors import Conflict, Missing
from tidegate.ports.protocols import Manager

RULES: Rules = {
    "everyone": [("other", 7), ("shop", 90), ("shop-canary", 10)],
    "#1": [("shop-canary", 0), ("shop", 100)],
    "foreign": [("other", 1)],
}


def ref(stage: Stage, kind: str, *rules: str) -> TargetRef:
    return TargetRef(stage.namespace, kind, "shop", "shop", "shop-canary", rules)


async def seen(stage: Stage, kind: str, *rules: str) -> Route:
    found = await stage.router.read(ref(stage, kind, *rules), fresh=True)
    assert isinstance(found, Route), found
    return found


@pytest.fixture(params=["HTTPRoute", "GRPCRoute"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_route_that_is_not_there_is_absent(stage: Stage) -> None:
    assert await stage.router.read(ref(stage, "HTTPRoute"), fresh=True) is ABSENT


async def test_every_rule_with_both_backends_is_a_pair(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    assert route.pairs == (RulePair("everyone", 90, 10, alone=False), RulePair("#1", 100, 0, alone=True))
    assert route.missing_rules == ()
    assert not route.reverted_by_us


@pytest.mark.parametrize("connections", ["TCPRoute", "TLSRoute"])
async def test_a_route_of_connections_has_one_rule_and_is_written_alike(stage: Stage, connections: str) -> None:
    await stage.put_route(connections, "shop", {"everyone": RULES["everyone"]})
    route = await seen(stage, connections)
    assert route.pairs == (RulePair("everyone", 90, 10, alone=False),)
    written = await stage.router.write(route, {"everyone": (100, 0)}, Manager.REVERT)
    assert written.pairs == (RulePair("everyone", 100, 0, alone=False),)
    assert written.reverted_by_us
    with pytest.raises(Conflict):
        await stage.router.write(replace(route, uid="another"), {"everyone": (0, 100)}, Manager.FORWARD)


async def test_only_the_rules_named_are_pairs_and_the_rest_is_missing(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind, "everyone", "foreign", "nowhere")
    assert [pair.rule for pair in route.pairs] == ["everyone"]
    assert set(route.missing_rules) == {"foreign", "nowhere"}


async def test_a_write_changes_the_two_numbers_of_the_rules_named_and_nothing_else(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    written = await stage.router.write(await seen(stage, kind), {"everyone": (60, 40)}, Manager.FORWARD)
    assert written.pairs[0] == RulePair("everyone", 60, 40, alone=False)
    assert await stage.numbers(kind, "shop") == {**RULES, "everyone": [("other", 7), ("shop", 60), ("shop-canary", 40)]}


async def test_several_rules_are_written_in_one_go(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    written = await stage.router.write(route, {"everyone": (100, 0), "#1": (55, 45)}, Manager.FORWARD)
    assert [(pair.baseline, pair.candidate) for pair in written.pairs] == [(100, 0), (55, 45)]
    assert written == await seen(stage, kind)


async def test_a_write_decided_on_another_pair_is_refused_and_the_next_goes_through(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    changed: Rules = {**RULES, "everyone": [("other", 7), ("shop", 70), ("shop-canary", 30)]}
    await stage.edit_route(kind, "shop", changed)
    for manager in (Manager.FORWARD, Manager.REVERT):
        with pytest.raises(Conflict):
            await stage.router.write(route, {"everyone": (100, 0)}, manager)
    assert (await stage.numbers(kind, "shop"))["everyone"] == changed["everyone"]
    written = await stage.router.write(await seen(stage, kind), {"everyone": (100, 0)}, Manager.REVERT)
    assert written.pairs[0].candidate == 0


@pytest.mark.parametrize("manager", [Manager.FORWARD, Manager.REVERT])
async def test_weights_of_others_on_the_same_route_refuse_no_write(stage: Stage, kind: str, manager: Manager) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    await stage.edit_route(kind, "shop", {**RULES, "foreign": [("other", 2)]})
    written = await stage.router.write(route, {"everyone": (100, 0)}, manager)
    assert (written.pairs[0].candidate, written.generation > route.generation) == (0, True)
    assert (await stage.numbers(kind, "shop"))["foreign"] == [("other", 2)]


async def test_a_route_that_is_another_now_refuses_all_but_a_revert(stage: Stage, kind: str) -> None:
    """A raise was decided on what its gateway had accepted."""
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    await stage.edit_route(kind, "shop", {**RULES, "more": [("other", 1)]})
    with pytest.raises(Conflict):
        await stage.router.write(route, {"everyone": (60, 40)}, Manager.FORWARD)
    written = await stage.router.write(route, {"everyone": (100, 0)}, Manager.REVERT)
    assert written.pairs[0].candidate == 0


async def test_a_dozen_that_write_to_one_route_at_once_refuse_one_another_nothing(stage: Stage, kind: str) -> None:
    shared: Rules = {f"rule-{number}": [(f"shop-{number}", 90), (f"canary-{number}", 10)] for number in range(12)}
    await stage.put_route(kind, "shop", shared)
    refs = [TargetRef(stage.namespace, kind, "shop", f"shop-{n}", f"canary-{n}") for n in range(12)]
    routes = [await stage.router.read(one, fresh=True) for one in refs]
    await asyncio.gather(
        *(
            stage.router.write(route, {f"rule-{number}": (100, 0)}, Manager.REVERT)
            for number, route in enumerate(routes)
            if isinstance(route, Route)
        )
    )
    assert {weight for rule in (await stage.numbers(kind, "shop")).values() for _, weight in rule} == {100, 0}


async def test_gateways_that_report_on_the_route_refuse_no_write(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    await stage.report_route(kind, "shop", accepted=True)
    written = await stage.router.write(route, {"everyone": (80, 20)}, Manager.FORWARD)
    assert written.pairs[0].candidate == 20


async def test_the_write_to_a_route_that_is_gone_is_missing(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    route = await seen(stage, kind)
    gone = Route(ref=TargetRef(stage.namespace, kind, "gone", "shop", "shop-canary"), uid=route.uid, generation=1, pairs=route.pairs, handle=route.handle)  # fmt: skip
    with pytest.raises(Missing):
        await stage.router.write(gone, {"everyone": (100, 0)}, Manager.FORWARD)


async def test_a_route_tells_that_the_last_to_set_it_was_our_revert(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    forward = await stage.router.write(await seen(stage, kind), {"everyone": (60, 40)}, Manager.FORWARD)
    assert not forward.reverted_by_us
    reverted = await stage.router.write(forward, {"everyone": (100, 0)}, Manager.REVERT)
    assert reverted.reverted_by_us
    assert (await seen(stage, kind)).reverted_by_us
    again = await stage.router.write(reverted, {"everyone": (99, 1)}, Manager.FORWARD)
    assert not again.reverted_by_us


async def test_someone_elses_change_takes_the_route_from_our_revert(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    await stage.router.write(await seen(stage, kind), {"everyone": (100, 0)}, Manager.REVERT)
    await stage.edit_route(kind, "shop", {**RULES, "everyone": [("shop", 50), ("shop-canary", 50)]})
    assert not (await seen(stage, kind)).reverted_by_us


async def test_what_gateways_report_is_told(stage: Stage, kind: str) -> None:
    await stage.put_route(kind, "shop", RULES)
    assert (await seen(stage, kind)).acceptance is Acceptance.UNREPORTED
    await stage.report_route(kind, "shop", accepted=True)
    assert (await seen(stage, kind)).acceptance is Acceptance.ACCEPTED
    await stage.report_route(kind, "shop", accepted=False)
    assert (await seen(stage, kind)).acceptance is Acceptance.REFUSED
