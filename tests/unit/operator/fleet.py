"""Many Rollouts on the operator's own adapters, scheduler and background work, on an API server in memory, in virtual time.

Only the HTTP connection and Kopf's streams are left out: what is written reaches the caches as an event of a watch does.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.unit.operator.api_server import ApiServer, MemoryApi, Object
from tests.unit.operator.virtual_loop import LoopClock
from tidegate.adapters.kubernetes.secrets import KubernetesSecrets
from tidegate.adapters.notifiers.by_kind import NotifiersByKind
from tidegate.adapters.prometheus import PrometheusSources
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Templates
from tidegate.core.model.answers import Answer, Query, SeriesValue, Vector
from tidegate.core.model.message import Place
from tidegate.core.model.observation import Problem
from tidegate.core.model.world import ArmName
from tidegate.handlers import Caches, Intake, takes_of
from tidegate.handlers.standing import EVERY as LOOK_EVERY
from tidegate.handlers.standing import Standing
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.specs import checked
from tidegate.reconcile.tick import Ticker
from tidegate.runtime.cluster import ClusterAdapters
from tidegate.runtime.configured import allowed_by
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.settings import Settings
from tidegate.runtime.telemetry import LoggedTelemetry

NAMESPACE: Final = "shop"
INTERVAL: Final = 10
"""Seconds between two evaluations."""
WEIGHT: Final = 10
SAME: Final = "shop:v1"
NEW: Final = "shop:v2"


@dataclass
class Source:
    """A metric source that counts what it is asked, and answers badly about the candidates in `sick`."""

    asked: Counter[str] = field(default_factory=Counter)
    """By Rollout: namespace and name."""
    sick: set[str] = field(default_factory=set)

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        del timeout
        self.asked[rollout] += 1
        bad = query.arm is ArmName.CANDIDATE and rollout in self.sick
        return Vector((SeriesValue((), 1.0 if bad else 0.0),))


@dataclass
class Fleet:
    """The shops, the operator's scheduler, and what is counted."""

    server: ApiServer
    caches: Caches
    names: Sequence[str]
    source: Source = field(default_factory=Source)
    parsed: list[Mapping[str, Any]] = field(default_factory=list)
    """The specs that were parsed and checked."""
    scheduler: Scheduler = field(init=False)

    def check(self, raw: Mapping[str, Any], templates: Templates) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
        self.parsed.append(raw)
        return checked(raw, templates)

    def status(self, name: str) -> Object:
        found: Object = self.server.objects["rollouts", NAMESPACE, name].get("status", {})
        return found

    def weight(self, name: str) -> int:
        route = self.server.objects["httproutes", NAMESPACE, name]
        return int(route["spec"]["rules"][0]["backendRefs"][1]["weight"])

    def phases(self) -> set[str]:
        return {str(self.status(name).get("phase")) for name in self.names}

    @property
    def due(self) -> int:
        """Rollouts that the scheduler will look at by itself."""
        return len(self.scheduler._due)  # noqa: SLF001  (nothing outside needs it)

    def command(self, name: str, action: str) -> None:
        """Somebody gives a Rollout a command."""
        wanted = {"rollout": name, "action": action, "reason": "because"}
        self.server.put("rolloutcommands", {**_named(f"{name}-{action.lower()}"), "spec": wanted})

    def release(self, image: str, names: Sequence[str] | None = None) -> None:
        """Gives the candidates a version."""
        for name in self.names if names is None else names:
            self.server.put("deployments", deployment(f"{name}-canary", image))

    async def until(self, condition: Callable[[], bool], seconds: float = 900) -> None:
        """Time passes until something is so."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  (a condition, in virtual time)
                await asyncio.sleep(1)

    def forget(self) -> None:
        """What is counted is counted from now on."""
        self.server.requests.clear()
        self.source.asked.clear()
        self.parsed.clear()


@asynccontextmanager
async def fleet(count: int, image: str = SAME, **changes: object) -> AsyncIterator[Fleet]:
    """`count` Rollouts whose candidates have a version: at rest with the baseline's own, released with another."""
    server, settings, metrics, clock = ApiServer(), Settings(), Metrics(), LoopClock()
    caches = Caches()
    made = Fleet(server, caches, [f"shop-{number:03}" for number in range(count)])
    for name in made.names:
        _create(server, name, image, changes)
    api = MemoryApi(server)
    cluster = await ClusterAdapters.on(api, caches, clock, settings)
    notifiers = NotifiersByKind(KubernetesSecrets(api, clock), allowed_by(settings.notifications), Place())
    world = replace(cluster.world(PrometheusSources({}), notifiers, LoggedTelemetry(metrics)), metrics=made.source)
    index = Index()
    made.scheduler = Scheduler(world, Ticker(world, made.check, index), index)
    _, background = cluster.watched_by(made.scheduler, metrics)
    takes = {kind.plural: take for kind, take in takes_of(Intake(caches, made.scheduler)).items()}
    server.changed = lambda plural, raw: takes[plural]("MODIFIED", raw) if plural in takes else None
    caches.commands.watched = True
    for (plural, _, _), raw in server.objects.items():
        server.changed(plural, copy.deepcopy(raw))
    works = (made.scheduler.run(asyncio.Event()), *(run() for run in background), *cluster.looks(), _looks(api))
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await notifiers.close()
        await api.close()
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def _looks(api: MemoryApi) -> None:
    standing = Standing(api, lambda: ())
    while True:
        await standing.look()
        await asyncio.sleep(LOOK_EVERY)


def _create(server: ApiServer, name: str, image: str, changes: Mapping[str, object]) -> None:
    canary = f"{name}-canary"
    for one, version in ((name, SAME), (canary, image)):
        server.put("deployments", deployment(one, version))
        owner = {"uid": f"deployments-{one}", "controller": True}
        labels = {"app": one}
        replica_set = _named(f"{one}-1", labels=labels, ownerReferences=[owner])
        server.put("replicasets", {**replica_set, "spec": {"replicas": 2}})
        server.put("services", {**_named(one), "spec": {"selector": labels}})
    backends = [{"name": one, "port": 80, "weight": weight} for one, weight in ((name, 100), (canary, 0))]
    server.put("httproutes", {**_named(name), "spec": {"rules": [{"backendRefs": backends}]}})
    server.put("rollouts", {**_named(name), "spec": spec(name, changes)})


def deployment(name: str, image: str) -> Object:
    """A Deployment whose pods are all there."""
    labels = {"app": name}
    container = {"name": "app", "image": image}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    status = {"observedGeneration": 99, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    wanted = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {**_named(name), "spec": wanted, "status": status}


def spec(name: str, changes: Mapping[str, object]) -> Object:
    """A Rollout's spec: none is equal to another's."""
    query = f'errors{{shop="{name}",deployment="$workload"}}'
    return {
        "baseline": {"deployment": name, "service": name},
        "candidate": {"deployment": f"{name}-canary", "service": f"{name}-canary"},
        "traffic": [{"kind": "HTTPRoute", "name": name}],
        "interval": f"{INTERVAL}s",
        "metrics": [{"name": "errors", "query": query, "unit": "ratio"}],
        "guards": [{"metric": "errors", "max": "50%"}],
        "steps": [{"name": "canary", "weight": WEIGHT, "duration": "30d"}],
        "promotion": {"strategy": "AwaitBaseline"},
        **changes,
    }


def _named(name: str, **metadata: Any) -> Object:  # noqa: ANN401  (JSON)
    return {"metadata": {"namespace": NAMESPACE, "name": name, **metadata}}
