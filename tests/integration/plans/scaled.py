"""The manifests of `examples/`, scaled down to run in seconds: every duration, count of requests and instant, by one table for each plan.

Nothing is taken out: a window of the week is set around now, an instant to come a little later. Limits stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from lab.api import Object

EXAMPLES: Final = Path(__file__).parents[3] / "examples"
TIMES: Final[Mapping[str, Mapping[str, str]]] = {
    "staged-with-sustained-guards": {
        "30s": "1s", "2m": "3s", "5m": "3s", "10m": "3s", "15m": "3s", "30m": "4s", "1h": "4s", "24h": "6s",
        "1d": "6s", "7d": "9s", "30d": "60s",
    },
    "three-phase-production": {
        "30s": "1s", "2m": "3s", "10m": "3s", "15m": "3s", "30m": "4s", "1h": "5s", "2h": "6s", "4h": "8s",
        "1d": "16s", "2d": "18s", "7d": "24s", "14d": "60s",
    },
    "cohorts-then-everyone": {
        "30s": "1s", "1m": "1s", "2m": "3s", "5m": "3s", "10m": "3s", "30m": "4s", "1h": "4s", "1d": "4s", "7d": "5s",
        "14d": "5s", "28d": "7s", "56d": "7s",
    },
}  # fmt: skip
"""For each plan: a duration of the manifest, and what it is on the lab, where metrics are scraped every second."""
REQUESTS: Final = {10: 1, 40: 4, 50: 5}
"""`minimumRequests` of a manifest, and on the lab, where the windows are shorter than the traffic is denser."""
DEFAULTS: Final = {"interval": "30s", "window": "2m"}
"""What the API fills in where a manifest says nothing."""
AROUND: Final = timedelta(hours=2)
_DURATION: Final = re.compile(r"\d+(ms|s|m|h|d)")
_LENGTHS: Final = {
    "after", "at", "cooldown", "duration", "elapsed", "every", "for", "interval", "settle", "until", "warmUp", "window",
}  # fmt: skip


def arms(name: str) -> str:
    """What a plan's Rollout is called, and with it its baseline and its route."""
    return str(_manifest(name)["metadata"]["name"])


def plan(name: str, namespace: str, *, opens: datetime) -> Object:
    """The Rollout of `examples/NAME.yaml` for a namespace of the lab.

    Args:
        name: of the file, without its suffix.
        namespace: where it goes.
        opens: the instant that every `after: INSTANT` of a gate becomes; the windows are open two hours before and after it.

    Raises:
        KeyError: the manifest has a duration or a number of requests that is not in the table.
    """
    made = _manifest(name)
    spec = made["spec"]
    spec.setdefault("interval", DEFAULTS["interval"])
    for metric in spec["metrics"]:
        metric.setdefault("window", DEFAULTS["window"])
    made["metadata"]["namespace"] = namespace
    made["spec"] = _scaled(spec, TIMES[name], opens)
    return made


def _manifest(name: str) -> Object:
    found: Object = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    return found


def _scaled(value: Any, times: Mapping[str, str], opens: datetime) -> Any:  # noqa: ANN401  (YAML)
    if isinstance(value, list):
        return [_scaled(one, times, opens) for one in value]
    if not isinstance(value, dict):
        return value
    if "timeZone" in value:
        return value | _around(opens.astimezone(ZoneInfo(value["timeZone"])))
    return {key: _field(key, one, times, opens) for key, one in value.items()}


def _field(key: str, value: Any, times: Mapping[str, str], opens: datetime) -> Any:  # noqa: ANN401  (YAML)
    if key == "minimumRequests":
        return REQUESTS[value]
    if key in _LENGTHS and isinstance(value, str):
        return times[value] if _DURATION.fullmatch(value) else opens.isoformat().replace("+00:00", "Z")
    return _scaled(value, times, opens)


def _around(now: datetime) -> dict[str, Any]:
    """Hours that hold `now`, on every day; before `from`, `to` is on the following day."""
    return {
        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "from": f"{now - AROUND:%H:%M}",
        "to": f"{now + AROUND:%H:%M}",
    }
