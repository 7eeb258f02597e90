"""The actions for Argo CD: one that is offered is carried out, whatever the Rollout is doing."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulated.argocd.sandbox import actions, created
from tests.simulated.argocd.states import (
    State,
    idle,
    lowered,
    now,
    paused,
    paused_by_spec,
    progressing,
    promoting,
    reverted,
    reverting,
    succeeded,
)
from tests.simulated.argocd.stories import as_object
from tests.simulated.shop import Shop
from tidegate.api.commands import Action, RolloutCommandSpec
from tidegate.api.validation import check_command
from tidegate.core.model.world import Command

OFFERED: Final[dict[State, set[str]]] = {
    idle: set(),
    progressing: {"abort", "pause"},
    paused: {"abort", "resume"},
    lowered: {"abort", "resume"},
    paused_by_spec: set(),
    reverted: {"retry"},
    reverting: {"abort"},
    promoting: {"abort", "pause"},
    succeeded: set(),
}


def offered(shop: Shop) -> set[str]:
    return {name for name, one in actions(as_object(shop)).items() if not one["disabled"]}


@pytest.mark.parametrize("state", OFFERED, ids=lambda state: state.__name__)
async def test_what_makes_sense_is_offered(state: State) -> None:
    shop = Shop()
    await state(shop)
    assert offered(shop) == OFFERED[state]


@pytest.mark.parametrize(
    ("state", "action"), [(state, action) for state, some in OFFERED.items() for action in sorted(some)]
)
async def test_what_is_offered_is_carried_out(state: State, action: str) -> None:
    shop = Shop()
    runner = await state(shop)
    manifest = created(action, as_object(shop))
    command, problems = check_command(manifest | {"metadata": manifest["metadata"] | {"name": "made"}})
    assert problems == []
    assert command is not None
    shop.cluster.commands.append(taken(command, shop))
    await now(shop, runner)
    assert shop.cluster.outcomes["from-argo-cd"][0], shop.cluster.outcomes


def taken(command: RolloutCommandSpec, shop: Shop) -> Command:
    return Command("from-argo-cd", "made", command.action, command.run, command.reason, "", shop.clock.now())


async def test_what_is_not_offered_would_be_refused_for_a_rollout_at_rest() -> None:
    shop = Shop()
    runner = await idle(shop)
    for action in ("abort", "pause", "resume"):
        command, _ = check_command(created(action, as_object(shop)) | {"metadata": {"name": "made"}})
        assert command is not None
        shop.cluster.commands = [taken(command, shop)]
        shop.cluster.outcomes.clear()
        await now(shop, runner)
        assert not shop.cluster.outcomes["from-argo-cd"][0], action


async def test_the_command_is_a_child_of_the_rollout_and_is_for_its_run_alone() -> None:
    shop = Shop()
    await progressing(shop)
    obj = as_object(shop)
    command = created("abort", obj)
    assert command["metadata"]["namespace"] == "shop"
    assert command["metadata"]["generateName"] == "checkout-abort-"
    (owner,) = command["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "name": "checkout",
        "uid": obj["metadata"]["uid"],
    }
    assert command["spec"] == {
        "rollout": "checkout",
        "action": "Abort",
        "run": obj["status"]["run"]["id"],
        "reason": "action of Argo CD",
    }


BY_NAME = {Action.APPROVE, Action.REJECT, Action.ADVANCE, Action.PROMOTE}
"""Not offered: Argo CD acts by its own account, and these are for the person who answers for them."""


def test_every_action_is_offered_with_a_name_and_an_icon() -> None:
    found = actions({"metadata": {"name": "checkout"}})
    assert set(found) == {str(action).lower() for action in set(Action) - BY_NAME}
    assert all(one["displayName"] and one["iconClass"] and one["disabled"] for one in found.values())
