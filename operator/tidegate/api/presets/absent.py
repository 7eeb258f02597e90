"""Systems without presets, and why: a query that mixes the arms up is worse than none."""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import Absent

ABSENT: Final = (
    Absent(
        names=("ingress-nginx", "nginx", "nginx-ingress"),
        title="ingress-nginx",
        why="Tidegate writes the weights of Gateway API routes, which ingress-nginx does not serve. Its counters name "
        "the baseline's Service for requests of both arms, and the candidate only in `canary`, as an upstream: no one "
        "selector finds either arm",
        instead="measure at the service itself (`http/…`) or its mesh (`linkerd/…`)",
        sources=("ingress-nginx's repository: `monitor.lua`, `balancer.lua`, `collectors/socket.go`",),
    ),
)
