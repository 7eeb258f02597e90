"""The router that is none: what hangs, and what is looked at how often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tidegate.adapters import replica_ratio
from tidegate.adapters.replica_ratio import RatioRouter
from tidegate.core.model.world import Acceptance, Route, TargetRef, Unknown
from tidegate.ports.errors import Conflict
from tidegate.ports.protocols import Manager
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports.workloads import MemoryWorkloads

REF = TargetRef("shop", "ReplicaRatio", "web", "web", "web-canary")


class Stage:
    def __init__(self, *, hangs: bool = False) -> None:
        self.cluster = Cluster(VirtualClock())
        for name, replicas in (("web", 4), ("web-canary", 1)):
            self.cluster.add_deployment(name, "web:1", {"app": "web"}, replicas)
        self.cluster.services["web"] = {"app": "web"}
        self.looks = 0
        self.hangs = hangs
        self.router = RatioRouter(MemoryWorkloads(self.cluster, Gate()), self.pods_of, lambda _: "")

    async def pods_of(self, _namespace: str, service: str) -> frozenset[str] | Unknown:
        self.looks += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.cluster.pods_behind(service)

    async def read(self, *, fresh: bool = False) -> Route:
        found: Any = await self.router.read(REF, fresh=fresh)
        assert isinstance(found, Route)
        return found


async def test_who_gets_traffic_is_looked_at_once_for_each_state_of_the_deployments() -> None:
    stage = Stage()
    for _ in range(3):
        assert (await stage.read()).acceptance is Acceptance.ACCEPTED
    assert stage.looks == 1
    stage.cluster.set_replicas("web", 5)
    assert (await stage.read()).pairs[0].ready == (5, 1)
    await stage.read()
    assert stage.looks == 2
    await stage.read(fresh=True)
    assert stage.looks == 3


async def test_a_look_that_hangs_holds_up_no_evaluation_and_no_revert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_ratio, "PATIENCE", 0.01)
    stage = Stage(hangs=True)
    seen = await stage.read()
    assert seen.pairs[0].numbers == (4, 1)
    assert "no answer within" in seen.unproven
    reverted = await stage.router.write(seen, {"pods": (5, 0)}, Manager.REVERT)
    assert reverted.pairs[0].numbers == (5, 0)
    assert reverted.reverted_by_us


async def test_a_deployment_of_which_something_else_changed_is_scaled_all_the_same() -> None:
    stage = Stage()
    seen = await stage.read()
    stage.cluster.set_image("web-canary", "web:2")
    assert (await stage.router.write(seen, {"pods": (5, 0)}, Manager.FORWARD)).pairs[0].numbers == (5, 0)


async def test_a_deployment_that_somebody_scales_while_the_other_is_written_is_a_conflict() -> None:
    """And no refusal by a webhook: what was asked of it was not written."""
    stage = Stage()
    seen = await stage.read()
    stage.cluster.set_replicas("web-canary", 3)
    with pytest.raises(Conflict, match="web-canary: it was scaled meanwhile"):
        await stage.router.write(seen, {"pods": (5, 1)}, Manager.FORWARD)
    assert (await stage.read()).pairs[0].numbers == (5, 3)
