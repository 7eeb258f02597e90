"""Whether the kinds of route are served that the Rollouts use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.routers import RESOURCES
from tidegate.cli.doctor.result import Level, Result

CHECK: Final = "kinds of route"


async def served(api: Api, rollouts: Sequence[Mapping[str, Any]]) -> tuple[list[Result], list[str]]:
    """What discovery says of each kind, and the plurals of those that are served."""
    results, plurals = [], []
    used = _used(rollouts)
    for kind, resource in RESOURCES.items():
        users = used.get(kind, [])
        if await api.serves(resource):
            plurals.append(resource.plural)
            results.append(Result(CHECK, Level.OK, f"{kind} ({resource.api_version}) is served"))
        elif users:
            message = f"{kind} ({resource.api_version}) is not served, and {', '.join(users)} uses it"
            advice = "install the CRDs of the Gateway API in a version that has it (HTTPRoute and GRPCRoute 1.1, TLSRoute 1.5, TCPRoute 1.6)"
            results.append(Result(CHECK, Level.FAILED, message, advice))
    if not plurals and not any(one.level is Level.FAILED for one in results):
        message = f"none is served: {', '.join(RESOURCES)} of the Gateway API"
        results.append(Result(CHECK, Level.FAILED, message, "install the CRDs of the Gateway API, standard channel"))
    return results, plurals


def _used(rollouts: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By kind, the Rollouts that name it."""
    found: dict[str, list[str]] = {}
    for rollout in rollouts:
        metadata = rollout["metadata"]
        for target in (rollout.get("spec") or {}).get("traffic") or ():
            users = found.setdefault(str(target.get("kind")), [])
            name = f"Rollout {metadata.get('namespace', '')}/{metadata['name']}"
            if name not in users:
                users.append(name)
    return found
