"""The state machine over a Rollout with a cohort, one of whose limits takes it back alone."""

from __future__ import annotations

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.simulated.machine import PROFILE, Machine
from tests.simulated.machine_moves import STEPS
from tests.simulated.shop import REF
from tests.simulated.witness import OURS
from tidegate.simulation.cluster.objects import SimulatedRoute

pytestmark = pytest.mark.timeout(240)
FEWER = settings(PROFILE, max_examples=30)
RULES = ("main", "staff")
TRAFFIC = [
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["main"]},
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["staff"], "cohort": "staff"},
]


class CohortMachine(Machine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        rules = [{"checkout": 1, "checkout-canary": 0} for _ in RULES]
        self.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", rules, names=list(RULES)))
        self.shop.set_weight = self._set_weight  # type: ignore[method-assign]

    def _set_weight(self, baseline: int, candidate: int) -> None:
        self.cluster.set_weights(REF, {"main": (baseline, candidate)})

    def _spec(self, **changes: object) -> dict[str, object]:
        steps = changes.get("steps", STEPS)
        if isinstance(steps, list):
            changes["steps"] = [{**steps[0], "cohorts": {"staff": 100}}, *steps[1:]]
        reverts = {"revert": "ScaleToZero"} if changes.pop("traffic", None) else {}
        made = super()._spec(**{"traffic": [{**TRAFFIC[0], **reverts}, TRAFFIC[1]], **changes})
        alone = {"metric": "errors", "name": "staff alone", "max": "4%", "cohort": "staff", "scope": "Cohort"}
        guards = made["guards"]
        assert isinstance(guards, list)
        return {**made, "guards": [*guards, alone]}

    @rule(candidate=st.sampled_from([0, 50, 100]))
    def somebody_writes_the_rule_of_the_cohort(self, candidate: int) -> None:
        self._happens(lambda: self.cluster.set_weights(REF, {"staff": (100 - candidate, candidate)}))

    @rule(named=st.booleans())
    def the_cohort_is_taken_out_of_the_spec_or_put_back(self, named: bool) -> None:  # noqa: FBT001
        if self.exists:
            steps = [{**STEPS[0], "cohorts": {}}, STEPS[1]]
            edited = self._spec() if named else {**self._spec(), "traffic": TRAFFIC[:1], "steps": steps}
            self._happens(lambda: self.cluster.edit_rollout("checkout", edited))

    def teardown(self) -> None:
        """The cohort returns like everything else."""
        super().teardown()
        last = self.cluster.seen[-1]
        if last.write.manager in OURS and last.status.get("run") is None:
            assert last.cohorts[0][1] == 0


@pytest.mark.parametrize("number", range(4))
def test_the_promises_hold_for_every_target(number: int) -> None:
    run_state_machine_as_test(seed(number)(type("CohortMachine", (CohortMachine,), {})), settings=FEWER)
