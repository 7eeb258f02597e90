"""The manifests of `docs/routers/`, applied: every Rollout there finds both of its backends, and can raise and revert."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab.control_plane import ControlPlane
from tests.integration.routers.conftest import Stage
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads, WorkloadCaches
from tidegate.adapters.routers import EVERY, RouteCaches, enabled, routers
from tidegate.adapters.routers.row import Row
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model.world import Route
from tidegate.core.traffic import targets
from tidegate.ports.protocols import Manager
from tidegate.runtime.configured import routers_of
from tidegate.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs/routers").glob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def manifests(page: Path) -> list[Any]:
    return [yaml.safe_load(text) for text in BLOCK.findall(page.read_text())]


def rows(page: Path) -> tuple[Row, ...]:
    """The routers in use where a page has a configuration, else all."""
    settings = [Settings.model_validate(one) for one in manifests(page) if "kind" not in one]
    return routers_of(settings[0]) if settings else enabled(row.kind for row in EVERY)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def with_tidegate(with_crds: ControlPlane) -> ControlPlane:
    await with_crds.install_crds((ROOT / "crds").glob("*.yaml"))
    return with_crds


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_every_manifest_of_a_page_is_taken_and_does_what_it_shows(
    page: Path, stage: Stage, api: Api, with_tidegate: ControlPlane
) -> None:
    router = routers(api, RouteCaches(rows(page)), arms=KubernetesWorkloads(api, WorkloadCaches()))
    specs = []
    for number, manifest in enumerate(one for one in manifests(page) if "kind" in one):
        metadata = {**manifest["metadata"], "namespace": stage.namespace}
        if manifest["kind"] == "Rollout":
            metadata["name"] = f"{metadata['name']}-{number}"
            specs.append(RolloutSpec.model_validate(manifest["spec"]))
        await with_tidegate.api.create({**manifest, "metadata": metadata})
    assert specs
    for spec in specs:
        (ref,) = targets.refs_of(spec, stage.namespace)
        route = await router.read(ref, fresh=True)
        assert isinstance(route, Route), route
        assert route.missing_rules == ()
        (pair,) = route.pairs
        assert (pair.candidate, pair.alone) == (0, True)
        raised = await router.write(
            route, {pair.rule: (pair.total // 2, pair.total - pair.total // 2)}, Manager.FORWARD
        )
        reverted = await router.write(raised, {pair.rule: (pair.total, 0)}, Manager.REVERT)
        assert reverted.pairs == route.pairs


def test_every_router_has_a_page_and_every_page_a_router() -> None:
    families = {row.facts.family for row in EVERY} | {"custom"}
    assert families == {page.stem for page in PAGES}
    shown = {
        target["kind"]
        for page in PAGES
        for one in manifests(page)
        if one.get("kind") == "Rollout"
        for target in one["spec"]["traffic"]
    }
    assert shown == {*(row.kind for row in EVERY), "Custom"} - {"GRPCRoute", "TCPRoute", "TLSRoute"}, (
        "those are as HTTPRoute"
    )
