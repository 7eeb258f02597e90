"""The definitions and their rules on a real API server."""

from __future__ import annotations

import copy
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from lab.api import Api, ApiError
from lab.control_plane import ControlPlane
from lab.wait import PATIENCE, until
from tests.unit.api.manifests import BY_RULE, BY_SCHEMA, Bad, good
from tests.unit.api.template_manifests import TEMPLATE_BY_RULE, TEMPLATE_BY_SCHEMA, good_template, latency

ROOT = Path(__file__).parents[3]
VERSION = "tidegate.dev/v1alpha1"
RUN = {"id": "1", "version": {}, "startTime": "2026-11-21T14:00:00Z"}

Object = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(cluster: ControlPlane) -> Api:
    await cluster.install_crds(sorted((ROOT / "crds").glob("*.yaml")))
    return cluster.api


@pytest_asyncio.fixture(loop_scope="session")
async def rollout(api: Api, namespace: str) -> AsyncIterator[Object]:
    yield await api.create(in_namespace(good(), namespace))


def in_namespace(manifest: Object, namespace: str) -> Object:
    placed = copy.deepcopy(manifest)
    placed["metadata"]["namespace"] = namespace
    return placed


def path_of(namespace: str) -> str:
    return f"/apis/{VERSION}/namespaces/{namespace}/rollouts"


@pytest.mark.parametrize("kind", ["rollouts", "rolloutcommands", "metrictemplates", "clustermetrictemplates"])
async def test_a_definition_is_established_and_structural(api: Api, kind: str) -> None:
    crd = await api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{kind}.tidegate.dev")
    conditions = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


async def test_the_api_server_keeps_a_definition_as_it_was_given(api: Api) -> None:
    for path in (ROOT / "crds").glob("*.yaml"):
        given = yaml.safe_load(path.read_text())["spec"]["versions"][0]["schema"]
        stored = await api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", path.stem)
        assert stored["spec"]["versions"][0]["schema"] == given


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "examples").glob("*.yaml")))
async def test_an_example_is_accepted_as_it_stands(api: Api, namespace: str, file: str) -> None:
    for manifest in yaml.safe_load_all((ROOT / "examples" / file).read_text()):
        if manifest["kind"].startswith("Cluster"):
            stored = await strictly(api, manifest)
            await api.delete(stored)
        elif manifest["apiVersion"] == VERSION:
            await strictly(api, in_namespace(manifest, namespace))


@pytest.mark.parametrize("bad", [*BY_RULE, *BY_SCHEMA], ids=lambda bad: bad.case)
async def test_a_bad_rollout_is_refused_and_the_field_is_named(api: Api, bad: Bad) -> None:
    with pytest.raises(ApiError) as refusal:
        await api.create(in_namespace(good(bad.changes), "default"))
    assert refusal.value.status == 422
    message = str(refusal.value)
    assert (bad.server_path or bad.path) in message
    assert (bad.server_words or bad.words) in message


@pytest.mark.parametrize("kind", ["MetricTemplate", "ClusterMetricTemplate"])
@pytest.mark.parametrize("bad", [*TEMPLATE_BY_RULE, *TEMPLATE_BY_SCHEMA], ids=lambda bad: bad.case)
async def test_a_bad_template_is_refused_and_the_field_is_named(api: Api, bad: Bad, kind: str) -> None:
    manifest = good_template(bad.changes, kind)
    with pytest.raises(ApiError) as refusal:
        await api.create(in_namespace(manifest, "default") if kind == "MetricTemplate" else manifest)
    assert refusal.value.status == 422
    message = str(refusal.value)
    assert (bad.server_path or bad.path) in message
    assert (bad.server_words or bad.words) in message


async def test_a_template_is_kept_as_it_is_given(api: Api, namespace: str) -> None:
    for manifest in (good_template(), latency()):
        stored = await strictly(api, in_namespace(manifest, namespace))
        stored["spec"].get("ratio", {}).pop("native", None)
        assert stored["spec"] == manifest["spec"]
        assert stored["metadata"]["generation"] == 1
        changed = await api.patch(stored, {"spec": {"window": "7m"}})
        assert changed["metadata"]["generation"] == 2


