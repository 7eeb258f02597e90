"""Tests on counts in whole runs: what they decide, what they are shown, and that no request is lost or counted twice."""

from __future__ import annotations

import pytest

from tests.simulated.counted import ABSOLUTE, RATIO, SPLIT, WORSE, counted
from tests.simulated.scraped import Stage
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.count_tests.open_windows import PATIENCE
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.core.model.world import ArmName
from tidegate.reconcile.asking import QUERY_LIFE
from tidegate.reconcile.specs import checked
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted


def simulated(baseline: str, candidate: str, requests: int = 6000, **changes: object) -> Scripted:
    raw = counted(WORSE, **changes)
    script = {"errors": {"requests": requests, "candidate": [{"value": candidate}], "baseline": [{"value": baseline}]}}
    world = World.model_validate({"metrics": script, "lasts": "12h"})
    made = Scripted("checkout", raw, RolloutSpec.model_validate(raw), world, checked)
    made.run()
    return made


def outcome(scripted: Scripted) -> tuple[str, str]:
    last = scripted.status["history"][0]
    return last["outcome"], last["message"]


def test_a_candidate_five_times_as_bad_is_reverted_soon() -> None:
    scripted = simulated("0.5%", "2.5%")
    how, message = outcome(scripted)
    assert how == "Reverted"
    assert "worse than the baseline's by more than 20%, with 95% confidence" in message
    assert scripted.cluster.history[-1].time - scripted.begin < 12 * 60


@pytest.mark.parametrize(
    ("baseline", "candidate"), [("0.5%", "0.5%"), ("0.9%", "0.9%"), ("0.5%", "0.6%"), ("1%", "0%")]
)
def test_a_candidate_that_is_no_worse_is_promoted(baseline: str, candidate: str) -> None:
    assert outcome(simulated(baseline, candidate))[0] == "Succeeded"


def test_a_world_without_any_request_does_not_advance() -> None:
    scripted = simulated("1%", "9%", requests=0)
    assert scripted.status["history"] == []
    assert scripted.status["run"]["waiting"]["reason"] == "LimitNotMet"
    assert "no requests of both arms" in scripted.status["run"]["waiting"]["message"]


async def test_a_whole_run_counts_what_was_scraped_and_no_more() -> None:
    stage = Stage(counted(WORSE))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.01)
    await stage.until(3600)
    found = stage.witness.evidence("worse")
    assert found.step == 60
    assert found.windows in {58, 59}
    warm = found.windows - 3
    assert found.counts == (90 * 60 * warm, 54 * warm, 10 * 60 * warm, 6 * warm)


async def test_the_warm_up_is_left_out_of_a_comparison_but_not_of_a_limit() -> None:
    stage = Stage(counted({**WORSE, "onBreach": "Warn"}, {**ABSOLUTE, "onBreach": "Warn"}))
    stage.source.shares(stage.start, candidate=0.5)
    stage.source.shares(stage.start + 174, candidate=0.0)  # before the last scrape of the warm-up
    await stage.until(170)
    assert stage.witness.evidence("worse").counts == (0, 0, 0, 0)
    assert stage.witness.evidence("absolute").counts[3] > 0
    assert next(one for one in stage.shop.status.guards if one.name == "absolute").state == "Breached"
    await stage.until(900)
    worse, absolute = stage.witness.evidence("worse"), stage.witness.evidence("absolute")
    assert worse.counts[3] == 0, "what happened in the warm-up is not compared"
    assert worse.counts[2] == (worse.windows - 3) * 600
    assert absolute.counts[3] == 0, "what was over by then was begun anew"
    assert absolute.counts[2] == (absolute.windows - 4) * 600
    assert not stage.shop.status.guards


async def test_an_outage_is_found_by_a_limit_in_the_first_windows_although_the_comparison_still_waits() -> None:
    stage = Stage(counted(WORSE, ABSOLUTE))
    stage.source.shares(stage.start, candidate=1.0)
    await stage.until(170)
    assert stage.shop.outcome == "Reverted"
    assert "above 5%" in stage.shop.status.history[0].message


