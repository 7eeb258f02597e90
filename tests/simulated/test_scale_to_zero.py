"""`revert: ScaleToZero`: routes that keep users on the candidate at weight 0, and the end that takes its pods as well."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.world import Acceptance
from tidegate.ports.errors import PortError, Rejected, Unavailable
from tidegate.simulation.runner import Runner

CANDIDATE = "checkout-canary"
STICKY = "rule main has sessionPersistence"
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


class Sticky:
    """A run at 10 % on a route whose sessions stay with the candidate."""

    def __init__(self, **changes: Any) -> None:  # noqa: ANN401
        self.shop = Shop()
        self.cluster = self.shop.cluster
        self.cluster.routes["HTTPRoute/checkout"].sticky = STICKY
        traffic = [{"kind": "HTTPRoute", "name": "checkout", "revert": "ScaleToZero"}]
        self.runner: Runner = self.shop.rollout(spec(**{"traffic": traffic, "steps": LONG, **changes}))

    async def passes(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.clock.now() + seconds)

    async def breaches(self) -> None:
        self.shop.values["candidate"] = 0.2
        await self.runner.run_until(self.shop.clock.now() + 60, lambda: self.shop.weight == 0)
        assert self.shop.weight == 0

    def fails(self, call: str, error: type[PortError] = Rejected) -> None:
        def before(name: str) -> None:
            if name == call:
                raise error(f"{call} fails")

        self.shop.gate.before = before

    def works_again(self) -> None:
        self.shop.gate.before = lambda _name: None

    def condition(self, kind: str) -> str:
        return next((one.reason for one in self.shop.status.conditions if one.type == kind), "")

    @property
    def pods(self) -> int:
        return self.cluster.deployments[CANDIDATE].replicas


async def started(**changes: object) -> Sticky:
    sticky = Sticky(**changes)
    await sticky.passes(20)
    assert sticky.shop.weight == 10
    return sticky


def breach(sticky: Sticky) -> None:
    sticky.shop.values["candidate"] = 0.2


def abort(sticky: Sticky) -> None:
    sticky.shop.command(Action.ABORT)


def supersede(sticky: Sticky) -> None:
    sticky.cluster.set_image(CANDIDATE, "shop:v3")


@pytest.mark.parametrize(
    ("act", "outcome"),
    [(breach, "Reverted"), (abort, "Aborted"), (supersede, "Superseded")],
    ids=["breached", "aborted", "superseded"],
)
async def test_every_end_but_a_success_takes_the_weight_and_then_the_pods(
    act: Callable[[Sticky], None], outcome: str
) -> None:
    sticky = await started()
    sticky.runner.at(sticky.shop.clock.now(), lambda: act(sticky))
    await sticky.runner.run_until(sticky.shop.clock.now() + 60, lambda: sticky.shop.outcome != "")
    assert sticky.shop.outcome == outcome
    lowered = next(one.time for one in sticky.cluster.history if one.manager == "tidegate-revert")
    (scaled,) = [when for when, _, pods in sticky.cluster.scalings if pods == 0]
    assert lowered <= scaled <= lowered + 1


async def test_a_deletion_takes_them_too() -> None:
    sticky = await started()
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.delete_rollout("checkout"))
    await sticky.passes(30)
    assert (sticky.cluster.rollouts, sticky.pods, sticky.shop.weight) == ({}, 0, 0)


async def test_the_next_run_brings_the_pods_back_before_its_first_weight() -> None:
    sticky = await started()
    await sticky.breaches()
    await sticky.passes(30)
    assert sticky.pods == 0
    sticky.shop.values["candidate"] = 0.0
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.set_image(CANDIDATE, "shop:v3"))
    await sticky.passes(60)
    assert (sticky.pods, sticky.shop.weight) == (2, 10)


async def test_after_a_success_no_session_is_left_that_would_meet_the_next_version_first() -> None:
    sticky = await started(steps=[{"name": "canary", "weight": 10, "duration": "30s"}])
    await sticky.passes(200)
    assert (sticky.shop.outcome, sticky.pods, sticky.shop.weight) == ("Succeeded", 0, 0)
    assert [pods for _, _, pods in sticky.cluster.scalings] == [0]


async def test_a_run_that_never_gave_it_traffic_leaves_its_pods() -> None:
    sticky = Sticky(paused=True)
    await sticky.passes(20)
    sticky.cluster.edit_rollout("checkout", {**sticky.cluster.rollouts["checkout"].spec, "paused": False})
    sticky.shop.command(Action.ABORT)
    await sticky.passes(1)
    assert sticky.pods == 2


@pytest.mark.parametrize("found", ["HorizontalPodAutoscaler busy", ""])
async def test_no_run_starts_where_something_else_scales_the_candidate_or_that_cannot_be_read(found: str) -> None:
    sticky = Sticky()
    if found:
        sticky.cluster.autoscalers[CANDIDATE] = found
    else:
        sticky.fails("workloads.autoscaler", Unavailable)
    await sticky.passes(60)
    assert (sticky.shop.status.run, sticky.condition("Stalled")) == (None, "ScaleToZeroNotPossible")
    calls = sticky.shop.gate.calls.count("workloads.autoscaler")
    assert calls <= 3, "once at the beginning, and once a minute"
    sticky.cluster.autoscalers.clear()
    sticky.works_again()
    await sticky.passes(90)
    assert sticky.shop.weight == 10


async def test_the_loss_of_the_permission_to_scale_stops_the_step() -> None:
    sticky = await started()
    sticky.cluster.not_scalable = "the operator may not patch deployments.apps in namespace 'shop'"
    await sticky.passes(20)
    assert (sticky.shop.weight, sticky.condition("Stalled")) == (10, "ScaleToZeroNotPossible")
    sticky.cluster.not_scalable = ""
    await sticky.passes(20)
    assert (sticky.shop.weight, sticky.condition("Stalled")) == (10, "")


async def test_an_autoscaler_that_comes_during_a_run_stops_the_next_raise_and_is_said() -> None:
    steps = [{"name": "canary", "weight": 10, "duration": "30s"}, {"name": "half", "weight": 50, "duration": "30s"}]
    sticky = await started(steps=steps)
    sticky.cluster.autoscalers[CANDIDATE] = "ScaledObject queue"
    await sticky.passes(60)
    assert (sticky.shop.weight, sticky.condition("Stalled")) == (10, "ScaleToZeroNotPossible")


@pytest.mark.parametrize("trouble", ["refused", "hangs"])
async def test_a_scaling_that_is_refused_or_hangs_delays_no_weight_and_is_told_until_it_is_done(trouble: str) -> None:
    sticky = await started()
    if trouble == "refused":
        sticky.fails("workloads.scale")
    else:
        sticky.shop.gate.takes = lambda name: 8.0 if name == "workloads.scale" else 0.0
    sticky.shop.values["candidate"] = 0.2
    await sticky.passes(11)
    assert (sticky.shop.weight, sticky.shop.outcome, sticky.pods) == (0, "", 2)
    await sticky.passes(40)
    assert (sticky.shop.outcome, sticky.condition("Stalled")) == ("", "ScaleRefused")
    assert not any(one.status == "True" for one in sticky.shop.status.conditions if one.type == "Ready")
    sticky.works_again()
    sticky.shop.gate.takes = lambda _name: 0.0
    await sticky.passes(30)
    assert (sticky.shop.outcome, sticky.pods) == ("Reverted", 0)


async def test_a_deletion_waits_half_a_minute_for_a_scaling_that_is_refused() -> None:
    sticky = await started()
    sticky.fails("workloads.scale")
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.delete_rollout("checkout"))
    await sticky.passes(25)
    assert "checkout" in sticky.cluster.rollouts
    await sticky.passes(10)
    assert (sticky.cluster.rollouts, sticky.shop.weight, sticky.pods) == ({}, 0, 2)
    assert any("the finalizer is removed all the same" in message for _, _, _, message in sticky.cluster.events)


async def contested(sticky: Sticky) -> None:
    """A breach, and another client that scales the candidate up each time it is scaled to 0."""

    def back() -> None:
        if sticky.pods == 0:
            sticky.cluster.set_replicas(CANDIDATE, 2)

    await sticky.breaches()
    for _ in range(10):
        sticky.runner.at(sticky.shop.clock.now() + 0.1, back)
        await sticky.passes(0.2)


async def test_what_scales_it_up_again_is_named_and_not_fought_for_ever() -> None:
    sticky = await started()
    await contested(sticky)
    await sticky.passes(30)
    zeros = sum(pods == 0 for _, _, pods in sticky.cluster.scalings)
    assert (zeros, sticky.shop.outcome, sticky.condition("Stalled")) == (3, "", "ReplicasContested")
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.set_replicas(CANDIDATE, 0))
    await sticky.passes(20)
    assert sticky.shop.outcome == "Reverted"


async def test_the_pods_go_once_the_gateway_has_taken_the_weight_or_after_five_seconds() -> None:
    sticky = await started()
    route = sticky.cluster.routes["HTTPRoute/checkout"]
    route.acceptance = Acceptance.PENDING
    await sticky.breaches()
    reverted = sticky.shop.clock.now()
    await sticky.passes(4)
    assert sticky.pods == 2
    await sticky.passes(5)
    (scaled,) = [when for when, _, _ in sticky.cluster.scalings]
    assert 4 <= scaled - reverted <= 6
    assert sticky.shop.outcome == "", "the gateway has not taken the weights"


async def test_pods_that_are_all_that_serves_stay_until_the_baseline_has_one() -> None:
    sticky = await started()
    await sticky.breaches()
    sticky.cluster.deployments[CANDIDATE].replicas = 2
    sticky.cluster.deployments["checkout"].available = 0
    sticky.cluster.scalings.clear()
    await sticky.passes(30)
    assert sticky.cluster.scalings == []
    assert (sticky.shop.outcome, sticky.condition("Stalled")) == ("", "BaselineUnavailable")
    assert "(Abort forces it)" in sticky.shop.status.message
    sticky.cluster.deployments["checkout"].available = None
    await sticky.passes(20)
    assert (sticky.shop.outcome, sticky.pods) == ("Reverted", 0)


async def test_a_deletion_that_waits_for_the_baseline_names_no_command_that_the_api_server_would_refuse() -> None:
    sticky = await started()
    await sticky.breaches()
    sticky.cluster.deployments[CANDIDATE].replicas = 2
    sticky.cluster.deployments["checkout"].available = 0
    sticky.cluster.delete_rollout("checkout")
    await sticky.passes(10)
    assert sticky.condition("Stalled") == "BaselineUnavailable"
    assert "Abort" not in sticky.shop.status.message


async def test_the_field_taken_out_during_the_run_reverts_it_and_still_takes_the_pods() -> None:
    sticky = await started()
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.edit_rollout("checkout", spec(steps=LONG)))
    await sticky.passes(30)
    assert (sticky.shop.status.history[0].reason, sticky.pods) == ("StickyRoute", 0)


async def test_a_rollout_without_the_field_is_never_asked_what_scales_it() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.clock.now() + 60)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Reverted"
    assert not {"workloads.autoscaler", "workloads.scale"} & set(shop.gate.calls)
    assert "scal" not in str(shop.cluster.rollouts["checkout"].status)


async def test_a_revert_is_done_when_the_last_terminating_pod_has_ended_and_says_so_until_then() -> None:
    sticky = await started()
    sticky.cluster.termination_seconds = 25.0
    await sticky.breaches()
    await sticky.passes(20)
    assert (sticky.pods, sticky.shop.outcome, sticky.condition("Stalled")) == (0, "", "")
    assert sticky.condition("Reconciling") == "PodsTerminating"
    assert "waiting for 2 pods of candidate Deployment 'checkout-canary' to end" in sticky.shop.status.message
    await sticky.passes(15)
    assert sticky.shop.outcome == "Reverted"


async def test_pods_that_never_end_are_reported_after_their_grace_period_and_no_other_run_starts() -> None:
    sticky = await started()
    sticky.cluster.termination_seconds = math.inf
    await sticky.breaches()
    sticky.runner.at(sticky.shop.clock.now() + 1, lambda: sticky.cluster.set_image(CANDIDATE, "shop:v3"))
    await sticky.passes(40)
    assert sticky.condition("Stalled") == ""
    await sticky.passes(560)
    assert (sticky.shop.outcome, sticky.condition("Stalled"), sticky.shop.weight) == ("", "PodsTerminating", 0)
    assert "grace period is 30s: check their nodes" in sticky.shop.status.message
    assert [pods for _, _, pods in sticky.cluster.scalings] == [0], "it is not scaled again"
    sticky.runner.at(sticky.shop.clock.now(), sticky.cluster.deployments[CANDIDATE].terminating.clear)
    await sticky.passes(20)
    assert sticky.shop.outcome == "Reverted"


async def test_the_grace_period_is_that_of_the_pods() -> None:
    sticky = Sticky()
    sticky.cluster.deployments[CANDIDATE].template["spec"]["terminationGracePeriodSeconds"] = 300
    sticky.cluster.termination_seconds = math.inf
    await sticky.passes(20)
    await sticky.breaches()
    await sticky.passes(280)
    assert (sticky.condition("Stalled"), sticky.condition("Reconciling")) == ("", "PodsTerminating")
    await sticky.passes(60)
    assert sticky.condition("Stalled") == "PodsTerminating"


@pytest.mark.parametrize("leap", [0.0, -3600.0, 3600.0], ids=["steady", "set back", "set forward"])
async def test_where_terminating_pods_are_not_reported_the_grace_period_is_waited_for(leap: float) -> None:
    sticky = await started()
    sticky.cluster.tells_terminating = False
    await sticky.breaches()
    await sticky.passes(25)
    assert (sticky.pods, sticky.shop.outcome) == (0, "")
    assert "waiting for the grace period of the pods" in sticky.shop.status.message
    sticky.runner.leap(leap)
    await sticky.passes(30)
    assert sticky.shop.outcome == "Reverted"


@pytest.mark.parametrize("leap", [-3600.0, 3600.0], ids=["set back", "set forward"])
async def test_a_clock_that_is_set_does_not_end_the_grace_period_that_is_not_reported(leap: float) -> None:
    sticky = Sticky()
    sticky.cluster.deployments[CANDIDATE].template["spec"]["terminationGracePeriodSeconds"] = 300
    sticky.cluster.tells_terminating, sticky.cluster.termination_seconds = False, 290.0
    await sticky.passes(20)
    await sticky.breaches()
    await sticky.passes(10)
    sticky.runner.leap(leap)
    await sticky.passes(270)
    assert (sticky.shop.outcome, sticky.condition("Reconciling")) == ("", "PodsTerminating")
    await sticky.passes(40)
    assert sticky.shop.outcome == "Reverted"


async def test_the_grace_period_that_is_not_reported_begins_when_another_client_scales_the_candidate() -> None:
    sticky = await started()
    sticky.cluster.tells_terminating, sticky.cluster.termination_seconds = False, 28.0
    await contested(sticky)
    await sticky.passes(120)
    assert (sticky.pods, sticky.condition("Stalled")) == (2, "ReplicasContested")
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.set_replicas(CANDIDATE, 0))
    await sticky.passes(30)
    assert (sticky.shop.outcome, sticky.condition("Reconciling")) == ("", "PodsTerminating")
    await sticky.passes(10)
    assert sticky.shop.outcome == "Reverted"


async def test_a_new_template_with_a_shorter_grace_period_does_not_shorten_that_of_the_pods_before() -> None:
    sticky = Sticky()
    sticky.cluster.deployments[CANDIDATE].template["spec"]["terminationGracePeriodSeconds"] = 300
    sticky.cluster.tells_terminating, sticky.cluster.termination_seconds = False, 290.0
    await sticky.passes(20)

    def another() -> None:
        sticky.cluster.deployments[CANDIDATE].template["spec"]["terminationGracePeriodSeconds"] = 5
        sticky.cluster.set_image(CANDIDATE, "shop:v3")

    sticky.runner.at(sticky.shop.clock.now(), another)
    await sticky.passes(295)
    assert (sticky.shop.outcome, sticky.condition("Reconciling")) == ("", "PodsTerminating")
    assert "(300s)" in sticky.shop.status.message
    await sticky.passes(30)
    assert sticky.shop.outcome == "Superseded"


async def test_a_restart_while_the_grace_period_is_waited_for_waits_no_shorter() -> None:
    sticky = await started()
    sticky.cluster.tells_terminating, sticky.cluster.termination_seconds = False, 28.0
    await sticky.breaches()
    await sticky.passes(20)
    now = sticky.shop.clock.now()
    sticky.runner.stand_still(now, now + 5)
    await sticky.passes(13)
    assert sticky.shop.outcome == ""
    await sticky.passes(30)
    assert sticky.shop.outcome == "Reverted"


async def test_a_deletion_waits_half_a_minute_for_terminating_pods_and_says_that_they_are_left() -> None:
    sticky = await started()
    sticky.cluster.termination_seconds = math.inf
    sticky.runner.at(sticky.shop.clock.now(), lambda: sticky.cluster.delete_rollout("checkout"))
    await sticky.passes(25)
    assert "checkout" in sticky.cluster.rollouts
    await sticky.passes(15)
    assert (sticky.cluster.rollouts, sticky.shop.weight) == ({}, 0)
    left = [message for _, _, reason, message in sticky.cluster.events if reason == "PodsTerminating"]
    assert len(left) == 1
    assert "2 pods of candidate Deployment 'checkout-canary' to end" in left[0]


async def test_unready_pods_that_are_not_deleted_yet_are_waited_for_as_well() -> None:
    sticky = await started()
    sticky.cluster.deployments[CANDIDATE].present = 2
    await sticky.breaches()
    await sticky.passes(60)
    assert (sticky.pods, sticky.shop.outcome) == (0, "")
    sticky.cluster.deployments[CANDIDATE].present = None
    await sticky.passes(20)
    assert sticky.shop.outcome == "Reverted"


async def test_a_deletion_says_nothing_of_terminating_pods_that_the_api_server_does_not_report() -> None:
    sticky = await started()
    sticky.cluster.tells_terminating, sticky.cluster.termination_seconds = False, 1.0
    begun = sticky.shop.clock.now()
    sticky.runner.at(begun, lambda: sticky.cluster.delete_rollout("checkout"))
    await sticky.runner.run_until(begun + 60, lambda: not sticky.cluster.rollouts)
    assert sticky.cluster.rollouts == {}
    assert [one for _, _, one, _ in sticky.cluster.events if one == "PodsTerminating"] == []


async def test_a_scaling_of_an_earlier_run_by_a_clock_that_was_a_day_ahead_is_not_waited_for() -> None:
    sticky = Sticky()
    sticky.cluster.tells_terminating = False
    await sticky.passes(20)
    await sticky.breaches()
    await sticky.passes(60)
    assert (sticky.shop.outcome, sticky.pods) == ("Reverted", 0)
    sticky.runner.leap(-86400)
    sticky.shop.values["candidate"] = 0.0

    def released() -> None:
        sticky.cluster.set_replicas("checkout-canary", 2)
        sticky.cluster.set_image("checkout-canary", "shop:v3")

    def aborted() -> None:
        sticky.cluster.set_replicas("checkout-canary", 0)
        sticky.shop.command(Action.ABORT)

    sticky.runner.at(sticky.shop.clock.now(), released)
    await sticky.passes(60)
    assert sticky.shop.weight == 10
    sticky.runner.at(sticky.shop.clock.now(), aborted)
    await sticky.passes(300)
    assert sticky.shop.status.run is None