async def test_what_a_template_could_say_is_not_filled_in_for_its_user(api: Api, namespace: str) -> None:
    metric = {"name": "extra", "template": {"name": "error-rate"}, "parameters": {"counter": "x"}}
    stored = await strictly(api, in_namespace(good({"metrics.2": metric}), namespace))
    found = stored["spec"]["metrics"][2]
    assert found["template"] == {"name": "error-rate"}
    assert {"unit", "window", "minimumRequests", "warmUp", "whenEmpty"} & set(found) == set()


async def test_a_template_at_every_limit_is_within_the_budget(api: Api, namespace: str) -> None:
    parameter = {"default": "d" * 253, "description": "w" * 1024, "pattern": "d" * 128}
    parameters = [{"name": f"p{n:02}" + "y" * 60, **parameter} for n in range(16)]
    for spec in ({"ratio": longest_ratio()}, {"query": "x" * 4096, "unit": "seconds", "whenEmpty": "Zero"}):
        manifest = {**good_template(), "spec": {**spec, "parameters": parameters, "window": "1d1h1m1s1ms"}}
        manifest["metadata"] = {"name": ("r" if "ratio" in spec else "q") * 253, "namespace": namespace}
        stored = await api.create(manifest)
        await api.patch(stored, {"spec": {"window": "7m"}})


async def test_what_is_not_given_is_filled_in(rollout: Object) -> None:
    spec = rollout["spec"]
    assert spec["prometheus"] == {"source": "default"}
    assert spec["missingData"] == {
        "noData": {"after": "10m", "then": "Revert"},
        "sourceDown": {"after": "1h", "then": "Hold"},
    }
    assert (spec["interval"], spec["paused"], spec["baseline"]["minAvailable"]) == ("30s", False, 1)
    assert "onBreach" not in spec["thresholds"][0]
    assert spec["promotion"]["settle"] == "2m"
    assert "revision" not in spec


async def test_half_of_a_nested_default_is_completed(api: Api, namespace: str) -> None:
    hold = {"after": "5m", "then": "Hold"}
    stored = await api.create(in_namespace(good({"missingData": {"noData": hold}}), namespace))
    assert stored["spec"]["missingData"] == {"noData": hold, "sourceDown": {"after": "1h", "then": "Hold"}}


async def test_a_new_object_has_a_status_that_nobody_takes_for_a_judgement(rollout: Object) -> None:
    assert rollout["status"] == {"observedGeneration": -1}


async def test_unknown_fields_are_pruned_or_refused_when_asked(api: Api, namespace: str) -> None:
    manifest = in_namespace(good({"speed": 3}), namespace)
    with pytest.raises(ApiError, match=r'unknown field "spec\.speed"'):
        await strictly(api, manifest)
    assert "speed" not in (await api.create(manifest))["spec"]


async def test_an_object_at_every_limit_is_within_the_budget(api: Api, namespace: str) -> None:
    manifest = in_namespace(largest(), namespace)
    assert len(json.dumps(manifest)) > 600_000
    stored = await api.create(manifest)
    changed = await api.patch(stored, {"spec": {"paused": True}})
    assert changed["spec"]["paused"] is True
    await api.patch(stored, {"status": {"phase": "Idle", "run": RUN}}, part="status")
    await api.patch(stored, {"spec": {"paused": False}})
    for arm in ("baseline", "candidate"):
        assert len(stored["spec"][arm]["deployment"]) == 253


@pytest.mark.parametrize("arm", ["baseline", "candidate"])
@pytest.mark.parametrize("part", ["deployment", "service"])
async def test_an_arm_cannot_change_during_a_run(api: Api, rollout: Object, arm: str, part: str) -> None:
    await api.patch(rollout, {"status": {"run": RUN}}, part="status")
    with pytest.raises(ApiError, match=rf"spec\.{arm}\.{part}: .*'{part}' cannot change while a run is active"):
        await api.patch(rollout, {"spec": {arm: {part: "other"}}})


async def test_all_else_can_change_during_a_run_and_an_arm_between_runs(api: Api, rollout: Object) -> None:
    await api.patch(rollout, {"status": {"run": RUN}}, part="status")
    await api.patch(rollout, {"spec": {"paused": True, "baseline": {"minAvailable": 3}}})
    await api.patch(rollout, {"status": {"run": None}}, part="status")
    changed = await api.patch(rollout, {"spec": {"baseline": {"deployment": "other"}}})
    assert changed["spec"]["baseline"]["deployment"] == "other"