THREE = (
    ("Regressed", 0.05, "Breach"),
    ("ShownOk", 0.001, "Pass"),
    ("Inconclusive", 0.01, "Pass"),
)


@pytest.mark.parametrize(("conclusion", "share", "verdict"), THREE, ids=[one for one, *_ in THREE])
async def test_each_of_the_three_answers_reaches_the_checkpoints(conclusion: str, share: float, verdict: str) -> None:
    """As a threshold: asked at the checkpoint, gathered since the run began."""
    steps = [{"name": "canary", "weight": 10, "duration": "1h", "thresholds": [WORSE]}]
    stage = Stage(counted(steps=steps))
    stage.source.shares(stage.start, baseline=0.01, candidate=share)
    await stage.until(3700)
    checkpoint = stage.shop.status.checkpoints[0]
    (finding,) = checkpoint.findings
    assert (checkpoint.verdict, finding.conclusion) == (verdict, conclusion)
    bad, requests = (int(one) for one in finding.counts.split(" against ")[0].split(" of "))
    assert requests / 600 in {55, 56}, "whole windows of a minute, without three of the warm-up"
    assert bad == pytest.approx(share * requests, abs=1)
    assert conclusion == "Regressed" or "times the baseline's" in finding.possible


async def test_a_threshold_alone_is_gathered_between_checkpoints_and_acts_only_there() -> None:
    steps = [{"name": "canary", "weight": 10, "duration": "1h", "checkpoints": [{"at": "30m"}], "thresholds": [WORSE]}]
    stage = Stage(counted(steps=steps))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.05)
    await stage.until(1700)
    assert stage.shop.outcome == ""
    assert stage.witness.evidence("worse").windows >= 26
    await stage.until(1900)
    assert stage.shop.outcome == "Reverted"
    assert stage.shop.status.history[0].message.startswith("checkpoint 30m of step 'canary': errors of the candidate")


async def test_what_was_shown_before_the_source_went_down_reverts_at_its_checkpoint_all_the_same() -> None:
    steps = [{"name": "canary", "weight": 10, "duration": "1h", "checkpoints": [{"at": "30m"}], "thresholds": [WORSE]}]
    stage = Stage(counted(steps=steps))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.05)
    stage.source.outages.append((stage.start + 1500, stage.start + 3000))
    await stage.until(1900)
    assert stage.shop.outcome == "Reverted"


async def test_two_lines_share_the_chance_of_a_false_stop() -> None:
    """A candidate that one line alone has just found is not found yet by one of several."""
    others = [{**ABSOLUTE, "name": f"other-{number}", "onBreach": "Warn"} for number in range(5)]
    alone, shared = Stage(counted(WORSE)), Stage(counted(WORSE, *others))
    when = []
    for stage in (alone, shared):
        stage.source.shares(stage.start, baseline=0.01, candidate=0.016)
        await stage.until(4 * 3600)
        assert stage.shop.outcome == "Reverted"
        when.append(stage.shop.clock.now())
    assert when[0] < when[1]


async def test_tests_of_one_name_in_different_steps_share_it_as_well() -> None:
    other = {**RATIO, "name": "slow"}
    steps = [
        {"name": "canary", "weight": 10, "duration": "6h", "guards": [WORSE]},
        {"name": "half", "weight": 50, "duration": "6h", "guards": [{**WORSE, "metric": "slow"}]},
    ]
    when = []
    for later in (steps[:1], [*steps[:1], {**steps[1], "guards": [WORSE]}], steps):
        stage = Stage(counted(metrics=[RATIO, other], steps=later))
        stage.source.shares(stage.start, baseline=0.01, candidate=0.016)
        await stage.until(4 * 3600)
        assert stage.shop.outcome == "Reverted"
        when.append(stage.shop.clock.now())
    assert when[0] == when[1] < when[2], "the very same test is one, another metric's is another chance"


