"""Whether the operator sees what it must: asked of the API server now and then, for `/readyz`.

An operator that may not list Rollouts, or whose definitions are gone, answers every probe and does nothing: nothing
would be reverted. The watch streams cannot say so by themselves, because a stream that brings nothing is a quiet one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import structlog

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.errors import NOT_SERVED
from tidegate.adapters.kubernetes.resources import COMMANDS, DEPLOYMENTS, ROLLOUTS, SERVICES, Resource
from tidegate.ports.errors import PortError, Rejected

EVERY: Final = 30.0
"""Seconds between two queries: one object of one kind is asked for."""
NEEDED: Final = (ROLLOUTS, COMMANDS, DEPLOYMENTS, SERVICES)
"""Kinds without which nothing can be decided. Without a kind of route, only the Rollouts that use it stand still."""
ROLE: Final = "see deploy/cluster/rbac.yaml"
INSTALL: Final = "tidegate crd | kubectl apply --server-side -f -"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Standing:
    """What stands in the way of all Rollouts, in words for an administrator."""

    def __init__(self, api: Api, refused: Callable[[], Collection[Resource]], namespaces: Sequence[str] = ()) -> None:
        """`refused` gives the kinds that may not be watched."""
        self._api = api
        self._refused = refused
        self._places: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._turn = 0
        self._missing = "Rollouts have not been listed yet"
        self._said = ""

    async def look(self) -> None:
        """Asks for one Rollout, of one namespace after the other. Its answers are kept for `trouble`."""
        place = self._places[self._turn % len(self._places)]
        self._turn += 1
        try:
            async for _ in self._api.pages(ROLLOUTS, place, {"limit": "1"}):
                break
        except Rejected as error:
            self._missing = f"{error}: {INSTALL if NOT_SERVED in str(error) else ROLE}"
        except PortError:
            return  # an API server that does not answer is another check's business
        else:
            self._missing = ""
        self._tell()

    def trouble(self) -> str | None:
        """What is wrong; `None` when nothing is."""
        return self._missing or _in_words(self._refused()) or None

    def _tell(self) -> None:
        """Logs it once, and its end."""
        trouble = self.trouble() or ""
        if trouble != self._said:
            if trouble:
                _log.error("not ready", why=trouble)
            else:
                _log.info("ready again")
        self._said = trouble


def _in_words(refused: Iterable[Resource]) -> str:
    kinds = sorted(resource.plural for resource in refused if resource in NEEDED)
    return f"not allowed to list and watch {', '.join(kinds)}: {ROLE}" if kinds else ""
