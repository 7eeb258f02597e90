"""Kubernetes Events on Rollouts: what `kubectl describe` shows of each decision, in the order in which it was made.

They are core/v1 Events, as the kubelet's and the controllers' are: kubectl sorts by their `lastTimestamp`. What happens again
within ten minutes is counted on the Event that is there, as the kubelet does.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import EVENTS, ROLLOUTS
from tidegate.api.values.text import printable
from tidegate.core.model.plan import Decision
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import RolloutObject
from tidegate.ports.errors import Missing
from tidegate.ports.protocols import Manager

LONGEST_MESSAGE: Final = 1024
"""Bytes of an Event's message (k8s.io/api/core/v1)."""
SERIES: Final = 600.0
"""Seconds in which the same is counted on one Event."""
WRITTEN_EVERY: Final = 5.0
"""Seconds between two writes of a series: what comes between is counted with the next."""
REMEMBERED: Final = 4096
"""Series that are remembered, in all Rollouts together."""

_NUMBERS: Final = re.compile(r"[0-9][0-9.,:]*")


@dataclass
class _Series:
    """One Event that may be counted on."""

    name: str
    count: int
    last: float
    """Epoch seconds of the newest occurrence."""
    written: float
    """Epoch seconds of the newest write."""


class KubernetesEvents:
    """The `Announcer` port on the Kubernetes API. `now` gives epoch seconds, `instance` names this operator's pod."""

    def __init__(self, api: Api, now: Callable[[], float], instance: str) -> None:
        self._api = api
        self._now = now
        self._instance = instance
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()

    async def announce(self, rollout: RolloutObject, decision: Decision) -> None:
        """Creates the Event, or counts it on the one that said the same.

        Raises: Rejected, Unavailable.
        """
        now = self._now()
        # Numbers differ each time something is measured: the rest of the message says whether it is the same.
        key = (rollout.uid, decision.reason, str(decision.warning), _NUMBERS.sub("#", decision.message))
        known = self._series.get(key)
        if known is not None and now - known.last < SERIES:
            known.count += 1
            known.last = now
            if now - known.written < WRITTEN_EVERY or await self._counted(rollout, decision, known, now):
                return
        await self._created(rollout, decision, key, now)

    async def _counted(self, rollout: RolloutObject, decision: Decision, series: _Series, now: float) -> bool:
        """Counts one more on the Event; whether that is still there."""
        changes: list[JsonObject] = [
            {"op": "add", "path": "/count", "value": series.count},
            {"op": "add", "path": "/lastTimestamp", "value": _stamp(now)},
            {"op": "add", "path": "/message", "value": _fitting(printable(decision.message))},
        ]
        try:
            await self._api.patch(EVENTS, rollout.namespace, series.name, changes, manager=Manager.FORWARD)
        except Missing:
            return False
        series.written = now
        return True

    async def _created(self, rollout: RolloutObject, decision: Decision, key: tuple[str, ...], now: float) -> None:
        # As client-go names them: the API server lists by name, so that Events of one second come in order too.
        name = f"{rollout.name[:230]}.{time.time_ns():016x}"
        body: JsonObject = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": rollout.namespace},
            "involvedObject": {
                "apiVersion": ROLLOUTS.api_version,
                "kind": ROLLOUTS.kind,
                "namespace": rollout.namespace,
                "name": rollout.name,
                "uid": rollout.uid,
                "resourceVersion": rollout.resource_version,
            },
            "reason": decision.reason,
            "message": _fitting(printable(decision.message)),
            "type": "Warning" if decision.warning else "Normal",
            "source": {"component": "tidegate"},
            "reportingComponent": ROLLOUTS.group,
            "reportingInstance": self._instance[:128],
            "firstTimestamp": _stamp(now),
            "lastTimestamp": _stamp(now),
            "count": 1,
        }
        await self._api.create(EVENTS, rollout.namespace, body, manager=Manager.FORWARD)
        self._series[key] = _Series(name, 1, now, now)
        self._series.move_to_end(key)
        while len(self._series) > REMEMBERED:
            self._series.popitem(last=False)


def _stamp(epoch: float) -> str:
    return instant(epoch).isoformat(timespec="seconds").replace("+00:00", "Z")


def _fitting(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= LONGEST_MESSAGE:
        return message
    return encoded[: LONGEST_MESSAGE - 3].decode(errors="ignore") + "…"
