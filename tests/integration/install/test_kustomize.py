"""`deploy/` is what the chart renders, and what docs/install.md says about it works."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from charts.generate import deploy
from lab import manifests, shop
from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tests.integration.install.test_helm import at_ten
from tests.integration.install.tools import RELEASE, ROOT, run
from tests.integration.runs.test_runs import rollout

DOCS = (ROOT / "docs" / "install.md").read_text()


async def built(folder: Path) -> list[Any]:
    """What `kustomize build` makes, as `helm template` names it: without the hash of the configuration's content."""
    text = await run("kustomize", "build", folder, "--load-restrictor", "LoadRestrictionsNone")
    return list(yaml.safe_load_all(re.sub(r"\btidegate-[0-9a-z]{10}\b", "tidegate", text)))


def sortable(objects: list[Any]) -> list[Any]:
    return sorted(objects, key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))


def test_the_files_are_what_the_chart_renders() -> None:
    files = deploy.files()
    for path, text in files.items():
        assert path.read_text() == text, f"{path}: run: make generate"
    folders = {path.relative_to(deploy.DEPLOY).parts[0] for path in files}
    there = (path for folder in folders for path in (deploy.DEPLOY / folder).rglob("*") if path.is_file())
    assert set(there) == set(files)


@pytest.mark.parametrize(("folder", "options"), [("cluster", deploy.WHOLE), ("namespaced", deploy.NAMESPACED)])
async def test_kustomize_makes_of_them_what_helm_makes_of_the_chart(folder: str, options: tuple[str, ...]) -> None:
    objects = await built(deploy.DEPLOY / folder)
    (namespace,) = (one for one in objects if one["kind"] == "Namespace") if folder == "cluster" else (None,)
    assert sortable([one for one in objects if one is not namespace]) == sortable(deploy.rendered(*options))


def overlay(folder: Path, base: str, settings: dict[str, Any], **more: Any) -> Path:  # noqa: ANN401
    """The kustomization of docs/install.md on a folder of this checkout."""
    (shown,) = re.findall(r"```yaml\n(# kustomization.yaml\n.*?)```", DOCS, re.DOTALL)
    kustomization = yaml.safe_load(shown) | {"resources": [os.path.relpath(deploy.DEPLOY / base, folder)], **more}
    kustomization["images"] = [{"name": "tidegate.dev/tidegate", "newTag": "test"}]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    (folder / "operator.yaml").write_text(yaml.safe_dump(settings))
    return folder


def settings(lab: Lab, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"sources": {"default": {"url": lab.prometheus_url}}, "listen": f"127.0.0.1:{free_port()}", **more}


async def apply(lab: Lab, folder: Path, port: int) -> list[Any]:
    """`kubectl apply --server-side -k`: definitions and namespaces are there before what needs them."""
    text = await run("kustomize", "build", folder, "--load-restrictor", "LoadRestrictionsNone")
    objects = [item for item in yaml.safe_load_all(text) if item]
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    # The lab's pods share one address, so the port is the test's.
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = port
    await lab.apply(objects)
    return objects


async def remove(lab: Lab, objects: list[Any], namespace: str) -> None:
    for item in objects:
        if item["kind"] not in {"CustomResourceDefinition", "Namespace"}:
            await lab.api.delete(item)

    async def gone() -> bool:
        return not await lab.api.list("v1", "Pod", namespace, f"app.kubernetes.io/instance={RELEASE}")

    await until(gone, PATIENCE, "the operator has ended")


@pytest_asyncio.fixture(loop_scope="session")
async def shop_in(fresh: Lab) -> AsyncIterator[str]:
    namespace = f"kustomized-{free_port()}"
    await shop.open_shop(fresh, namespace)
    await shop.release(fresh, namespace, "v2")
    yield namespace
    await fresh.api.delete(manifests.namespace(namespace))


@pytest.mark.parametrize("scope", ["cluster", "namespaced"])
async def test_with_an_overlay_as_documented_traffic_is_shifted(
    fresh: Lab, shop_in: str, tmp_path: Path, scope: str
) -> None:
    own = RELEASE if scope == "cluster" else shop_in
    given = settings(fresh, namespaces=[] if scope == "cluster" else [own])
    await fresh.install_tidegate()
    more: dict[str, Any] = {} if scope == "cluster" else {"namespace": own}
    folder = overlay(tmp_path, scope, given, **more)
    objects = await apply(fresh, folder, int(given["listen"].rpartition(":")[2]))
    try:
        await fresh.apply(rollout(shop_in))
        await at_ten(fresh, shop_in)
    finally:
        await remove(fresh, objects, own)


async def test_a_change_of_the_configuration_changes_the_pods_template(fresh: Lab, tmp_path: Path) -> None:
    names = []
    for level in ("info", "debug"):
        place = tmp_path / level
        place.mkdir()
        folder = overlay(place, "cluster", settings(fresh, logs={"level": level}))
        text = await run("kustomize", "build", folder, "--load-restrictor", "LoadRestrictionsNone")
        (pod,) = (
            one["spec"]["template"]["spec"] for one in yaml.safe_load_all(text) if one and one["kind"] == "Deployment"
        )
        names += [volume["configMap"]["name"] for volume in pod["volumes"]]
    assert len(set(names)) == 2
