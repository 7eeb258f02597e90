from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.stage import Stage
from tidegate.core.observed import ABSENT, Arm, Template
from tidegate.core.version import RESTARTED_AT
from tidegate.ports.errors import Conflict
from tidegate.ports.protocols import Manager

PLAIN: Mapping[str, Any] = {"containers": [{"name": "app", "image": "shop:1"}]}
RICH: Mapping[str, Any] = {
    "initContainers": [
        {"name": "migrate", "image": "migrate:2", "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    ],
    "containers": [{"name": "app", "image": "shop:2"}, {"name": "proxy", "image": "proxy:2"}],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}


async def arm(stage: Stage, name: str = "shop") -> Arm:
    found = await stage.workloads.arm(stage.namespace, name, name, fresh=True)
    assert isinstance(found, Arm), found
    return found


async def template(stage: Stage, name: str = "shop") -> Template:
    found = await stage.workloads.template(stage.namespace, name)
    assert isinstance(found, Template), found
    return found


def images(pod_spec: Mapping[str, Any]) -> dict[str, list[str]]:
    return {part: [item["image"] for item in pod_spec.get(part) or ()] for part in ("initContainers", "containers")}


async def test_a_deployment_that_is_not_there_is_absent(stage: Stage) -> None:
    assert await stage.workloads.arm(stage.namespace, "nobody", "nobody", fresh=True) is ABSENT
    assert await stage.workloads.template(stage.namespace, "nobody") is ABSENT


async def test_an_arm_without_its_service_says_so(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    assert (await arm(stage)).selector is ABSENT


async def test_an_arm_shows_its_services_selector(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_service("shop", {"app": "shop"})
    assert (await arm(stage)).selector == {"app": "shop"}


async def test_a_service_without_a_selector_has_an_empty_one(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_service("shop", {})
    assert (await arm(stage)).selector == {}


async def test_an_arm_is_its_deployment_in_few_words(stage: Stage) -> None:
    await stage.put_deployment("shop", RICH, 0)
    found = await arm(stage)
    assert (found.deployment, found.generation, found.replicas, found.available) == ("shop", 1, 0, 0)
    assert found.images == ("shop:2", "proxy:2")
    assert found.labels == {"app": "shop"}
    assert found.uid


async def test_the_same_pods_are_the_same_version_whatever_the_deployment_is_called(stage: Stage) -> None:
    await stage.put_deployment("shop", RICH, 0)
    await stage.put_deployment("shop-canary", RICH, 0)
    one, other = await arm(stage), await arm(stage, "shop-canary")
    assert (one.fingerprint, one.parts) == (other.fingerprint, other.parts)
    assert one.fingerprint == (await template(stage)).fingerprint


async def test_a_restart_is_no_new_version_and_an_annotation_is(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    before = await arm(stage)
    await stage.edit_template("shop", {RESTARTED_AT: "2026-01-01T00:00:00Z"})
    restarted = await arm(stage)
    assert restarted.generation > before.generation
    assert restarted.fingerprint == before.fingerprint
    await stage.edit_template("shop", {"config": "new"})
    annotated = await arm(stage)
    assert annotated.fingerprint != before.fingerprint
    assert annotated.parts == before.parts


async def test_a_promotion_adds_init_containers_and_volumes_and_can_take_them_back(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_deployment("shop-canary", RICH, 0)
    old, new = await template(stage), await template(stage, "shop-canary")
    await stage.workloads.write_template(stage.namespace, "shop", old, new.parts, Manager.FORWARD)
    assert images(await stage.pod_spec("shop")) == images(RICH)
    promoted = await template(stage)
    assert promoted.parts == new.parts
    await stage.workloads.write_template(stage.namespace, "shop", promoted, old.parts, Manager.REVERT)
    assert images(await stage.pod_spec("shop")) == images(PLAIN)
    assert (await template(stage)).parts == old.parts


async def test_writing_what_is_there_moves_nothing(stage: Stage) -> None:
    await stage.put_deployment("shop", RICH, 0)
    found = await template(stage)
    await stage.workloads.write_template(stage.namespace, "shop", found, found.parts, Manager.FORWARD)
    assert (await arm(stage)).generation == 1


async def test_a_template_that_has_changed_since_it_was_read_is_not_written(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_deployment("shop-canary", RICH, 0)
    old, new = await template(stage), await template(stage, "shop-canary")
    await stage.edit_template("shop", {"config": "new"})
    with pytest.raises(Conflict):
        await stage.workloads.write_template(stage.namespace, "shop", old, new.parts, Manager.FORWARD)
    assert images(await stage.pod_spec("shop")) == images(PLAIN)
