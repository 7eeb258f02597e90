"""Tests on counts through everything that is real: API server, gateway, Prometheus, traffic, and the operator's own process."""

from __future__ import annotations

from lab import shop
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from lab.stories import play

METRICS = [
    {
        "name": "error-rate",
        "ratio": {"bad": f'{shop.SELECTOR},code=~"5.."}}', "total": f"{shop.SELECTOR}}}"},
        "window": "4s",
        "warmUp": "1s",
    },
    {
        "name": "slow-requests",
        "ratio": {
            "histogram": 'http_request_duration_seconds{namespace="$namespace",pod=~"$pods"}',
            "slowerThan": "1s",
        },
        "window": "4s",
        "warmUp": "1s",
    },
]
GUARDS = [
    {"name": "worse", "metric": "error-rate", "regression": {}},
    {"name": "slow", "metric": "slow-requests", "regression": {}},
    {"name": "split", "metric": "error-rate", "split": {}, "onBreach": "Hold"},
]
STEPS = [
    {"name": "canary", "weight": 10, "duration": "12s"},
    {
        "name": "half",
        "weight": 50,
        "duration": "12s",
        "thresholds": [{"name": "promised", "metric": "error-rate", "regression": {"limit": "20%"}}],
    },
]


async def test_counts_promote_a_good_candidate_and_revert_a_bad_one(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    await shop.open_shop(lab, namespace)
    recorded = []

    def look(rollout: object) -> None:
        status = rollout.get("status", {}) if isinstance(rollout, dict) else {}
        recorded.extend(one for checkpoint in status.get("checkpoints", []) for one in checkpoint.get("findings", []))

    async with (
        OperatorProcess(lab),
        lab.load(namespace, shop.APP, rate=80) as load,
        RouteWatch(lab.api) as watch,
    ):
        await lab.apply(shop.rollout(namespace, metrics=METRICS, guards=GUARDS, steps=STEPS))
        good = await play(lab, namespace, load, watch, title="good", version="v2", show=look)
        bad = await play(lab, namespace, load, watch, title="bad", version="v3", spoil_at=50.0)
    assert (good.outcome, good.failed) == ("Succeeded", {})
    assert [one.weight for one in good.stretches][:2] == [10.0, 50.0]
    promised = [one for one in recorded if one["threshold"] == "promised"]
    assert promised
    assert all(one["conclusion"] in {"Inconclusive", "ShownOk"} and " of " in one["counts"] for one in promised)
    assert bad.outcome == "Reverted"
    assert "error-rate of the candidate is worse than the baseline's by more than 20%" in bad.message
    assert set(bad.failed) == {"v3"}
    assert bad.weights[-1] == 0
