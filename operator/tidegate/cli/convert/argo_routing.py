"""Services and routes of an Argo Rollout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.api.rollout.traffic import RouteKind
from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft, Object
from tidegate.cli.convert.reading import mapping, mappings, text

GATEWAY_API: Final = "argoproj-labs/gatewayAPI"
LONGEST: Final = 63
"""Characters of a Service's name."""
_ROUTES: Final = {
    "httpRoute": RouteKind.HTTP_ROUTE,
    "grpcRoute": RouteKind.GRPC_ROUTE,
    "tcpRoute": RouteKind.TCP_ROUTE,
    "tlsRoute": RouteKind.TLS_ROUTE,
}


def route(draft: Draft, name: str, canary: Mapping[str, Any], blue_green: Mapping[str, Any]) -> None:
    """Fills in both Services and `traffic`."""
    if blue_green:
        stable, candidate = text(blue_green, "activeService"), text(blue_green, "previewService")
    else:
        stable, candidate = text(canary, "stableService"), text(canary, "canaryService")
    for arm, service, otherwise in (("baseline", stable, name[:LONGEST]), ("candidate", candidate, _with_suffix(name))):
        draft.spec[arm]["service"] = service or otherwise
        if not service:
            draft.note(TODO, f"no Service was named: {otherwise} must select the pods of the {arm} alone", "spec", arm)
    routing = mapping(canary, "trafficRouting")
    targets = _gateway_api(draft, routing)
    draft.spec["traffic"] = targets or [{"kind": str(RouteKind.HTTP_ROUTE), "name": name}]
    if not targets:
        others = [key for key in routing if key not in {"plugins", "managedRoutes"}] + list(mapping(routing, "plugins"))
        by = f"{', '.join(others)} routed the traffic" if others else "Argo shared the traffic by numbers of pods"
        words = f"{by}: Tidegate sets the weights of a Gateway API route that has both Services as backends, such as this one"
        draft.note(TODO, words, "spec", "traffic")


def _with_suffix(name: str, suffix: str = "-canary") -> str:
    """A name for a Service, which is a DNS label."""
    return name[: LONGEST - len(suffix)].rstrip("-.") + suffix


def _gateway_api(draft: Draft, routing: Mapping[str, Any]) -> list[Object]:
    plugin = mapping(routing, "plugins", GATEWAY_API)
    found: list[Object] = []
    for key, kind in _ROUTES.items():
        names = [text(plugin, key), *(text(one, "name") for one in mappings(plugin, f"{key}s"))]
        found += [{"kind": str(kind), "name": one} for one in names if one]
    if text(plugin, "namespace") not in {"", draft.manifest["metadata"].get("namespace", "")}:
        draft.note(
            CHANGED, f"routes are in the Rollout's namespace (the plugin has {plugin['namespace']})", "spec", "traffic"
        )
    if listed := list(mappings(routing, "managedRoutes")):
        draft.note(NO_EQUAL, f"managedRoutes ({len(listed)}): no rule is added to a route", "spec", "traffic")
    return [one for index, one in enumerate(found) if one not in found[:index]]