async def test_status_is_written_apart_from_spec(api: Api, rollout: Object) -> None:
    written = await api.patch(rollout, {"status": {"phase": "NoSuchPhase"}, "spec": {"paused": True}}, part="status")
    assert written["status"]["phase"] == "NoSuchPhase"
    assert written["spec"]["paused"] is False


async def test_a_status_with_unexpected_words_and_gaps_is_taken(api: Api, rollout: Object) -> None:
    status = {
        "run": {"id": "2"},
        "guards": [{"name": "x"}],
        "conditions": [{"type": "Ready"}],
        "weight": {"observed": 0.5},
    }
    stored = await api.patch(rollout, {"status": status}, part="status")
    assert stored["status"]["weight"] == {"observed": 0.5}


async def test_a_name_too_long_for_a_command_is_refused(api: Api) -> None:
    manifest = good() | {"metadata": {"name": "w" * 64, "namespace": "default"}}
    with pytest.raises(ApiError, match=r"metadata\.name: Too long"):
        await api.create(manifest)


async def test_a_command_has_its_words_on_one_line(api: Api, namespace: str) -> None:
    for field in ("reason", "requester", "run"):
        forged = command(namespace)
        forged["spec"][field] = "fine\x1b[2J\n  Ready is True\u202e"
        with pytest.raises(ApiError, match=rf"spec\.{field}: Invalid value: .* should match"):
            await api.create(forged)
    for words in ("→ größer 日本語", "a\\nb", ""):
        fine = command(namespace)
        fine["spec"]["reason"] = words
        await api.create(fine)


async def test_a_revision_is_on_one_line(api: Api) -> None:
    for revision in ("v9\x1b[31mRED", "a\nb", "a\u2028b", "a\x9bb", "a\ufeffb"):
        with pytest.raises(ApiError, match=r"spec\.revision: Invalid value"):
            await api.create(in_namespace(good({"revision": revision}), "default"))


async def test_a_command_cannot_be_changed(api: Api, namespace: str) -> None:
    stored = await api.create(command(namespace))
    with pytest.raises(ApiError, match="a command cannot be changed; create another"):
        await api.patch(stored, {"spec": {"action": "Resume"}})
    done = await api.patch(stored, {"status": {"phase": "Done", "message": "paused"}}, part="status")
    assert done["status"]["phase"] == "Done"


async def test_a_command_that_is_none_is_refused(api: Api) -> None:
    with pytest.raises(ApiError, match=r"spec\.action: Unsupported value: \"abort\""):
        await api.create(command("default") | {"spec": {"rollout": "web", "action": "abort"}})


async def test_the_columns_show_what_goes_on(cluster: ControlPlane, api: Api, rollout: Object) -> None:
    status = {
        "phase": "Progressing",
        "step": {"name": "canary", "index": 1, "of": 2, "summary": "1/2 canary"},
        "weight": {"desired": 5, "observed": 4.5},
        "conditions": [{"type": "Ready", "status": "Unknown", "reason": "Progressing"}],
        "nextCheckTime": "2099-01-02T03:04:05Z",
        "gate": {"step": "everyone", "summary": "step everyone: opens at 2099-01-02T03:04:05Z"},
        "run": RUN | {"version": {"images": ["web:2", "proxy:1"]}},
        "released": {"images": ["web:1"]},
    }
    await api.patch(rollout, {"status": status}, part="status")
    columns, cells = await table(cluster, path_of(rollout["metadata"]["namespace"]))
    shown = dict(zip(columns, cells, strict=True))
    assert shown.pop("Age")
    assert shown == {
        "Name": "web",
        "Phase": "Progressing",
        "Step": "1/2 canary",
        "Weight": 4.5,
        "Ready": "Unknown",
        "Next check": "2099-01-02T03:04:05Z",
        "Reason": "Progressing",
        "Candidate": "web-canary",
        "Baseline": "web",
        "Waiting for": "step everyone: opens at 2099-01-02T03:04:05Z",
        "Under test": "web:2",
        "In service": "web:1",
    }


