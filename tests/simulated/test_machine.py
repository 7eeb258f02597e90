"""Any order of faults and hands: the promises hold after every step, and once the trouble is over the Rollout comes to rest.

Hypothesis chooses the steps from fixed seeds: the same ones each time. A failure prints the shortest story it found, as calls
that can be pasted into a test.
"""

from __future__ import annotations

import pytest
from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test

from tests.simulated.machine import PROFILE, Machine

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("number", range(6))
def test_the_promises_hold_in_any_order_of_faults_and_hands(number: int) -> None:
    run_state_machine_as_test(seed(number)(type("Machine", (Machine,), {})), settings=PROFILE)
