"""A rule that is renamed on the route in the middle of a run: what the run wrote there is taken back, and nobody else's rule is touched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.shop import REF, Shop, spec
from tidegate.api.commands import Action
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

SHADOW: dict[str, Any] = {"name": "shadow", "weight": 0, "mirror": {"percent": 20}, "duration": "10m"}
CANARY: dict[str, Any] = {"name": "canary", "weight": 10, "duration": "2m"}
HALF: dict[str, Any] = {"name": "half", "weight": 50, "duration": "10m"}
TRAFFIC = [{"kind": "HTTPRoute", "name": "checkout", "rules": ["everyone"]}]
RENAMED = (
    "HTTPRoute/checkout has no rule everyone with both checkout and checkout-canary (rule all is rule everyone under another name, "
    "and a revert restores it: name it in spec.traffic, or rename it back)"
)


class Named(Shop):
    """The shop whose Rollout names one of two rules of its route."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rules = [{"checkout": 1, "checkout-canary": 0}, {"checkout": 1, "checkout-canary": 0}]
        names, identities = ["everyone", "theirs"], ["matches /", "matches /theirs"]
        self.route = self.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", rules, names, identities))

    async def started(self, *steps: dict[str, Any], **changes: object) -> Runner:
        runner = self.rollout(spec(traffic=TRAFFIC, steps=list(steps), **changes))
        await runner.run_until(self.start + 20)
        return runner

    def rename(self, to: str = "all", identity: str = "matches /") -> None:
        """Somebody renames the rule, and may change what it matches too."""
        mirror = self.route.mirrors.pop(("everyone", "checkout-canary"), 0)
        if mirror:
            self.route.mirrors[to, "checkout-canary"] = mirror
        self.route.names[0], self.route.identities[0] = to, identity
        self.route.generation += 1

    @property
    def stalled(self) -> tuple[str, str]:
        found = (one for one in self.status.conditions if one.type == "Stalled")
        return next(((str(one.reason), one.message) for one in found), ("", ""))

    def told(self, reason: str) -> list[str]:
        return [message for _, _, one, message in self.cluster.events if one == reason]


@pytest.mark.parametrize("killed", [False, True], ids=["", "and the operator was restarted"])
async def test_a_renamed_rule_is_evaluated_raised_no_further_and_reverted(killed: bool) -> None:  # noqa: FBT001
    shop = Named()
    runner = await shop.started(CANARY, HALF)
    assert shop.weight == 10
    runner.at(shop.start + 30, shop.rename)
    await runner.run_until(shop.start + 300)
    assert (shop.weight, shop.stalled) == (10, ("RuleMissing", RENAMED))
    assert shop.told("RuleMissing") == [RENAMED]
    if killed:
        runner.restart()
    shop.values["candidate"] = 0.5
    began = shop.clock.now()
    await runner.run_until(began + 30)
    assert (shop.weight, shop.outcome, shop.status.history[0].reason) == (0, "Reverted", "GuardBreached")
    assert shop.cluster.history[-1].time - began <= 11, "its traffic is the candidate's as before: a breach reverts"
    assert shop.route.manager == "tidegate-revert"


@pytest.mark.parametrize("how", ["abort", "delete"])
async def test_the_mirror_in_a_renamed_rule_ends_with_the_run_and_the_others_mirror_stays(how: str) -> None:
    shop = Named()
    runner = await shop.started(SHADOW, HALF)
    assert shop.route.mirrors == {("everyone", "checkout-canary"): 20}
    shop.route.mirrors["theirs", "checkout-canary"] = 5
    runner.at(shop.start + 30, shop.rename)
    await runner.run_until(shop.start + 60)
    assert shop.route.mirrors == {("all", "checkout-canary"): 20, ("theirs", "checkout-canary"): 5}
    assert shop.stalled[0] == "RuleMissing"
    if how == "abort":
        shop.command(Action.ABORT)
    else:
        shop.cluster.delete_rollout("checkout")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.route.mirrors == {("theirs", "checkout-canary"): 5}


async def test_more_weight_in_a_renamed_rule_is_corrected_and_a_lower_step_acts_there() -> None:
    shop = Named()
    runner = await shop.started({**CANARY, "duration": "1h"}, HALF)
    runner.at(shop.start + 30, shop.rename)
    runner.at(shop.start + 40, lambda: shop.cluster.set_weights(REF, {"all": (10, 90)}))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 10
    lower = spec(traffic=TRAFFIC, steps=[{**CANARY, "weight": 5, "duration": "1h"}, HALF])
    runner.at(shop.start + 70, lambda: shop.cluster.edit_rollout("checkout", lower))
    await runner.run_until(shop.start + 90)
    assert shop.weight == 5
    assert shop.status.weight is not None
    assert (shop.status.weight.desired, shop.status.weight.observed) == (5, 5)


async def test_a_rule_that_is_named_again_goes_on_where_it_was() -> None:
    shop = Named()
    runner = await shop.started(CANARY, HALF)
    runner.at(shop.start + 30, shop.rename)
    runner.at(shop.start + 300, lambda: shop.rename("everyone") or setattr(shop.route, "names", ["everyone", "theirs"]))
    await runner.run_until(shop.start + 290)
    assert shop.weight == 10
    await runner.run_until(shop.start + 600)
    assert (shop.weight, shop.stalled) == (50, ("", ""))


