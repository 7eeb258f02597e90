"""Events on Rollouts: what `kubectl describe` shows of each decision."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

import structlog

from tidegate.adapters.kubernetes.client import EVENTS, ROLLOUTS, Api
from tidegate.api.text import printable
from tidegate.core.instants import instant
from tidegate.core.observed import RolloutObject
from tidegate.ports.errors import PortError
from tidegate.ports.protocols import Manager

LONGEST_NOTE: Final = 1024
"""Bytes of an Event's note (k8s.io/api/events/v1)."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class KubernetesEvents:
    """The `Events` port on the Kubernetes API. `now` gives epoch seconds, `instance` names this operator's pod."""

    def __init__(self, api: Api, now: Callable[[], float], instance: str) -> None:
        self._api = api
        self._now = now
        self._instance = instance

    async def publish(self, rollout: RolloutObject, *, warning: bool, reason: str, message: str) -> None:
        """Creates the Event. If that fails, the log has it."""
        body = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{rollout.name}.{secrets.token_hex(8)}", "namespace": rollout.namespace},
            "eventTime": instant(self._now()).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": ROLLOUTS.group,
            "reportingInstance": self._instance[:128],
            "action": reason,
            "reason": reason,
            "type": "Warning" if warning else "Normal",
            "note": _fitting(printable(message)),
            "regarding": {
                "apiVersion": ROLLOUTS.api_version,
                "kind": ROLLOUTS.kind,
                "namespace": rollout.namespace,
                "name": rollout.name,
                "uid": rollout.uid,
                "resourceVersion": rollout.resource_version,
            },
        }
        try:
            await self._api.create(EVENTS, rollout.namespace, body, manager=Manager.FORWARD)
        except PortError as error:
            _log.warning(
                "event not published", rollout=f"{rollout.namespace}/{rollout.name}", reason=reason, error=str(error)
            )


def _fitting(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= LONGEST_NOTE:
        return message
    return encoded[: LONGEST_NOTE - 3].decode(errors="ignore") + "…"