async def test_a_line_that_is_added_begins_at_its_own_start() -> None:
    stage = Stage(counted(WORSE))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.01)
    await stage.until(1200)
    before = stage.witness.evidence("worse")
    stage.shop.cluster.edit_rollout("checkout", counted(WORSE, {**WORSE, "name": "later", "onBreach": "Warn"}))
    await stage.until(1800)
    later, worse = stage.witness.evidence("later"), stage.witness.evidence("worse")
    assert 1200 - 10 <= later.start.timestamp() - stage.start <= 1200 + 20
    assert later.counts[2] == later.windows * 600
    assert 8 <= later.windows <= 10
    assert (worse.start, worse.windows - before.windows) == (before.start, 10)


async def test_a_line_that_is_taken_away_is_forgotten() -> None:
    stage = Stage(counted(WORSE, ABSOLUTE))
    await stage.until(600)
    stage.shop.cluster.edit_rollout("checkout", counted(WORSE))
    await stage.until(620)
    assert stage.witness.status.run is not None
    assert [one.name for one in stage.witness.status.run.evidence] == ["worse"]


async def test_an_edited_margin_begins_anew_and_an_edited_interval_keeps_what_was_gathered() -> None:
    stage = Stage(counted(WORSE))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.01)
    await stage.until(1200)
    before = stage.witness.evidence("worse")
    stage.shop.cluster.edit_rollout("checkout", counted(WORSE, interval="90s"))
    await stage.until(1900)
    slower = stage.witness.evidence("worse")
    assert slower.step == 90
    assert slower.start.timestamp() == before.start.timestamp() + 60 * before.windows
    assert slower.counts[2] == before.counts[2] + slower.windows * 900
    assert slower.windows >= 5
    margin = {**WORSE, "regression": {"margin": "30%"}}
    stage.shop.cluster.edit_rollout("checkout", counted(margin))
    await stage.until(2500)
    anew = stage.witness.evidence("worse")
    assert anew.start.timestamp() >= stage.start + 1900 - 90
    assert anew.counts[2] == anew.windows * 600


async def test_another_query_begins_anew() -> None:
    stage = Stage(counted(WORSE))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.01)
    await stage.until(1200)
    other = {**RATIO, "ratio": {**RATIO["ratio"], "bad": 'bad{workload="$workload",code=~"5.."}'}}
    stage.shop.cluster.edit_rollout("checkout", counted(WORSE, metrics=[other]))
    await stage.until(1500)
    found = stage.witness.evidence("worse")
    assert 1200 - 10 <= found.start.timestamp() - stage.start <= 1200 + 20
    assert found.counts[2] == found.windows * 600


async def test_after_a_clock_that_was_an_hour_ahead_is_set_right_requests_are_counted_again_at_once() -> None:
    stage = Stage(counted(ABSOLUTE))
    stage.runner.leap(3600)
    await stage.until(3600 + 30)
    assert stage.witness.evidence("absolute").start.timestamp() > stage.start + 3600
    stage.runner.leap(-3600)
    stage.source.shares(stage.clock.now(), candidate=1.0)
    await stage.until(30 + 300)
    assert stage.shop.outcome == "Reverted"


async def test_at_weight_100_there_is_nothing_to_compare_and_nothing_is_blocked() -> None:
    steps = [
        {"name": "canary", "weight": 10, "duration": "10m"},
        {"name": "all", "weight": 100, "duration": "10m", "thresholds": [{**WORSE, "name": "there"}]},
    ]
    stage = Stage(counted(WORSE, SPLIT, steps=steps))
    await stage.until(750)
    assert stage.shop.weight == 100
    stage.source.split(stage.shop.clock.now(), 100)
    await stage.until(1000)
    assert [one.state for one in stage.witness.status.guards] == ["NotComparable", "NotComparable"]
    assert all(
        one.message.endswith("; not compared now: the baseline has no traffic to compare with")
        for one in stage.witness.status.guards
    )
    assert stage.witness.status.missing_data == ()
    await stage.until(7200)
    assert stage.shop.outcome == "Succeeded"


