"""Secrets of notifications: read when a message is sent, kept for seconds, never watched.

Their content is shown nowhere: not in errors, not in logs, not in a `repr`.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, Protocol

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import SECRETS
from tidegate.ports.errors import Rejected
from tidegate.ports.protocols import Clock

KEPT_FOR: Final = 30.0
"""Seconds for which one is not read again: of hundreds of messages at once, one reads it."""
KEPT: Final = 256
"""Secrets that are kept at a time."""


class SecretReader(Protocol):
    """Reads Secrets of a namespace."""

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """The values by key, without white space around them.

        Raises: Missing, Rejected, Unavailable.
        """
        ...

    def forget(self, namespace: str, name: str) -> None:
        """Reads it anew the next time."""
        ...


class KubernetesSecrets:
    """`SecretReader` on the Kubernetes API."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, Mapping[str, str]]] = OrderedDict()

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """The values by key, as of a few seconds ago at most.

        Raises: Missing, Rejected, Unavailable.
        """
        self._forget_old()
        known = self._kept.get((namespace, name))
        if known is not None:
            return known[1]
        raw = await self._api.get(SECRETS, namespace, name)
        found = {key: _decoded(namespace, name, key, value) for key, value in (raw.get("data") or {}).items()}
        self.forget(namespace, name)  # two may have read it at once
        self._kept[namespace, name] = self._clock.monotonic() + KEPT_FOR, found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self, namespace: str, name: str) -> None:
        """Reads it anew the next time."""
        self._kept.pop((namespace, name), None)

    def _forget_old(self) -> None:
        """The oldest are first."""
        now = self._clock.monotonic()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)


def _decoded(namespace: str, name: str, key: str, value: str) -> str:
    try:
        return base64.b64decode(value).decode().strip()
    except ValueError:
        pass  # raised outside, so that nothing of the value is chained to the error
    raise Rejected(f"Secret {namespace}/{name}: the value of {key!r} is not text")
