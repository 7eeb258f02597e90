"""What the contract tests need of a world: the ports, and hands to set the stage with.

There are two: the real one (tests/integration/contract) and the in-memory twin (tests/contract/conftest.py). The tests
are the same, so that what is simulated is what is real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tidegate.api.metric_template.ref import TemplateRef
from tidegate.ports.protocols import Commands, Jobs, MetricTemplates, RolloutStore, TrafficRouter, Workloads

SPEC: Mapping[str, Any] = {
    "baseline": {"deployment": "shop", "service": "shop"},
    "candidate": {"deployment": "shop-canary", "service": "shop-canary"},
    "traffic": [{"kind": "HTTPRoute", "name": "shop"}],
    "steps": [{"name": "only", "weight": 10}],
    "promotion": {"strategy": "AwaitBaseline"},
}
"""A Rollout's spec, valid and short."""

Rules = Mapping[str, Sequence[tuple[str, int]]]
"""The rules of a route by name: each backend's Service and weight, in order."""


class Stage(Protocol):
    """A world with one namespace of the test's own."""

    namespace: str
    rollouts: RolloutStore
    workloads: Workloads
    router: TrafficRouter
    metric_templates: MetricTemplates
    commands: Commands
    jobs: Jobs

    async def put_rollout(self, name: str) -> None:
        """A Rollout with `SPEC` comes to be."""
        ...

    async def edit_rollout(self, name: str) -> None:
        """Somebody changes its spec."""
        ...

    async def delete_rollout(self, name: str) -> None:
        """Somebody deletes it; finalizers hold it."""
        ...

    async def put_route(self, kind: str, name: str, rules: Rules) -> None:
        """A route comes to be. Names of rules that begin with `#` are left out: such a rule has none."""
        ...

    async def edit_route(self, kind: str, name: str, rules: Rules) -> None:
        """Somebody changes its rules."""
        ...

    async def report_route(self, kind: str, name: str, *, accepted: bool) -> None:
        """Its gateway reports on its current generation."""
        ...

    async def numbers(self, kind: str, name: str) -> Rules:
        """What stands on the route now."""
        ...

    async def put_deployment(self, name: str, pod_spec: Mapping[str, Any], replicas: int) -> None:
        """A Deployment comes to be; its pods become available if there is a controller to make them."""
        ...

    async def put_autoscaler(self, name: str, deployment: str) -> None:
        """A HorizontalPodAutoscaler of that name comes to be, for a Deployment."""
        ...

    async def settled(self, name: str) -> None:
        """Its controller, if there is one, has seen its template."""
        ...

    async def edit_template(self, name: str, annotations: Mapping[str, str]) -> None:
        """Somebody annotates its pod template."""
        ...

    async def pod_spec(self, name: str) -> Mapping[str, Any]:
        """Its pod template's spec now."""
        ...

    async def put_service(self, name: str, selector: Mapping[str, str]) -> None:
        """A Service comes to be, without a selector when that is empty."""
        ...

    async def put_metric_template(self, ref: TemplateRef, spec: Mapping[str, Any]) -> None:
        """A template comes to be, or gets another spec."""
        ...

    async def delete_metric_template(self, ref: TemplateRef) -> None:
        """Somebody deletes it."""
        ...

    async def put_cron_job(self, name: str, *, suspended: bool) -> None:
        """A CronJob comes to be."""
        ...

    async def delete_jobs(self) -> None:
        """Somebody deletes the Jobs there are."""
        ...

    async def put_command(self, name: str, rollout: str, action: str) -> None:
        """Somebody asks for something."""
        ...

    async def outcome(self, command: str) -> tuple[str, str]:
        """Phase and message of a command."""
        ...
