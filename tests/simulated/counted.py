"""Rollouts with lines that are tests on counts."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulated.shop import spec

RATIO = {
    "name": "errors",
    "ratio": {"bad": 'bad{workload="$workload"}', "total": 'all{workload="$workload"}'},
    "window": "1m",
}
WORSE = {"name": "worse", "metric": "errors", "regression": {}}
ABSOLUTE = {"name": "absolute", "metric": "errors", "regression": {"limit": "5%"}}
SPLIT = {"name": "split", "metric": "errors", "split": {}, "onBreach": "Hold"}


def counted(*guards: Mapping[str, object], **changes: object) -> dict[str, object]:
    made = {
        "metrics": [RATIO],
        "guards": list(guards),
        "steps": [{"name": "canary", "weight": 10, "duration": "6h"}],
        **changes,
    }
    return spec(**made)
