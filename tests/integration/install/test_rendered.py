"""What the chart renders: well-formed to helm, kubeconform and the API server, and no more rights than chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab import manifests
from lab.api import Object
from lab.stack import Lab
from tests.integration.install.conform import write_schemas
from tests.integration.install.renderings import EGRESS, RENDERINGS, SOURCE
from tests.integration.install.tools import CHART, RELEASE, ToolError, run, template
from tidegate.adapters.routers import EVERY, ROUTERS
from tidegate.runtime.settings import Settings

CASES = pytest.mark.parametrize("values", RENDERINGS.values(), ids=RENDERINGS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def schemas(fresh: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    await fresh.install_tidegate()
    return await write_schemas(fresh.api, tmp_path_factory.mktemp("schemas"))


async def test_helm_finds_nothing_to_complain_about() -> None:
    said = await run("helm", "lint", "--strict", CHART)
    assert [line for line in said.splitlines() if line.startswith("[") and "icon" not in line] == []


@CASES
async def test_every_rendering_has_the_right_form(schemas: str, values: dict[str, Any]) -> None:
    objects = [one for one in await template(values=values) if one["kind"] != "CustomResourceDefinition"]
    await conform(schemas, objects)


async def test_a_wrong_form_would_be_found(schemas: str) -> None:
    with pytest.raises(ToolError, match="naem"):
        await conform(schemas, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"naem": "x"}}])
    with pytest.raises(ToolError, match="ServiceMonitor"):
        await conform(schemas, [monitor_without_endpoints()])


@CASES
async def test_the_api_server_takes_every_object_without_a_warning_and_in_a_restricted_namespace(
    fresh: Lab, values: dict[str, Any]
) -> None:
    for name in (RELEASE, "monitoring", "shop", "bank"):
        namespace = manifests.namespace(name)
        namespace["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
        await fresh.apply(namespace)
    objects = await template(values=values)
    for item in objects:
        if item["kind"] == "ConfigMap":  # those of extraObjects have none, as Helm allows
            item["metadata"].setdefault("namespace", RELEASE)
        await dry_run(fresh, item)
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    spec = {one: part for one, part in deployment["spec"]["template"]["spec"].items() if one != "serviceAccountName"}
    spec.pop("priorityClassName", None)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": RELEASE}, "spec": spec}
    await dry_run(fresh, pod)  # Pod Security Standards are enforced on pods


async def dry_run(lab: Lab, item: Object) -> Object:
    query = {"fieldManager": "test", "force": "true", "dryRun": "All", "fieldValidation": "Strict"}
    path = await lab.api._path_of(item)  # noqa: SLF001  (the lab's client has no dry run of its own)
    return await lab.api.request("PATCH", path, item, "application/apply-patch+yaml", query)


@CASES
async def test_the_configuration_is_what_the_operator_takes(values: dict[str, Any]) -> None:
    (config,) = (
        one["data"]["operator.yaml"] for one in await template(values=values) if "operator.yaml" in one.get("data", {})
    )
    settings = Settings.model_validate(yaml.safe_load(config))
    assert list(settings.namespaces) == values.get("namespaces", [])
    assert list(settings.routers) == values.get("routers", ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"])
    assert set(settings.sources) == set(values.get("config", {}).get("sources", {}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"config": {"sorces": {}}}, "additional properties 'sorces' not allowed"),
        ({"config": {"sources": {"default": {"url": "prometheus:9090"}}}}, "does not match pattern"),
        ({"config": {"sources": {"default": {"url": "http://p", "concurrency": 0}}}}, "minimum"),
        ({"config": {"namespaces": ["shop"]}}, "additional properties 'namespaces' not allowed"),
        ({"routers": ["Gateway"]}, "value must be one of"),
        ({"routers": []}, "minItems"),
        ({"replicas": 2}, "additional properties 'replicas' not allowed"),
        ({"image": {"digest": "latest"}}, "does not match pattern"),
        ({"clusterScopedResources": False}, "namespaces: is required with clusterScopedResources=false"),
        ({"config": {"sources": SOURCE}, "networkPolicy": {"enabled": True}}, "networkPolicy.sources: is required"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name: is required"),
        (
            {"notifications": {"secrets": [{"namespace": "shop"}]}},
            "notifications.secrets: needs config.notifications.schemes",
        ),
        (
            {"config": {"notifications": {"schemes": ["slack"]}}, "networkPolicy": {"enabled": True}},
            "networkPolicy.notifications: is required",
        ),
        (
            {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}},
            "podMonitor.enabled: must be false with serviceMonitor.enabled=true",
        ),
    ],
)
async def test_values_that_cannot_be_right_are_refused_with_words(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ToolError, match=words):
        await template(values=values)


def rules(objects: list[Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for one in objects
        if one["kind"] in {"Role", "ClusterRole"} and one["metadata"]["name"] == RELEASE
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def test_permissions_follow_the_routers_and_features() -> None:
    everything = rules(await template())
    for row in EVERY:
        one = rules(await template(values={"routers": [row.kind]}))
        granted = {grant.resource for grant in row.grants}
        others = {other.resource.plural for other in ROUTERS} - granted
        assert {resource for _, resource, _ in one} & others == set()
        assert {(group, resource, verb) for group, resource, verbs in row.grants for verb in verbs} <= one
    kind = {"group": "a.example", "versions": ["v1"], "kind": "Split", "plural": "splits", "weights": ["spec.percent"]}
    custom = rules(await template(values={"config": {"custom": [kind]}}))
    assert custom - everything == {("a.example", "splits", verb) for verb in ("get", "list", "watch", "patch")}
    without = rules(await template(values={"features": {"copyTemplate": False}}))
    assert everything - without == set(), "scaling patches Deployments as well"
    scaling = {("autoscaling", "horizontalpodautoscalers", "list"), ("keda.sh", "scaledobjects", "list")}
    without = rules(await template(values={"features": {"scale": False}}))
    assert everything - without == scaling
    without = rules(await template(values={"features": {"copyTemplate": False, "scale": False}}))
    assert everything - without == {*scaling, ("apps", "deployments", "patch")}
    jobs = {("batch", "jobs", verb) for verb in ("create", "get", "list", "watch")}
    without = rules(await template(values={"features": {"jobs": False}}))
    assert everything - without == {*jobs, ("batch", "cronjobs", "get")}


@CASES
async def test_the_operator_may_not_read_secrets_nor_do_anything_by_wildcard(values: dict[str, Any]) -> None:
    found = rules(await template(values=values))
    assert [rule for rule in found if "secrets" in rule or "*" in rule] == []


async def test_secrets_of_notifications_are_read_by_name_in_their_namespaces_alone() -> None:
    objects = await template(values=RENDERINGS["notifications"])
    roles = {
        one["metadata"]["namespace"]: one["rules"]
        for one in objects
        if one["kind"] == "Role" and one["metadata"]["name"] == f"{RELEASE}-notifications"
    }
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    assert roles == {"shop": [{**secrets, "resourceNames": ["chat", "bus"]}], "bank": [secrets]}
    bindings = [one for one in objects if one["kind"] == "RoleBinding"]
    assert {one["metadata"]["namespace"] for one in bindings} == {"shop", "bank"}
    settings = next(one["data"]["operator.yaml"] for one in objects if one["kind"] == "ConfigMap")
    assert yaml.safe_load(settings)["notifications"]["cluster"] == "prod"


async def test_names_of_secrets_that_look_like_numbers_stay_names() -> None:
    secrets = [{"namespace": "shop", "names": ["123", "true"]}]
    objects = await template(values={**RENDERINGS["notifications"], "notifications": {"secrets": secrets}})
    (role,) = [
        one for one in objects if one["metadata"]["name"] == f"{RELEASE}-notifications" and one["kind"] == "Role"
    ]
    assert role["rules"][0]["resourceNames"] == ["123", "true"]


async def test_reports_are_written_by_a_role_in_their_namespaces_alone() -> None:
    objects = await template(values=RENDERINGS["reports"])
    roles = {
        one["metadata"]["namespace"]: one["rules"]
        for one in objects
        if one["kind"] == "Role" and one["metadata"]["name"] == f"{RELEASE}-reports"
    }
    config_maps = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "delete"]}
    assert roles == {"shop": [config_maps], "bank": [config_maps]}
    settings = next(one["data"]["operator.yaml"] for one in objects if one["kind"] == "ConfigMap")
    assert yaml.safe_load(settings)["reports"] == ["shop", "bank"]
    usual = await template()
    assert not any("configmaps" in rule for rule in rules(usual))
    settings = next(one["data"]["operator.yaml"] for one in usual if one["kind"] == "ConfigMap")
    assert "reports" not in yaml.safe_load(settings)


async def test_in_namespaces_the_same_rights_are_roles() -> None:
    whole = rules(await template())
    spread = await template(values={"namespaces": ["shop", "bank"]})
    assert rules(spread) == whole | {("", "namespaces", "list"), ("", "namespaces", "watch")}
    in_roles = [one for one in spread if one["kind"] == "Role"]
    assert {one["metadata"]["namespace"] for one in in_roles} == {"shop", "bank"}
    outside = rules([one for one in spread if one["kind"] == "ClusterRole"])
    assert {verb for _, _, verb in outside} == {"get", "list", "watch"}, "outside it only reads"


async def test_a_change_of_the_configuration_restarts_the_operator() -> None:
    found = []
    for name in ("a", "b"):
        objects = await template(values={"config": {"ignoredAnnotations": [name]}})
        (pod,) = (one["spec"]["template"]["metadata"] for one in objects if one["kind"] == "Deployment")
        found.append(pod["annotations"]["checksum/config"])
    assert found[0] != found[1]


async def test_a_network_policy_without_sources_needs_no_egress_to_them() -> None:
    closed = {"networkPolicy": {"enabled": True}}
    open_ = {"networkPolicy": {"enabled": True, "sources": EGRESS}}
    sizes = [
        len(one["spec"]["egress"])
        for values in (closed, open_)
        for one in await template(values=values)
        if one["kind"] == "NetworkPolicy"
    ]
    assert sizes == [2, 3]


async def test_the_notes_say_what_to_do_next(fresh: Lab) -> None:
    command = ("install", RELEASE, CHART, "-n", RELEASE, "--dry-run=client")
    said = await run("helm", *command, kubeconfig=fresh.kubeconfig)
    assert "No Prometheus is configured" in said
    said = await run("helm", *command, "--set", "config.sources.default.url=http://p", kubeconfig=fresh.kubeconfig)
    assert "Sources a Rollout can name in spec.prometheus.source: default." in said


async def conform(schemas: str, objects: list[Any]) -> None:
    text = yaml.safe_dump_all(objects)
    said = await run("kubeconform", "-schema-location", schemas, "-output", "json", "-verbose", stdin=text)
    resources = json.loads(said)["resources"]
    assert len(resources) == len(objects)
    assert {one["status"] for one in resources} == {"statusValid"}


def monitor_without_endpoints() -> Object:
    metadata = {"name": "x", "namespace": "x"}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": metadata, "spec": {}}


def test_the_chart_is_small_enough_for_a_releases_secret() -> None:
    size = sum(file.stat().st_size for file in Path(CHART).rglob("*") if file.is_file())
    assert size < 400_000, "Helm keeps the chart and what it renders in one Secret of at most 1 MiB, compressed"
