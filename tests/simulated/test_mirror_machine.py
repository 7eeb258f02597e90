"""The state machine of `test_machine` over a Rollout whose first step mirrors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from tests.simulated.machine import PROFILE, Machine
from tests.simulated.machine_moves import STEPS
from tests.simulated.shop import REF
from tests.simulated.witness import OURS, Seen
from tidegate.core.traffic.lowering import unfinished

pytestmark = pytest.mark.timeout(240)
FEWER = settings(PROFILE, max_examples=30)
SHADOW: dict[str, Any] = {**STEPS[0], "name": "shadow", "weight": 0, "mirror": {"percent": 20}}


class MirrorMachine(Machine):
    """See the module."""

    def _spec(self, **changes: object) -> dict[str, object]:
        steps = changes.get("steps", STEPS)
        if isinstance(steps, list):
            changes["steps"] = [SHADOW, *steps]
        return super()._spec(**changes)

    def _witness(self, seen: Seen) -> None:
        """Requests are copied under the rules of a raise; and from what is copied a raise needs a good judgement too."""
        super()._witness(seen)
        if seen.write.manager not in OURS or seen.late:
            return
        run = seen.status.get("run") or {}
        stored = self.cluster.rollouts["checkout"]
        if seen.mirror > seen.mirror_before:
            why = [word for word in ("paused", "ending", "hold") if word in run]
            why += ["spec.paused"] if stored.spec.get("paused") else []
            why += ["deleting"] if stored.deleting else []
            self.raises += [f"mirror of {seen.mirror}% although: {', '.join(why)}"] if why else []
        if seen.share > seen.before and seen.mirror_before and self.answer != "well":
            self.raises.append(f"raised to {seen.share:g}% from what was copied although: {self.answer}")

    @rule(percent=st.sampled_from([100, 5, 0]))
    def somebody_writes_the_mirror(self, percent: int) -> None:
        self._happens(lambda: self.cluster.set_mirrors(REF, {"#0": percent}))

    @precondition(lambda self: self.exists)
    @rule(percent=st.sampled_from([5, 60, None]))
    def the_mirror_is_edited(self, percent: int | None) -> None:
        steps = [{**SHADOW, "mirror": {"percent": percent} if percent else None}, *STEPS]
        self._happens(lambda: self.cluster.edit_rollout("checkout", Machine._spec(self, steps=steps)))  # noqa: SLF001

    def nobody_gives_the_candidate_more_for_long(self) -> None:
        super().nobody_gives_the_candidate_more_for_long()
        run = self.shop.status.run
        if run is not None and run.ending is None and not unfinished(self.shop.status) and _ours(self):
            assert self.cluster.seen[-1].mirror <= (run.mirror or 0)

    def teardown(self) -> None:
        """What the operator added is gone."""
        super().teardown()
        changed = [one for one in self.cluster.seen if one.mirror != one.mirror_before]
        if changed and changed[-1].write.manager in OURS:
            assert changed[-1].mirror == 0


def _ours(machine: MirrorMachine) -> bool:
    return any(target.mirrored for target in machine.shop.status.targets)


@pytest.mark.parametrize("number", range(4))
def test_the_promises_hold_for_what_is_mirrored(number: int) -> None:
    run_state_machine_as_test(seed(number)(type("MirrorMachine", (MirrorMachine,), {})), settings=FEWER)
