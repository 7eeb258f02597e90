"""Segments, one by one: whose fault a breach is, which of them is told of, and which are left out."""

from __future__ import annotations

import math

import pytest

from tests.simulated.attributed import LONG, later, series, started
from tests.simulated.shop import Shop
from tidegate.core.model.answers import Answer, Query, Vector
from tidegate.core.model.world import ArmName

BY_SEGMENT = {
    "name": "errors",
    "ratio": {"bad": 'b{w="$workload"}', "total": 't{w="$workload"}', "by": ["segment"]},
    "window": "20s",
}


def counts(shares: dict[str, float | None]) -> dict[str, Vector]:
    """The answers to both parts of a ratio by segment: 1,000 requests each; NaN: none; `None`: no such segment."""
    there = {name: share for name, share in shares.items() if share is not None}
    return {
        "bad": series(**{name: 0.0 if math.isnan(share) else 1000 * share for name, share in there.items()}),
        "total": series(**{name: 0.0 if math.isnan(share) else 1000.0 for name, share in there.items()}),
    }


@pytest.mark.parametrize(
    ("why", "candidate", "baseline", "outcome", "words"),
    [
        (
            "the one that is not shared is named, with its own numbers",
            {"a": 0.5, "b": 0.3},
            {"a": 0.5, "b": 0.0},
            "Reverted",
            'errors of the candidate{segment="b"} is 30%, above max 5%',
        ),
        (
            "one of which the baseline says nothing is nobody's fault",
            {"a": 0.0, "b": 0.3},
            {"a": 0.0, "b": None},
            "",
            "the baseline has no value there to compare with",
        ),
        ("both in all of them", {"a": 0.5, "b": 0.3}, {"a": 0.5, "b": 0.3}, "", "a shared incident, not this version"),
    ],
)
async def test_an_incident_is_shared_segment_by_segment(
    why: str, candidate: dict[str, float | None], baseline: dict[str, float | None], outcome: str, words: str
) -> None:
    shop = Shop()
    runner = await started(shop, metrics=[BY_SEGMENT], guards=[{"metric": "errors", "max": "5%"}], steps=LONG)
    answers = {ArmName.CANDIDATE: counts(candidate), ArmName.BASELINE: counts(baseline)}
    shop.answer = lambda query, _now: answers[query.arm].get(query.part)
    await later(shop, runner, 11)
    assert shop.outcome == outcome, why
    said = shop.status.history[0].message if outcome else shop.status.guards[0].message
    assert words in said, why


@pytest.mark.parametrize(
    ("why", "candidate", "baseline", "outcome"),
    [
        ("idle in both arms", {"a": 0.0, "b": math.nan}, {"a": 0.0, "b": math.nan}, "Succeeded"),
        ("the baseline has no such segment", {"a": 0.0, "b": math.nan}, {"a": 0.0, "b": None}, "Succeeded"),
        ("idle in the candidate alone", {"a": 0.0, "b": math.nan}, {"a": 0.0, "b": 0.0}, ""),
    ],
)
async def test_a_segment_that_is_idle_in_both_arms_does_not_block_a_threshold(
    why: str, candidate: dict[str, float | None], baseline: dict[str, float | None], outcome: str
) -> None:
    shop = Shop()
    thresholds = [{"metric": "errors", "max": "5%"}]
    steps = [{"name": "canary", "weight": 10, "duration": "1m", "thresholds": thresholds}]
    runner = await started(shop, metrics=[BY_SEGMENT], guards=[], steps=steps)
    answers = {ArmName.CANDIDATE: counts(candidate), ArmName.BASELINE: counts(baseline)}
    shop.answer = lambda query, _now: answers[query.arm].get(query.part)
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == outcome, why
    if outcome:
        said = [one.message for checkpoint in shop.status.checkpoints for one in checkpoint.findings]
        assert any('left out, no requests in either arm: {segment="b"}' in words for words in said)


@pytest.mark.parametrize(
    ("why", "baseline", "outcome"), [("quiet in both arms", 9.0, "Succeeded"), ("quiet in the candidate", 90.0, "")]
)
async def test_a_segment_that_is_quiet_in_both_arms_does_not_block_a_threshold(
    why: str, baseline: float, outcome: str
) -> None:
    shop = Shop()
    steps = [{"name": "canary", "weight": 10, "duration": "1m", "thresholds": [{"metric": "errors", "max": "5%"}]}]
    runner = await started(shop, metrics=[BY_SEGMENT | {"minimumRequests": 20}], guards=[], steps=steps)
    quiet = {ArmName.CANDIDATE: 1.0, ArmName.BASELINE: baseline}

    def answer(query: Query, _now: float) -> Answer | None:
        return series(a=1000.0 if query.part == "total" else 0.0, b=quiet[query.arm] if query.part == "total" else 0.0)

    shop.answer = answer
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == outcome, why
    if outcome:
        said = [one.message for checkpoint in shop.status.checkpoints for one in checkpoint.findings]
        assert any('left out, fewer than 20 requests in either arm: {segment="b"}' in words for words in said)


async def test_a_breach_that_had_to_last_is_told_of_the_series_that_lasted() -> None:
    guard = {"metric": "errors", "max": "5%", "for": "1m"}
    shop = Shop()
    runner = await started(shop, guards=[guard], steps=LONG)
    shop.answer = lambda query, _now: series(a=0.2) if query.arm is ArmName.CANDIDATE else series(a=0.0)
    await later(shop, runner, 51)
    shop.answer = lambda query, _now: series(a=0.2, b=0.9) if query.arm is ArmName.CANDIDATE else series(a=0.0, b=0.0)
    await later(shop, runner, 31)
    assert shop.outcome == "Reverted"
    assert shop.status.history[0].message.startswith('errors of the candidate{segment="a"} is 20%, above max 5%')
    assert "it lasted for" not in shop.status.history[0].message
