"""The administrator's freezes of each namespace. Labels of namespaces are read outside the ticks, and only where a freeze asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import NAMESPACES
from tidegate.api.namespace_freeze import NamespaceFreeze
from tidegate.api.rollout.gates import Freeze
from tidegate.ports.errors import PortError

EVERY: Final = 60.0
"""Seconds between two looks at the namespaces' labels."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class NamespaceFreezes:
    """The `Freezes` port. `now` gives epoch seconds."""

    def __init__(self, api: Api, freezes: Sequence[NamespaceFreeze], now: Callable[[], float]) -> None:
        """No label is known yet."""
        self._api = api
        self._freezes = tuple(freezes)
        self._now = now
        self._labels: Mapping[str, Mapping[str, str]] | None = None
        self._failed = ""

    def of(self, namespace: str) -> tuple[Freeze, ...]:
        """Those that are not over. A namespace whose labels are not known is taken as chosen by every selector."""
        coming = [one for one in self._freezes if one.to.timestamp() > self._now()]
        labels = self._labels.get(namespace) if self._labels is not None else None
        return tuple(
            one.as_freeze(sure=labels is not None or one.holds_in(namespace, {}) or one.namespace_selector is None)
            for one in coming
            if one.holds_in(namespace, labels)
        )

    async def look(self) -> None:
        """Reads the labels of all namespaces, if a freeze that is not over chooses by them; what fails is said once."""
        if not any(one.namespace_selector is not None and one.to.timestamp() > self._now() for one in self._freezes):
            return
        found: dict[str, Mapping[str, str]] = {}
        try:
            async for page in self._api.pages(NAMESPACES, None):
                found |= {raw["metadata"]["name"]: raw["metadata"].get("labels") or {} for raw in page}
        except PortError as error:
            if str(error) != self._failed:
                words = "labels of namespaces cannot be read: freezes with a selector hold in every namespace that is not known"
                _log.warning(words, error=str(error))
            self._failed = str(error)
            return
        self._failed, self._labels = "", found