async def test_while_settling_there_is_nothing_to_compare_and_nothing_is_blocked() -> None:
    raw = counted(
        WORSE,
        steps=[{"name": "canary", "weight": 10, "duration": "10m"}],
        promotion={"strategy": "CopyTemplate", "settle": "10m"},
    )
    stage = Stage(raw)
    settling = []

    def note() -> bool:
        run = stage.shop.status.run
        if run is not None and run.promotion is not None and run.promotion.stage == "Settling":
            settling.extend(one.state for one in stage.shop.status.guards)
        return stage.shop.outcome != ""

    await stage.runner.run_until(stage.start + 3600, note)
    assert set(settling) == {"NotComparable"}
    assert stage.shop.outcome == "Succeeded"


async def test_a_line_whose_source_is_down_has_no_data_and_one_without_data_too() -> None:
    raw = counted(WORSE, missingData={"sourceDown": {"after": "10m", "then": "Hold"}})
    stage = Stage(raw)
    stage.source.outages.append((stage.start + 1000, stage.start + 2000))
    await stage.until(1500)
    assert [(one.kind, one.metric) for one in stage.shop.status.missing_data] == [("SourceDown", "errors")]
    await stage.until(1900)
    assert stage.shop.status.run is not None
    assert stage.shop.status.run.hold is not None
    assert stage.shop.status.run.hold.reason == "SourceDown"
    await stage.until(2100)
    assert stage.shop.status.run.hold is None


@pytest.mark.parametrize("parts", [("raw-bad",), ("raw-total",), ("raw-bad", "raw-total"), ("known-total",)])
async def test_a_baseline_that_is_half_told_is_not_told_at_all(parts: tuple[str, ...]) -> None:
    """Its bad requests without all of them are impossible, all without the bad ones a baseline without any error."""
    stage = Stage(counted(ABSOLUTE))
    stage.source.shares(stage.start - 600, baseline=0.02, candidate=0.02)
    stage.source.replaced(stage.start + 300, ArmName.BASELINE)
    slow = Failed(FailedReason.TIMEOUT, "slow")
    stage.source.override = lambda one, _: slow if one.part in parts and one.arm is ArmName.BASELINE else None
    await stage.until(900)
    assert (stage.shop.outcome, stage.witness.status.missing_data) == ("", ())
    found = stage.witness.evidence("absolute")
    assert found.windows >= 13
    assert found.counts[2:] == (600 * found.windows, 12 * found.windows)
    if parts != ("known-total",):
        assert found.counts[:2] == (0, 0)


async def test_a_test_that_needs_the_baseline_waits_for_it_as_long_as_for_any_answer() -> None:
    """Another one that can do without it, and asks the same, does not shorten that."""
    stage = Stage(counted(ABSOLUTE, WORSE))
    lives = []

    async def sample(query: Query, *, timeout: float, rollout: str) -> Answer:
        del rollout
        if query.part.startswith("raw"):
            lives.append(timeout)
        return stage.source.answer(query, stage.clock.now())

    stage.shop.world.metrics.sample = sample  # type: ignore[method-assign]
    await stage.until(300)
    assert max(lives) == QUERY_LIFE
    assert min(lives) > PATIENCE, "only the next evaluation ends it sooner"


async def test_a_hold_for_a_regression_ends_when_nothing_fails_any_more() -> None:
    stage = Stage(counted({**WORSE, "onBreach": "Hold"}))
    stage.source.shares(stage.start + 600, candidate=0.2)
    stage.source.shares(stage.start + 900, candidate=0.0)
    await stage.until(890)
    assert stage.shop.status.run is not None
    assert stage.shop.status.run.hold is not None
    await stage.until(1200)
    assert stage.shop.status.run.hold is None


async def test_counts_that_cannot_be_are_missing_data_and_said() -> None:
    stage = Stage(counted(WORSE))
    await stage.until(600)
    stage.source.traffic[ArmName.CANDIDATE][-1].share = 1.5
    await stage.until(800)
    (missing,) = stage.witness.status.missing_data
    assert missing.kind == "NoData"
    assert "are the two counters of the same requests?" in missing.message
