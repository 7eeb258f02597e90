"""Whether what was written acts: what gateways report of the routes, and what is waited for where nobody reports."""

from __future__ import annotations

from typing import Final

from tidegate.api.reasons import Reason
from tidegate.core.model.plan import Why
from tidegate.core.model.world import ABSENT, Acceptance, Route
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import targets

LAGS: Final = 2.0
"""Seconds until a route that does not agree with itself yet is looked at again."""


def not_yet(route: Route) -> Why:
    """What is said of a route whose numbers do not act yet."""
    detail = f": {route.acceptance_message}" if route.acceptance_message else ""
    if any(pair.ready is not None for pair in route.pairs):
        return Why(Reason.PODS_NOT_READY, f"{route.ref.key}{detail}")
    return Why(Reason.ROUTE_NOT_ACCEPTED, f"{route.ref.key} is not accepted by its gateway yet{detail}")


def look_again(draft: Draft) -> None:
    """Wakes soon where a write is awaited and what the route is read from does not agree yet: no event tells when it does."""
    step = draft.status.step
    awaited = draft.status.run is not None and (draft.ending() or step is None or not step.reached)
    if awaited and any(isinstance(route, Route) and route.lagging for route in draft.seen.routes.values()):
        draft.wakes.append(draft.now + LAGS)


def not_taken(draft: TickContext) -> Route | None:
    """The first remembered route whose gateway reports, and has not taken the route as it stands; `None` when all have."""
    for target in draft.status.targets:
        route = draft.seen.routes.get(targets.key_of(target), ABSENT)
        if isinstance(route, Route) and route.acceptance in {Acceptance.PENDING, Acceptance.REFUSED}:
            return route
    return None


def settling(draft: TickContext) -> tuple[Route, float] | None:
    """The route that is waited for longest after a raise because nobody says that it acts, and until when (epoch seconds)."""
    raised = draft.run.raised.timestamp() if draft.run.raised is not None else draft.now
    waits = [
        (raised + route.settle, route) for route in targets.routes(draft) if 0 <= draft.now - raised < route.settle
    ]
    until, route = max(waits, key=lambda one: one[0], default=(0.0, None))
    return None if route is None else (route, until)
