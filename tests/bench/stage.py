"""The lab without Envoy, gateway and Prometheus; the operator as a service account of it; the stand-in; the watch."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab import manifests
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from lab.wait import until
from tests.bench import cost
from tests.bench.fleet import A_NAMESPACE, Fleet
from tests.bench.source import Source
from tests.bench.yardstick import Yard

NAMESPACE = "tidegate-system"
QUIET = 1.0
"""Seconds in which an operator that has settled uses hardly any processor time."""
BUSY = 0.05
"""Seconds of processor time within `QUIET` above which it has not settled."""

_progress = Console(stderr=True, highlight=False)
_began = time.monotonic()


def progress(message: str) -> None:
    _progress.print(f"{time.monotonic() - _began:6.1f} s  {message}", soft_wrap=True)


@dataclass(frozen=True)
class Stage:
    lab: Lab
    source: Source
    operator: OperatorProcess
    fleet: Fleet
    yard: Yard

    async def cost(self) -> cost.Cost:
        return await cost.cost(self.lab, self.operator, self.source)

    async def afresh(self) -> None:
        """Starts the operator anew, so that what it did before weighs on no figure; returns when it has settled."""
        await self.operator.stop()
        await self.operator.start()
        await self.settled()

    async def settled(self) -> None:
        used = [-math.inf]

        def quiet() -> bool:
            used.append(cost.cpu_seconds(self.operator.pid))
            return used[-1] - used[-2] < BUSY

        await until(quiet, 60, "the operator has settled", every=QUIET)

    async def settled_at_work(self) -> None:
        """Returns when the operator's use of the processor no longer falls: the start of the runs is over."""
        spent = [cost.cpu_seconds(self.operator.pid)]
        used = [math.inf]

        def steady() -> bool:
            spent.append(cost.cpu_seconds(self.operator.pid))
            used.append(spent[-1] - spent[-2])
            return used[-1] > used[-2] - BUSY

        await until(steady, 60, "the operator works steadily", every=QUIET)

    async def passes(self, seconds: float) -> None:
        """Lets time go by, over which something is counted."""
        end = time.monotonic() + seconds
        await until(lambda: time.monotonic() >= end, seconds + 5, "time goes by")


@asynccontextmanager
async def stage(a_namespace: int = A_NAMESPACE, settings: Mapping[str, object] | None = None) -> AsyncIterator[Stage]:
    """`a_namespace` is how many shops are in one namespace; `settings` are further ones of the operator's configuration."""
    progress("starting etcd, API server and controllers")
    async with Lab(prometheus=False, gateway=False, processes=False) as lab:
        await lab.install_tidegate()
        kubeconfig = await _service_account(lab)
        async with (
            Source(lab.children) as source,
            RouteWatch(lab.api) as watch,
            OperatorProcess(lab, sources={"default": source.url}, kubeconfig=kubeconfig, settings=settings) as operator,
        ):
            yield Stage(lab, source, operator, Fleet(lab, watch, source, a_namespace), Yard(lab, kubeconfig))


async def _service_account(lab: Lab) -> Path:
    """The operator comes in as it would from a pod: as a service account, through the API server's fair queues."""
    name = "tidegate"
    await lab.api.create(manifests.namespace(NAMESPACE))
    metadata = {"name": name, "namespace": NAMESPACE}
    await lab.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    await lab.api.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
    )
    return await lab.control_plane.kubeconfig_of_service_account(NAMESPACE, name)