@pytest.mark.parametrize("mirrors", [False, True])
async def test_a_rule_that_says_something_else_too_is_left_alone_and_told(mirrors: bool) -> None:  # noqa: FBT001
    """Nobody can know whose it is."""
    shop = Named()
    runner = await shop.started(SHADOW if mirrors else CANARY, HALF)
    runner.at(shop.start + 30, lambda: shop.rename(identity="matches /shop"))
    await runner.run_until(shop.start + 60)
    reason, message = shop.stalled
    assert reason == "RuleMissing"
    gives = "mirrors 20% of its requests to checkout-canary" if mirrors else "gives checkout-canary weight 10"
    to_do = "no revert changes that: name the rule there, or change it by hand"
    assert message.endswith(f"(rule all, which is not in spec.traffic, {gives}, and {to_do})")
    assert shop.told("RuleMissing") == [message]
    before = [dict(rule) for rule in shop.route.rules], dict(shop.route.mirrors)
    shop.command(Action.ABORT)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.outcome, (shop.route.rules, shop.route.mirrors)) == ("Aborted", before)


async def test_of_two_rules_that_are_alike_neither_is_touched() -> None:
    shop = Named()
    runner = await shop.started(CANARY, HALF)

    def change() -> None:
        shop.rename()
        shop.route.rules.append({"checkout": 40, "checkout-canary": 60})
        shop.route.names.append("copy")
        shop.route.identities.append("matches /")

    runner.at(shop.start + 30, change)
    await runner.run_until(shop.start + 60)
    assert shop.stalled[0] == "RuleMissing"
    shop.command(Action.ABORT)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert [rule["checkout-canary"] for rule in shop.route.rules] == [10, 0, 60]


@pytest.mark.parametrize("came", [0, 40], ids=["before the first write", "in the middle of the run"])
@pytest.mark.parametrize("killed", [False, True], ids=["", "and the operator was restarted"])
async def test_a_rule_that_stood_beside_one_that_says_the_same_is_not_that_one_after_it_was_deleted(
    came: int,
    killed: bool,  # noqa: FBT001
) -> None:
    shop = Named()

    def twin() -> None:
        shop.route.identities[1] = "matches /"
        shop.cluster.set_weights(REF, {"theirs": (40, 60)})
        shop.route.generation += 1

    def deletion() -> None:
        for of_each in (shop.route.rules, shop.route.names, shop.route.identities):
            del of_each[0]
        shop.route.generation += 1

    if not came:
        twin()
    runner = await shop.started({**CANARY, "duration": "30m"}, HALF)
    if came:
        runner.at(shop.start + came, twin)
        await runner.run_until(shop.start + came + 20)
    if killed:
        runner.restart()
    runner.at(shop.start + 100, deletion)
    await runner.run_until(shop.start + 140)
    assert shop.route.rules == [{"checkout": 40, "checkout-canary": 60}]
    reason, message = shop.stalled
    assert reason == "RuleMissing"
    assert "rule theirs, which is not in spec.traffic, gives checkout-canary weight 60" in message
    shop.command(Action.ABORT)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.outcome, shop.route.rules) == ("Aborted", [{"checkout": 40, "checkout-canary": 60}])


async def test_a_renamed_rule_that_is_deleted_beside_one_that_came_later_is_not_that_one() -> None:
    shop = Named()
    runner = await shop.started({**CANARY, "duration": "30m"}, HALF)

    def copied() -> None:
        shop.route.rules.append({"checkout": 40, "checkout-canary": 60})
        shop.route.names.append("copy")
        shop.route.identities.append("matches /")
        shop.route.generation += 1

    def deletion() -> None:
        for of_each in (shop.route.rules, shop.route.names, shop.route.identities):
            del of_each[0]
        shop.route.generation += 1

    for after, happens in ((30, shop.rename), (50, copied), (70, deletion)):
        runner.at(shop.start + after, happens)
    await runner.run_until(shop.start + 100)
    shop.command(Action.ABORT)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert [rule["checkout-canary"] for rule in shop.route.rules] == [0, 60]


@pytest.mark.parametrize("on_the_route", [True, False])
async def test_a_spec_that_names_other_rules_instead_touches_no_rule_that_it_never_named(on_the_route: bool) -> None:  # noqa: FBT001
    """Of the rules that were named none is left for a moment: that does not mean every rule of the route."""
    shop = Named()
    runner = await shop.started(CANARY, HALF)
    shop.route.rules.append({"checkout": 1, "checkout-canary": 0})
    shop.route.names.append("third")
    shop.route.identities.append("matches /third")
    shop.cluster.set_weights(REF, {"theirs": (40, 60)})
    named = ["all" if on_the_route else "third"]

    def edit() -> None:
        if on_the_route:
            shop.rename()
        shop.cluster.edit_rollout("checkout", spec(traffic=[{**TRAFFIC[0], "rules": named}], steps=[CANARY, HALF]))

    runner.at(shop.start + 30, edit)
    await runner.run_until(shop.start + 400)
    candidates = [rule["checkout-canary"] for rule in shop.route.rules]
    assert candidates == ([50, 60, 0] if on_the_route else [0, 60, 50])
    shop.command(Action.ABORT)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert [rule["checkout-canary"] for rule in shop.route.rules] == [0, 60, 0]
