"""After the promotion the promoted version breaches: the traffic goes back to the candidate, whatever fails. And a scaling is told once."""

from __future__ import annotations

import pytest

from tests.simulated.scaled import STEPS, Scaled
from tests.simulated.test_refusals import refuse
from tests.simulated.test_scale_to_zero import Sticky, started
from tidegate.ports.errors import PortError, Rejected, Unavailable

# A scaling that fails is not told as done


@pytest.mark.parametrize("error", [Rejected("deployments.apps is forbidden"), Unavailable("no answer")])
async def test_a_scaling_that_fails_is_told_as_done_once_it_is_done(error: PortError) -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 1}, steps=STEPS)
    refuse(scaled.shop, "workloads.scale", error)
    await scaled.passes(300)
    assert (scaled.replicas, scaled.told("ScaleRefused"), scaled.told("CandidateScaled")) == (2, 1, 0)
    scaled.shop.gate.before = lambda _call: None
    await scaled.passes(30)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 1)


async def test_a_scaling_that_hangs_is_told_once() -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 1}, steps=STEPS)
    scaled.shop.gate.takes = lambda call: 8.0 if call == "workloads.scale" else 0.0
    await scaled.passes(100)
    scaled.shop.gate.takes = lambda _call: 0.0
    await scaled.passes(20)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 1)


async def test_a_scaling_whose_answer_is_lost_is_told_once_it_is_seen() -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 1}, steps=STEPS)

    def after(call: str) -> None:
        if call == "workloads.scale":
            raise Unavailable("the answer is lost")

    scaled.shop.gate.after = after
    await scaled.passes(100)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 1)


async def test_a_scaling_to_zero_that_is_refused_is_told_as_done_once_it_is_done() -> None:
    sticky = await started()
    sticky.fails("workloads.scale")
    await sticky.breaches()
    await sticky.passes(60)
    assert (sticky.pods, scalings(sticky)) == (2, 0)
    sticky.works_again()
    await sticky.passes(30)
    assert (sticky.pods, scalings(sticky), sticky.shop.outcome) == (0, 1, "Reverted")


def scalings(sticky: Sticky) -> int:
    return sum(event[2] == "CandidateScaled" for event in sticky.cluster.events)
