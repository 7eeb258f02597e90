"""Whether the kinds of route are served that the Rollouts use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.routers.permissions import Grant
from tidegate.adapters.routers.row import Router, Row
from tidegate.adapters.routers.rows.gateway_api import GROUP as GATEWAY_API
from tidegate.cli.doctor.result import Level, Result

CHECK: Final = "kinds of route"


async def served(
    api: Api, rollouts: Sequence[Mapping[str, Any]], rows: Sequence[Row]
) -> tuple[list[Result], list[Grant]]:
    """What discovery says of each kind in use, and what the operator needs for those that are served.

    Args:
        api: the API server.
        rollouts: those that may name a kind.
        rows: the routers that the operator's configuration enables.
    """
    results: list[Result] = []
    grants: list[Grant] = []
    used = _used(rollouts)
    for row in rows:
        users = used.pop(row.kind, [])
        if not isinstance(row, Router):  # it is made of kinds that every cluster has
            grants += row.grants
            results.append(Result(CHECK, Level.OK, f"{row.kind} needs no kind of its own"))
            continue
        found = await api.served(row.resource)
        if found is not None:
            grants += row.grants
            results.append(Result(CHECK, Level.OK, f"{row.kind} ({found.api_version}) is served"))
        elif users:
            message = f"{row.kind} ({row.resource.api_version}) is not served, and {', '.join(users)} uses it"
            results.append(Result(CHECK, Level.FAILED, message, _install(row)))
    for kind, users in used.items():
        message = f"{kind} is not enabled in the operator's configuration, and {', '.join(users)} uses it"
        results.append(Result(CHECK, Level.FAILED, message, "add it to routers (or custom): docs/routers.md"))
    if not results:
        message = f"none is served: {', '.join(row.kind for row in rows)}"
        results.append(Result(CHECK, Level.FAILED, message, "install the CRDs of the Gateway API, standard channel"))
    return results, grants


def _install(row: Router) -> str:
    if row.resource.group == GATEWAY_API:
        return "install the CRDs of the Gateway API in a version that has it (HTTPRoute and GRPCRoute 1.1, TLSRoute 1.5, TCPRoute 1.6)"
    return f"install the CRDs of {row.resource.group}"


def _used(rollouts: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By kind, the Rollouts that name it."""
    found: dict[str, list[str]] = {}
    for rollout in rollouts:
        metadata = rollout["metadata"]
        for target in (rollout.get("spec") or {}).get("traffic") or ():
            custom = target.get("custom") or {}
            kind = f"{custom.get('kind')}.{custom.get('group')}" if custom else str(target.get("kind"))
            users = found.setdefault(kind, [])
            name = f"Rollout {metadata.get('namespace', '')}/{metadata['name']}"
            if name not in users:
                users.append(name)
    return found
