"""The state machine of `test_machine` over a Rollout whose weight is the ratio of pods."""

from __future__ import annotations

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulated.machine import PROFILE, Machine
from tests.simulated.machine_moves import GUARDS
from tests.simulated.shop import BY_PODS, by_pods
from tests.simulated.witness import Seen
from tidegate.api.rollout.run_status import Stage

pytestmark = pytest.mark.timeout(240)
FEWER = settings(PROFILE, max_examples=40)
TOTAL = 10


class RatioMachine(Machine):
    """See the module."""

    bystanders = Machine.bystanders - {"workloads.scale"}

    def __init__(self) -> None:
        super().__init__()
        by_pods(self.cluster, TOTAL)
        self.shop.set_weight = self._set_pods  # type: ignore[method-assign]

    def _set_pods(self, baseline: int, candidate: int) -> None:
        del baseline
        pods = TOTAL * candidate // 100
        self.cluster.set_replicas("checkout", TOTAL - pods)
        self.cluster.set_replicas("checkout-canary", pods)

    def _spec(self, **changes: object) -> dict[str, object]:
        """Without what cannot be beside it: the candidate's scaling, also at a breach and at the end."""
        changes.pop("candidate", None)
        changes.pop("traffic", None)
        guards = changes.get("guards")
        if isinstance(guards, list) and any(one.get("onBreach") == "Scale" for one in guards):
            changes["guards"] = GUARDS
        return super()._spec(**{**BY_PODS, **changes})

    def _witness(self, seen: Seen) -> None:
        """The way back to the candidate after a breach of the promoted baseline is a revert, also its second write."""
        promotion = (seen.status.get("run") or {}).get("promotion") or {}
        if promotion.get("stage") != Stage.SENT_BACK or seen.before == 0:
            super()._witness(seen)

    def teardown(self) -> None:
        """As there; whoever gives an arm its pod back is somebody who scales."""
        self.cluster.autoscalers = {}
        for deployment in self.cluster.deployments.values():
            self.cluster.set_replicas(deployment.name, max(deployment.replicas, 1))
        super().teardown()


@pytest.mark.parametrize("number", range(2))
def test_the_promises_hold_in_any_order_of_faults_and_hands(number: int) -> None:
    run_state_machine_as_test(seed(number)(type("RatioMachine", (RatioMachine,), {})), settings=FEWER)
