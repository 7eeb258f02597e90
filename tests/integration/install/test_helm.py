"""The chart on a cluster that is new: installed, used to the end of a run, upgraded during one, uninstalled.

Only Helm installs. The lab runs the pod that the Deployment asks for: its arguments, environment and ConfigMap, with its
service account's token (`lab.operator_pod`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from charts.generate import dashboard
from lab import manifests, operator_pod, shop
from lab.api import Api, ApiError, Object
from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tests.integration.install.conftest import TEAM
from tests.integration.install.tools import CHART, RELEASE, ToolError, helm
from tests.integration.runs.test_runs import SECONDS, history, rollout, until_outcome

WAIT = ("--wait", "--timeout", "180s")
KINDS = ("rollouts", "rolloutcommands", "metrictemplates", "clustermetrictemplates")
MONITORED = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}}
SLOW = [{"name": "canary", "weight": 10, "duration": "6s"}, {"name": "half", "weight": 50, "duration": "2s"}]
WATCHED = [{"name": "incidents", "query": "vector(0)"}]
QUIET = {"Waiting for a person", "Unreadable objects"}
"""Panels that return nothing while no alert fires."""


def values(lab: Lab, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    config = {"sources": {"default": {"url": lab.prometheus_url}}, "listen": f"127.0.0.1:{free_port()}"}
    return {"config": config, **more}


async def install(lab: Lab, chart: Path = CHART, namespace: str = RELEASE, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    given = values(lab, **more)
    await helm(lab, "install", RELEASE, chart, "-n", namespace, "--create-namespace", *WAIT, values=given)
    return given


async def uninstall(lab: Lab, namespace: str = RELEASE) -> None:
    await helm(lab, "uninstall", RELEASE, "-n", namespace, "--ignore-not-found", *WAIT)

    async def gone() -> bool:
        return not await operators(lab, namespace)

    await until(gone, PATIENCE, "the operator has ended")


async def operators(lab: Lab, namespace: str = RELEASE) -> list[Object]:
    return await lab.api.list("v1", "Pod", namespace, f"app.kubernetes.io/instance={RELEASE}")


async def metrics(lab: Lab, namespace: str = RELEASE) -> str:
    (pod,) = await operators(lab, namespace)
    async with aiohttp.ClientSession() as session:
        url = f"http://{operator_pod.ADDRESS}:{operator_pod.port(pod)}/metrics"
        async with session.get(url) as response:
            return await response.text()


def rejected(text: str) -> list[str]:
    return [line for line in text.splitlines() if 'outcome="Rejected"' in line and 'resource="events"' not in line]


async def empty_panels(lab: Lab, namespace: str) -> set[str]:
    """The dashboard's panels for which the lab's Prometheus, which scrapes the operator, has nothing."""
    found: set[str] = set()
    for panel in dashboard.dashboard()["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$namespace", namespace).replace("$rollout", ".*")
            if not await lab.prometheus.ask(query.replace("$__rate_interval", "1m")):
                found.add(panel["title"])
    return found


async def configuration(lab: Lab) -> str:
    return str((await lab.api.get("v1", "ConfigMap", RELEASE, RELEASE))["data"]["operator.yaml"])


async def weights(lab: Lab, namespace: str) -> list[int]:
    route = await lab.api.get(manifests.GATEWAY_API, "HTTPRoute", shop.APP, namespace)
    return [ref["weight"] for ref in route["spec"]["rules"][0]["backendRefs"]]


async def at_ten(lab: Lab, namespace: str) -> None:
    async def shifted() -> bool:
        return await weights(lab, namespace) == [90, 10]

    await until(shifted, SECONDS, "the candidate has 10 %")


async def all_crds(lab: Lab) -> list[bool]:
    kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    return [await lab.api.find(*kind, f"{name}.tidegate.dev") is not None for name in KINDS]


async def remove_crds(lab: Lab) -> None:
    for name in KINDS:
        metadata = {"name": f"{name}.tidegate.dev"}
        await lab.api.delete(
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata}
        )

    async def gone() -> bool:
        return not any(await all_crds(lab))

    await until(gone, SECONDS, "the definitions are gone")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _without_definitions(fresh: Lab) -> None:
    """Tests of other modules have installed them by hand."""
    await remove_crds(fresh)


@pytest_asyncio.fixture(loop_scope="session")
async def shop_in(fresh: Lab) -> AsyncIterator[str]:
    """A namespace with the shop, and a new version to release."""
    namespace = f"shop-{free_port()}"
    await shop.open_shop(fresh, namespace)
    await shop.release(fresh, namespace, "v2")
    await fresh.rolled_out(namespace, shop.CANARY)
    yield namespace
    await fresh.api.delete(manifests.namespace(namespace))


@pytest_asyncio.fixture(loop_scope="session")
async def installed(fresh: Lab) -> AsyncIterator[dict[str, Any]]:
    """The chart with everything that can be switched on; its values."""
    namespace = manifests.namespace(RELEASE)
    namespace["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    await fresh.apply(namespace)
    yield await install(fresh, **MONITORED)
    await uninstall(fresh)


async def test_a_rollout_is_carried_out_and_nothing_is_refused(
    fresh: Lab, installed: dict[str, Any], shop_in: str
) -> None:
    assert installed["config"]["sources"]
    await fresh.apply(rollout(shop_in, metrics=WATCHED, guards=[{"metric": "incidents", "max": "1"}]))
    assert await until_outcome(fresh, shop_in) == "Succeeded"
    assert rejected(await metrics(fresh)) == []
    found: set[str] = set()

    async def scraped() -> bool:
        found.clear()
        found.update(await empty_panels(fresh, shop_in))
        return found <= QUIET

    await until(scraped, SECONDS, f"the dashboard's panels have data, all but {QUIET}")
    assert found == QUIET
    events = await fresh.api.list("v1", "Event", shop_in)
    assert any(event["involvedObject"]["kind"] == "Rollout" for event in events)
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert await fresh.api.find("monitoring.coreos.com/v1", kind, RELEASE, RELEASE), kind


@pytest.mark.usefixtures("installed")
async def test_the_operators_writes_have_a_priority_level_of_their_own(fresh: Lab, shop_in: str) -> None:
    group = "flowcontrol.apiserver.k8s.io/v1"
    schema = await fresh.api.get(group, "FlowSchema", RELEASE)
    level = await fresh.api.get(group, "PriorityLevelConfiguration", RELEASE)
    kubeconfig = yaml.safe_load((await fresh.control_plane.kubeconfig_of_service_account(RELEASE, RELEASE)).read_text())
    headers = {
        "Authorization": f"Bearer {kubeconfig['users'][0]['user']['token']}",
        "Content-Type": "application/merge-patch+json",
    }
    url = f"{fresh.control_plane.server}/apis/{manifests.GATEWAY_API}/namespaces/{shop_in}/httproutes/{shop.APP}"
    seen: dict[str, tuple[str | None, str | None]] = {}

    async def taken() -> bool:  # the API server takes up a new schema a moment after it was created
        async with aiohttp.ClientSession(headers=headers) as session:
            for method, path in (("PATCH", url), ("GET", f"{fresh.control_plane.server}/api/v1/services")):
                async with session.request(method, path, data="{}", ssl=False) as response:
                    assert response.status == 200
                    found = (
                        response.headers.get(f"X-Kubernetes-PF-{one}-UID") for one in ("FlowSchema", "PriorityLevel")
                    )
                    seen[method] = (next(found), next(found))
        return seen["PATCH"] == (schema["metadata"]["uid"], level["metadata"]["uid"])

    await until(taken, SECONDS, "a weight is written in Tidegate's own flow")
    assert seen["GET"] != seen["PATCH"], "a list is not"


@pytest.mark.usefixtures("installed")
async def test_an_upgrade_during_a_run_changes_the_configuration_and_not_the_outcome(
    fresh: Lab, shop_in: str, tmp_path: Path
) -> None:
    await fresh.apply(rollout(shop_in, steps=SLOW))
    await at_ten(fresh, shop_in)
    (before,) = await operators(fresh)
    newer = Path(shutil.copytree(CHART, tmp_path / "tidegate"))
    chart = yaml.safe_load((newer / "Chart.yaml").read_text()) | {"version": "99.0.0"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(chart))
    changed = ("--reset-then-reuse-values", "--set", "config.ignoredAnnotations={example.org/build}")
    await helm(fresh, "upgrade", RELEASE, newer, "-n", RELEASE, *WAIT, *changed)
    assert "example.org/build" in await configuration(fresh)
    (after,) = await operators(fresh)
    assert after["metadata"]["uid"] != before["metadata"]["uid"], "the new configuration restarts the operator"
    assert await until_outcome(fresh, shop_in) == "Succeeded"
    assert [run["outcome"] for run in await history(fresh, shop_in)] == ["Succeeded"], "no second run, no step repeated"
    assert await weights(fresh, shop_in) == [1, 0], "as it came"
    await helm(fresh, "rollback", RELEASE, "1", "-n", RELEASE, *WAIT)
    assert "example.org/build" not in await configuration(fresh)
    (rolled_back,) = await operators(fresh)
    assert rolled_back["metadata"]["uid"] != after["metadata"]["uid"]


@pytest.mark.usefixtures("installed")
async def test_an_uninstall_leaves_definitions_and_weights_and_a_reinstall_goes_on(fresh: Lab, shop_in: str) -> None:
    await fresh.apply(rollout(shop_in, steps=SLOW))
    await at_ten(fresh, shop_in)
    await uninstall(fresh)
    assert await all_crds(fresh) == [True] * len(KINDS)
    left = await fresh.api.get(shop.API_VERSION, "Rollout", shop.APP, shop_in)
    assert left["metadata"]["finalizers"] == ["tidegate.dev/restore-weights"]
    assert await weights(fresh, shop_in) == [90, 10], "nobody moves traffic when the operator goes"
    await install(fresh, **MONITORED)
    await fresh.api.delete(left)

    async def gone() -> bool:
        return await fresh.api.find(shop.API_VERSION, "Rollout", shop.APP, shop_in) is None

    await until(gone, SECONDS, "the Rollout is gone")
    assert await weights(fresh, shop_in) == [1, 0], "as it came"


@pytest.mark.usefixtures("installed")
async def test_teams_get_tidegates_kinds_with_the_clusters_own_roles(fresh: Lab, shop_in: str) -> None:
    async with user(fresh) as team:
        item = rollout(shop_in)
        item["spec"]["paused"] = True
        with pytest.raises(ApiError, match="forbidden"):
            await team.get(shop.API_VERSION, "Rollout", shop.APP, shop_in)
        await bind(fresh, shop_in, "view")
        await until(lambda: may(team, "list", "rollouts", shop_in), SECONDS, "viewers see Rollouts")
        assert not await may(team, "create", "rollouts", shop_in)
        await bind(fresh, shop_in, "tidegate-commander")
        await until(lambda: may(team, "create", "rolloutcommands", shop_in), SECONDS, "commanders command")
        assert not await may(team, "patch", "rollouts", shop_in)
        await bind(fresh, shop_in, "edit")
        await until(lambda: may(team, "create", "rollouts", shop_in), SECONDS, "editors write Rollouts")
        await team.create(item)
        assert not await may(team, "patch", "rollouts", shop_in, part="status"), "the operator's alone"
        assert not await may(team, "create", "rollouts", RELEASE), "only where they were bound"


async def test_a_namespaced_installation_serves_its_namespace_with_roles_alone(fresh: Lab, shop_in: str) -> None:
    await fresh.install_tidegate()  # by the cluster's administrator
    elsewhere = f"{shop_in}-b"
    await fresh.apply(manifests.namespace(elsewhere), rollout(elsewhere))
    scope = {"namespaces": [shop_in], "clusterScopedResources": False}
    await install(fresh, namespace=shop_in, **scope)
    try:
        for kind in ("ClusterRole", "ClusterRoleBinding"):
            found = await fresh.api.list(
                "rbac.authorization.k8s.io/v1", kind, selector=f"app.kubernetes.io/instance={RELEASE}"
            )
            assert found == [], kind
        await fresh.apply(rollout(shop_in))
        assert await until_outcome(fresh, shop_in) == "Succeeded"
        found = await fresh.api.get(shop.API_VERSION, "Rollout", shop.APP, elsewhere)
        assert "finalizers" not in found["metadata"], "another namespace is not served"
        assert found["status"] == {"observedGeneration": -1}
        assert [line for line in rejected(await metrics(fresh, shop_in)) if 'verb="patch"' in line] == []
        (pod,) = await operators(fresh, shop_in)
        log = (fresh.logs / f"pod.{shop_in}.{pod['metadata']['name']}.log").read_text()
        assert "forbidden" not in log, "what it may not list it does not ask for"
    finally:
        await uninstall(fresh, shop_in)
        await fresh.api.delete(manifests.namespace(elsewhere))


async def test_definitions_of_somebody_else_are_taken_over_only_on_request(fresh: Lab) -> None:
    await remove_crds(fresh)
    await fresh.install_tidegate()
    with pytest.raises(ToolError, match="invalid ownership metadata"):
        await install(fresh)
    await helm(fresh, "uninstall", RELEASE, "-n", RELEASE, "--ignore-not-found")
    command = ("install", RELEASE, CHART, "-n", RELEASE, "--create-namespace", "--take-ownership", *WAIT)
    await helm(fresh, *command, values=values(fresh))
    await uninstall(fresh)


async def test_without_keep_an_uninstall_takes_the_definitions_too(
    fresh: Lab, shop_in: str, record_property: Callable[[str, object], None]
) -> None:
    await remove_crds(fresh)
    began = time.monotonic()
    await install(fresh, crds={"keep": False})
    ready = time.monotonic()
    await fresh.apply(rollout(shop_in, paused=True))

    async def taken_up() -> bool:
        found = await fresh.api.get(shop.API_VERSION, "Rollout", shop.APP, shop_in)
        return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

    await until(taken_up, SECONDS, "the Rollout is reconciled")
    record_property(
        "seconds of helm install --wait, then to the first Rollout", (ready - began, time.monotonic() - ready)
    )
    await fresh.api.delete(rollout(shop_in))
    assert await all_crds(fresh) == [True] * len(KINDS)
    await uninstall(fresh)

    async def gone() -> bool:
        return not any(await all_crds(fresh))

    await until(gone, SECONDS, "the definitions are gone")


async def bind(lab: Lab, namespace: str, role: str) -> None:
    await lab.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"team-{role}", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": TEAM.name}],
        }
    )


def user(lab: Lab) -> Api:
    return lab.control_plane.api_of(TEAM)


async def may(api: Api, verb: str, resource: str, namespace: str, part: str = "") -> bool:
    asked = {"verb": verb, "group": "tidegate.dev", "resource": resource, "namespace": namespace, "subresource": part}
    review = await api.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": asked},
        }
    )
    return bool(review["status"]["allowed"])