async def test_short_names_and_the_category_are_served(api: Api) -> None:
    resources = (await api.request("GET", f"/apis/{VERSION}"))["resources"]
    names = {item["name"]: (item.get("shortNames"), item.get("categories")) for item in resources}
    assert names["rollouts"] == (["tgr"], ["tidegate"])
    assert names["rolloutcommands"] == (["tgc"], ["tidegate"])
    assert names["metrictemplates"] == (["tgm"], ["tidegate"])
    assert names["clustermetrictemplates"] == (["tgcm"], ["tidegate"])


async def test_kubectl_explain_has_words_for_every_field(api: Api) -> None:
    async def published() -> Object | None:
        document = await api.request("GET", f"/openapi/v3/apis/{VERSION}")
        schemas: Object = document.get("components", {}).get("schemas", {})
        return schemas.get("dev.tidegate.v1alpha1.Rollout")

    schema = await until(published, PATIENCE, "the OpenAPI document has Rollout")
    assert schema is not None
    guard = schema["properties"]["spec"]["properties"]["guards"]["items"]["properties"]
    assert guard["for"]["description"].startswith("How long the breach must last")
    assert schema["properties"]["spec"]["description"].startswith("The two versions, the route, the steps")


async def strictly(api: Api, manifest: Object) -> Object:
    """Creates as `kubectl apply` does: unknown and repeated fields are refused."""
    plural = f"{manifest['kind'].lower()}s"
    place = manifest["metadata"].get("namespace")
    path = f"/apis/{VERSION}/{f'namespaces/{place}/' if place else ''}{plural}"
    return await api.request("POST", path, manifest, query={"fieldValidation": "Strict"})


async def table(cluster: ControlPlane, path: str) -> tuple[list[str], list[object]]:
    """What `kubectl get -o wide` prints: the columns, and the cells of the one row."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    trust = ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])
    headers = {
        "Authorization": f"Bearer {config['users'][0]['user']['token']}",
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io",
    }
    async with (
        aiohttp.ClientSession(cluster.server, headers=headers) as session,
        session.get(path, ssl=trust) as response,
    ):
        answer = await response.json()
    return [column["name"] for column in answer["columnDefinitions"]], answer["rows"][0]["cells"]


def command(namespace: str) -> Object:
    return {
        "apiVersion": VERSION,
        "kind": "RolloutCommand",
        "metadata": {"generateName": "web-pause-", "namespace": namespace},
        "spec": {"rollout": "web", "action": "Pause"},
    }


def largest() -> Object:
    """Every list and every text as long as the schema allows."""
    long = "1d1h1m1s1ms"
    metrics = [{"name": f"m{n:02}" + "x" * 60, "ratio": longest_ratio(), "window": long} for n in range(32)]
    line = {"metric": metrics[-1]["name"], "maxIncrease": "100000.1234%", "floor": "123456789012.123456789s"}
    action = {"onBreach": "Hold", "afterHold": "Restart"}
    thresholds = [{"name": f"n{n:02}" + "z" * 60, **line, **action} for n in range(16)]
    guards = [{**one, "for": long} for one in thresholds]
    lines = {"thresholds": thresholds, "guards": guards}
    steps = [
        {
            "name": step_name(n),
            "weight": "12.345",
            "duration": long,
            "gate": {"after": "2026-11-21T14:00:00Z"} | since(n),
            "checkpoints": [{"every": "999999d", "until": long}] * 64,
            **lines,
        }
        for n in range(32)
    ]
    rules = [f"r{n:02}" + "r" * 250 for n in range(16)]
    traffic = [{"kind": "HTTPRoute", "name": f"t{n}" + "t" * 251, "rules": rules} for n in range(8)]
    arms = {
        arm: {"deployment": arm[0] * 253, "service": arm[0] * 63, "unavailableAfter": long}
        for arm in ("baseline", "candidate")
    }
    del arms["baseline"]["unavailableAfter"]
    changes = {"revision": "v" * 128, "metrics": metrics, "steps": steps, "traffic": traffic, **lines, **arms}
    return good(changes) | {"metadata": {"name": "r" * 63}}


def longest_ratio() -> Object:
    selector = 'x{a="' + "b" * 4089 + '"}'
    return {"bad": selector, "total": selector, "by": [f"l{n}" + "y" * 61 for n in range(8)]}


def step_name(number: int) -> str:
    return f"s{number:02}" + "x" * 60


def since(number: int) -> Object:
    return {"sinceStep": {"step": step_name(number - 1), "elapsed": "1d"}} if number else {}
