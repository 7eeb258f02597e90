"""Rollouts from Git: what is applied again is unchanged, whoever worked on the object in between."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab.api import Api
from lab.control_plane import ControlPlane
from tests.integration.crds.applying import apply_client_side, apply_server_side, diff

ROOT = Path(__file__).parents[3]
VERSION = "tidegate.dev/v1alpha1"
FINALIZER = "tidegate.dev/restore-weights"

Object = dict[str, Any]


def examples() -> list[tuple[str, Object]]:
    """Every object of ours among the examples, with the file it is in."""
    return [
        (file.name, manifest)
        for file in sorted((ROOT / "examples").rglob("*.yaml"))
        for manifest in yaml.safe_load_all(file.read_text())
        if manifest.get("apiVersion") == VERSION
    ]


EXAMPLES = [pytest.param(manifest, id=f"{file}-{manifest['kind']}") for file, manifest in examples()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(cluster: ControlPlane) -> Api:
    await cluster.install_crds(sorted((ROOT / "crds").glob("*.yaml")))
    return cluster.api


def placed(manifest: Object, namespace: str) -> Object:
    """In the test's namespace; an object for all namespaces gets a name of the test's own."""
    found = copy.deepcopy(manifest)
    if manifest["kind"].startswith("Cluster"):
        found["metadata"]["name"] += f"-{namespace}"
    else:
        found["metadata"]["namespace"] = namespace
    return found


async def work_on(api: Api, manifest: Object) -> None:
    """What the operator does to a Rollout: a finalizer, and status."""
    await api.patch(manifest, {"metadata": {"finalizers": [FINALIZER]}})
    await api.patch(manifest, {"status": {"phase": "Idle", "observedGeneration": 1}}, part="status")


@pytest.mark.parametrize("manifest", EXAMPLES)
async def test_an_example_settles_however_often_it_is_applied(api: Api, namespace: str, manifest: Object) -> None:
    given = placed(manifest, namespace)
    try:
        assert [await apply_client_side(api, given) for _ in range(3)] == ["created", "unchanged", "unchanged"]
        if given["kind"] == "Rollout":
            await work_on(api, given)
        assert await apply_client_side(api, given) == "unchanged"
        assert await diff(api, given, server_side=False) == {}
        assert await diff(api, given, server_side=True) == {}
        applied = await apply_server_side(api, given)
        assert applied["metadata"]["generation"] == 1
        assert await diff(api, given, server_side=True) == {}
    finally:
        await api.patch(given, {"metadata": {"finalizers": []}})
        await api.delete(given)


async def test_an_example_applied_by_the_server_first_stays_the_same_for_both(api: Api, namespace: str) -> None:
    for _, manifest in examples():
        if manifest["kind"] == "Rollout":
            given = placed(manifest, namespace)
            first = await apply_server_side(api, given)
            second = await apply_server_side(api, given)
            assert (second["spec"], second["metadata"]["generation"]) == (first["spec"], 1)
            assert await diff(api, given, server_side=True) == {}


async def test_the_next_state_from_git_is_configured_once(api: Api, namespace: str) -> None:
    given = placed(next(manifest for _, manifest in examples() if manifest["kind"] == "Rollout"), namespace)
    await apply_client_side(api, given)
    await api.patch(given, {"spec": {"interval": "7s"}})
    del given["spec"]["steps"][-1]
    assert list(await diff(api, given, server_side=False)) == ["spec"]
    assert [await apply_client_side(api, given) for _ in range(2)] == ["configured", "unchanged"]
