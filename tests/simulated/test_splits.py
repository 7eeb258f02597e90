"""`split` in whole runs: is the traffic where the weights send it?"""

from __future__ import annotations

import pytest

from tests.simulated.counted import SPLIT, counted
from tests.simulated.scraped import Stage
from tidegate.api.commands import Action
from tidegate.core.count_tests.split import SETTLING
from tidegate.core.model.world import Acceptance, ArmName


async def test_a_split_is_not_counted_before_the_gateway_has_taken_the_weight() -> None:
    steps = [{"name": f"to-{weight}", "weight": weight, "duration": "20m"} for weight in (10, 20)]
    stage = Stage(counted(SPLIT, steps=steps))
    await stage.until(1000)

    def written(call: str) -> None:
        if call == "router.write":
            stage.shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.PENDING

    stage.shop.gate.after = written
    while stage.shop.weight == 10:
        await stage.until(stage.shop.clock.now() - stage.start + 1)
    await stage.until(stage.shop.clock.now() - stage.start + 600)
    stage.shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.ACCEPTED
    stage.source.split(stage.shop.clock.now(), 20)
    await stage.until(stage.shop.clock.now() - stage.start + 600)
    assert [reason for _, _, reason, _ in stage.shop.cluster.events if reason == "Holding"] == []


async def test_a_split_that_is_off_holds_and_never_reverts() -> None:
    stage = Stage(counted(SPLIT))
    stage.source.split(stage.start, 15)
    await stage.until(1200)
    assert stage.shop.status.run is not None
    assert stage.shop.status.run.hold is not None
    message = stage.shop.status.run.hold.message
    assert message.startswith("the candidate got 15% of ")
    assert "at a weight of 10%: the traffic is not where the weights send it, with 99.9% confidence" in message
    await stage.until(6 * 3600)
    assert (stage.shop.outcome, stage.shop.weight) == ("", 10)


async def test_a_split_as_it_should_be_passes_at_every_weight() -> None:
    steps = [{"name": f"to-{weight}", "weight": weight, "duration": "30m"} for weight in (5, 20, 50)]
    stage = Stage(counted(SPLIT, steps=steps))
    for _ in range(700):
        weight = stage.shop.weight
        if weight and stage.source.traffic[ArmName.CANDIDATE][-1].rate != weight:
            stage.source.split(stage.shop.clock.now(), weight)
        await stage.until(stage.shop.clock.now() - stage.start + 10)
        if stage.shop.outcome:
            break
    assert stage.shop.outcome == "Succeeded"


async def test_the_split_begins_anew_at_each_weight_after_it_has_settled() -> None:
    steps = [{"name": f"to-{weight}", "weight": weight, "duration": "20m"} for weight in (10, 20)]
    stage = Stage(counted(SPLIT, steps=steps))
    await stage.until(1000)
    first = stage.witness.evidence("split")
    assert first.state is not None
    assert first.state.numbers[0] == 10
    assert first.counts[2] == pytest.approx(10 / 90 * first.counts[0])
    while stage.shop.weight == 10:
        await stage.until(stage.shop.clock.now() - stage.start + 10)
    raised = stage.shop.clock.now()
    stage.source.split(raised, 20)
    await stage.until(raised - stage.start + 400)
    second = stage.witness.evidence("split")
    assert second.state is not None
    weight, since, *_ = second.state.numbers
    assert weight == 20
    settled = raised - second.start.timestamp() + SETTLING
    assert settled - 15 <= since <= settled + 15
    assert second.counts[2] == pytest.approx(0.25 * second.counts[0])
    assert second.state.segments[""].numbers[4] < 0, "what the first weight has shown stays: it speaks for the split"


@pytest.mark.parametrize(("percent", "held"), [(5, False), (9, True)], ids=["mended", "not mended"])
async def test_a_split_that_was_off_is_judged_anew_at_a_weight_that_was_edited(percent: float, *, held: bool) -> None:
    def raw(weight: int) -> dict[str, object]:
        return counted(SPLIT, steps=[{"name": "canary", "weight": weight, "duration": "6h"}])

    stage = Stage(raw(10))
    stage.source.split(stage.start, 17)
    await stage.until(900)
    assert stage.shop.status.run is not None
    assert stage.shop.status.run.hold is not None
    stage.shop.cluster.edit_rollout("checkout", raw(5))
    stage.source.split(stage.start + 900, percent)
    await stage.until(930)
    assert stage.shop.weight == 5
    assert stage.shop.status.run.hold is not None, "a new weight alone mends nothing"
    await stage.until(3600)
    assert (stage.shop.status.run.hold is not None) is held


async def test_a_weight_that_somebody_lowered_is_no_split_that_is_off() -> None:
    stage = Stage(counted(SPLIT))
    await stage.until(600)
    stage.runner.at(stage.start + 600, lambda: stage.shop.set_weight(99, 1))
    stage.source.split(stage.start + 600, 1)
    await stage.until(1500)
    assert stage.shop.status.run is not None
    assert stage.shop.status.run.paused is not None
    assert stage.shop.status.run.hold is None
    stage.runner.at(stage.start + 1500, lambda: stage.shop.command(Action.RESUME))
    await stage.until(1530)
    stage.source.split(stage.shop.clock.now(), 10)
    await stage.until(3000)
    assert stage.shop.weight == 10
    assert stage.shop.status.run.hold is None
