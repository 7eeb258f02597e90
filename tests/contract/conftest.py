"""The in-memory twin as the stage of the contract tests."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.stage import SPEC, Rules, Stage
from tidegate.api.commands import Action
from tidegate.api.metric_template.ref import TemplateRef
from tidegate.core.model.world import Acceptance, Command
from tidegate.ports.protocols import Commands, Jobs, MetricTemplates, RolloutStore, TrafficRouter, Workloads
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.cluster.objects import SimulatedCronJob, SimulatedRoute
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports.objects import MemoryCommands, MemoryMetricTemplates, MemoryStore
from tidegate.simulation.ports.workloads import MemoryJobs, MemoryRouter, MemoryWorkloads


class MemoryStage:
    """The ports in memory, beside the cluster itself as the hands of everybody else."""

    def __init__(self) -> None:
        self.cluster = Cluster(VirtualClock())
        gate = Gate()
        self.namespace = self.cluster.namespace
        self.rollouts: RolloutStore = MemoryStore(self.cluster, gate)
        self.workloads: Workloads = MemoryWorkloads(self.cluster, gate)
        self.router: TrafficRouter = MemoryRouter(self.cluster, gate)
        self.metric_templates: MetricTemplates = MemoryMetricTemplates(self.cluster, gate)
        self.commands: Commands = MemoryCommands(self.cluster, gate)
        self.cluster.cron_jobs["nothing"] = SimulatedCronJob(missing=True)
        self.jobs: Jobs = MemoryJobs(self.cluster, gate)

    async def put_rollout(self, name: str) -> None:
        self.cluster.add_rollout(name, SPEC)

    async def edit_rollout(self, name: str) -> None:
        self.cluster.edit_rollout(name, {**SPEC, "interval": "45s"})

    async def delete_rollout(self, name: str) -> None:
        self.cluster.delete_rollout(name)

    async def put_route(self, kind: str, name: str, rules: Rules) -> None:
        self.cluster.add_route(SimulatedRoute(kind, name, [dict(backends) for backends in rules.values()], list(rules)))

    async def edit_route(self, kind: str, name: str, rules: Rules) -> None:
        found = self.cluster.routes[f"{kind}/{name}"]
        found.rules, found.names = [dict(backends) for backends in rules.values()], list(rules)
        found.generation += 1
        found.manager = "kubectl"

    async def report_route(self, kind: str, name: str, *, accepted: bool) -> None:
        acceptance = Acceptance.ACCEPTED if accepted else Acceptance.REFUSED
        self.cluster.routes[f"{kind}/{name}"].acceptance = acceptance

    async def numbers(self, kind: str, name: str) -> Rules:
        found = self.cluster.routes[f"{kind}/{name}"]
        return {rule: list(backends.items()) for rule, backends in zip(found.names, found.rules, strict=True)}

    async def put_deployment(self, name: str, pod_spec: Mapping[str, Any], replicas: int) -> None:
        made = self.cluster.add_deployment(name, "", {"app": name}, replicas)
        made.template = {**made.template, "spec": copy.deepcopy(dict(pod_spec))}

    async def settled(self, name: str) -> None:
        assert name in self.cluster.deployments

    async def edit_template(self, name: str, annotations: Mapping[str, str]) -> None:
        self.cluster.annotate(name, annotations)

    async def pod_spec(self, name: str) -> Mapping[str, Any]:
        return dict(self.cluster.deployments[name].template["spec"])

    async def put_service(self, name: str, selector: Mapping[str, str]) -> None:
        self.cluster.services[name] = dict(selector)

    async def put_metric_template(self, ref: TemplateRef, spec: Mapping[str, Any]) -> None:
        self.cluster.put_metric_template(ref, spec)

    async def delete_metric_template(self, ref: TemplateRef) -> None:
        self.cluster.delete_metric_template(ref)

    async def put_autoscaler(self, name: str, deployment: str) -> None:
        self.cluster.autoscalers[deployment] = f"HorizontalPodAutoscaler {name}"

    async def put_cron_job(self, name: str, *, suspended: bool) -> None:
        self.cluster.cron_jobs[name] = SimulatedCronJob(suspended=suspended)

    async def delete_jobs(self) -> None:
        self.cluster.jobs.clear()

    async def put_command(self, name: str, rollout: str, action: str) -> None:
        del rollout
        now = self.cluster.clock.now()
        self.cluster.commands.append(Command(f"uid-{name}", name, Action(action), "", "", "", now))

    async def outcome(self, command: str) -> tuple[str, str]:
        if (found := self.cluster.outcomes.get(f"uid-{command}")) is None:
            return "", ""
        done, message = found
        return ("Done" if done else "Refused"), message


@pytest.fixture
def stage() -> Stage:
    """The twin's."""
    return MemoryStage()
