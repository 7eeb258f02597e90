"""The status of a long run with much evidence stays small, and loses evidence before memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulated.shop import check
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted

PARTS = ("checkout", "payment", "search", "basket", "login", "export")

METRICS = [
    {
        "name": f"{part}-errors",
        "ratio": {
            "bad": f'http_requests_total{{deployment="$workload",handler="{part}",code=~"5.."}}',
            "total": f'http_requests_total{{deployment="$workload",handler="{part}"}}',
        },
    }
    for part in PARTS
]

SPEC: dict[str, Any] = {
    "baseline": {"deployment": "checkout", "service": "checkout"},
    "candidate": {"deployment": "checkout-canary", "service": "checkout-canary"},
    "traffic": [{"kind": "HTTPRoute", "name": "checkout"}],
    "interval": "5m",
    "metrics": METRICS,
    "thresholds": [
        *({"metric": metric["name"], "max": "1%"} for metric in METRICS),
        *({"metric": metric["name"], "regression": {"limit": "1%"}} for metric in METRICS),
    ],
    "guards": [{"metric": metric["name"], "regression": {}} for metric in METRICS[:2]],
    "steps": [
        {
            "name": "canary",
            "weight": 20,
            "duration": "13d",
            "checkpoints": [{"every": "15m", "until": "2d"}, {"every": "1h"}],
        }
    ],
    "promotion": {"strategy": "CopyTemplate"},
}

WORLD = {
    "lasts": "14d",
    "metrics": {metric["name"]: {"requests": 12_345, "candidate": [{"value": "0.5%"}]} for metric in METRICS},
}


@pytest.mark.timeout(240)
def test_two_days_with_96_checkpoints_each_and_eleven_with_24_fit_into_64_kib() -> None:
    spec, problems = check(SPEC)
    assert spec is not None, problems
    story = Scripted("checkout", SPEC, spec, World.model_validate(WORLD), check)
    sizes: list[int] = []

    def tell() -> None:
        status = story.status
        sizes.append(len(json.dumps(status)))
        run = status.get("run")
        if run and run.get("watched", 0) > 3600 and not run.get("promotion"):
            assert len(run["evidence"]) == 8
            guards = [one["guard"] for one in status["checkpoints"][0]["findings"]]
            assert guards == 12 * [False] + 2 * [True]

    story.run(tell)
    assert story.status["history"][0]["outcome"] == "Succeeded"
    assert len(sizes) > 2 * 96 + 11 * 24
    assert 20_000 < max(sizes) < 64 * 1024
