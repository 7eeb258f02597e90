from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.stage import Stage
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.template_fields import RESTARTED_AT
from tidegate.core.model.version import differences
from tidegate.core.model.world import ABSENT, Arm, Template
from tidegate.core.run.template_copy import annotations_of, as_record, copied, from_record
from tidegate.ports.errors import Conflict, Missing
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
    assert one.fields.fingerprint() == other.fields.fingerprint()
    assert one.fields == (await template(stage)).fields


async def test_a_restart_is_no_new_version_and_an_annotation_is(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    before = await arm(stage)
    await stage.edit_template("shop", {RESTARTED_AT: "2026-01-01T00:00:00Z"})
    restarted = await arm(stage)
    assert restarted.generation > before.generation
    assert restarted.fields == before.fields
    await stage.edit_template("shop", {"config": "new"})
    annotated = await arm(stage)
    assert annotated.fields.fingerprint() != before.fields.fingerprint()
    assert differences(annotated, before, ()) == ("annotations.config",)
    assert annotated.fields.fingerprint(["annotations.config"]) == before.fields.fingerprint()


WHOLE: Mapping[str, Any] = {
    **RICH,
    "serviceAccountName": "shop-2",
    "securityContext": {"runAsUser": 1000},
    "imagePullSecrets": [{"name": "registry-2"}],
    "terminationGracePeriodSeconds": 45,
    "nodeSelector": {"pool": "trial"},
}
"""A template of which nearly everything is new."""


async def copy(stage: Stage, *exclude: str) -> tuple[Template, Template]:
    """What `shop` had, and the change that made it what `shop-canary` is."""
    old, new = await template(stage), await template(stage, "shop-canary")
    await stage.workloads.write_template(stage.namespace, "shop", old, copied(old, new, exclude), Manager.FORWARD)
    return old, new


async def test_a_promotion_copies_all_that_makes_the_version_and_can_take_it_back(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_deployment("shop-canary", WHOLE, 0)
    await stage.edit_template("shop", {"sidecar/own": "1", "checksum/config": "old"})
    await stage.edit_template("shop-canary", {"checksum/config": "new", "checksum/more": "1"})
    before, labels = await arm(stage), (await arm(stage)).labels
    old, new = await copy(stage, "annotations.sidecar/own")
    promoted = await template(stage)
    assert promoted.fields.fingerprint(["annotations.sidecar/own"]) == new.fields.fingerprint()
    assert annotations_of(promoted) == {"sidecar/own": "1", "checksum/config": "new", "checksum/more": "1"}
    spec = await stage.pod_spec("shop")
    assert images(spec) == images(RICH)
    assert (spec["serviceAccountName"], spec["terminationGracePeriodSeconds"]) == ("shop-2", 45)
    assert "nodeSelector" not in spec, "scheduling is the baseline's own"
    assert (await arm(stage)).labels == labels
    back = copied(promoted, from_record(as_record(old)), ())
    await stage.workloads.write_template(stage.namespace, "shop", promoted, back, Manager.REVERT)
    assert (await arm(stage)).fields == before.fields


async def test_writing_what_is_there_moves_nothing(stage: Stage) -> None:
    await stage.put_deployment("shop", WHOLE, 0)
    found = await template(stage)
    assert copied(found, found, ()).empty
    same = TemplateChange(dict(found.raw["spec"]), {"nothing": None})
    await stage.workloads.write_template(stage.namespace, "shop", found, same, Manager.FORWARD)
    assert (await arm(stage)).generation == 1


async def test_a_template_that_has_changed_since_it_was_read_is_not_written(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_deployment("shop-canary", RICH, 0)
    old, new = await template(stage), await template(stage, "shop-canary")
    await stage.edit_template("shop", {"config": "new"})
    with pytest.raises(Conflict):
        await stage.workloads.write_template(stage.namespace, "shop", old, copied(old, new, ()), Manager.FORWARD)
    assert images(await stage.pod_spec("shop")) == images(PLAIN)


async def test_fields_within_a_container_can_stay_the_baselines_own(stage: Stage) -> None:
    own = {
        "name": "app",
        "image": "shop:1",
        "env": [{"name": "TRACK", "value": "stable"}, {"name": "LEVEL", "value": "1"}],
    }
    new = {
        "name": "app",
        "image": "shop:2",
        "env": [{"name": "TRACK", "value": "canary"}, {"name": "LEVEL", "value": "2"}],
        "resources": {"limits": {"cpu": "2"}},
    }
    await stage.put_deployment("shop", {"containers": [own]}, 0)
    await stage.put_deployment("shop-canary", {"containers": [new]}, 0)
    exclude = ("containers[app].env[TRACK]", "containers[app].resources")
    await copy(stage, *exclude)
    (container,) = (await stage.pod_spec("shop"))["containers"]
    assert container["image"] == "shop:2"
    assert {one["name"]: one["value"] for one in container["env"]} == {"TRACK": "stable", "LEVEL": "2"}
    assert not container.get("resources")
    assert (await arm(stage)).fields.fingerprint(exclude) == (await arm(stage, "shop-canary")).fields.fingerprint(
        exclude
    )


async def test_a_template_of_before_is_found_again(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 0)
    await stage.put_deployment("shop-canary", WHOLE, 0)
    old = await template(stage)
    await stage.settled("shop")
    await copy(stage)
    await stage.settled("shop")
    found = await stage.workloads.revision(stage.namespace, "shop", old.fields.fingerprint(), ())
    assert isinstance(found, Template), found
    current = await template(stage)
    await stage.workloads.write_template(stage.namespace, "shop", current, copied(current, found, ()), Manager.REVERT)
    assert (await template(stage)).fields == old.fields
    assert await stage.workloads.revision(stage.namespace, "shop", "0" * 20, ()) is ABSENT
    assert await stage.workloads.revision(stage.namespace, "nobody", "0" * 20, ()) is ABSENT


async def test_scaling_changes_the_number_of_pods_and_nothing_else(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 2)
    read, before = await arm(stage), await template(stage)
    await stage.workloads.scale(stage.namespace, "shop", read, 5, Manager.FORWARD)
    await stage.workloads.scale(stage.namespace, "shop", await arm(stage), 0, Manager.FORWARD)
    assert (await arm(stage)).replicas == 0
    assert (await template(stage)).fields == before.fields


async def test_scaling_is_tested_on_the_number_and_the_identity_that_were_read(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 2)
    read = await arm(stage)
    for stale in (replace(read, replicas=3), replace(read, uid="another")):
        with pytest.raises(Conflict):
            await stage.workloads.scale(stage.namespace, "shop", stale, 5, Manager.FORWARD)
    assert (await arm(stage)).replicas == 2


async def test_a_scaling_that_lands_late_undoes_nothing_that_was_written_after_it(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 2)
    read = await arm(stage)
    await stage.workloads.scale(stage.namespace, "shop", read, 0, Manager.FORWARD)
    await stage.workloads.scale(stage.namespace, "shop", await arm(stage), 2, Manager.FORWARD)
    with pytest.raises(Conflict):
        await stage.workloads.scale(stage.namespace, "shop", read, 0, Manager.FORWARD)
    assert (await arm(stage)).replicas == 2


async def test_scaling_a_deployment_that_is_gone_is_missing(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 2)
    gone = replace(await arm(stage), deployment="nobody")
    with pytest.raises(Missing):
        await stage.workloads.scale(stage.namespace, "nobody", gone, 5, Manager.FORWARD)


async def test_who_scales_a_deployment_is_found_by_what_it_is_about(stage: Stage) -> None:
    await stage.put_deployment("shop", PLAIN, 2)
    await stage.put_autoscaler("theirs", "another")
    assert await stage.workloads.autoscaler(stage.namespace, "shop") is ABSENT
    await stage.put_autoscaler("busy", "shop")
    assert await stage.workloads.autoscaler(stage.namespace, "shop") == "HorizontalPodAutoscaler busy"
