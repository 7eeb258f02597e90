"""`tidegate doctor` on real parts: a whole lab, and one in which something is missing, down, forbidden or late."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiohttp import web as http

from lab import shop
from lab.control_plane import User
from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tidegate.cli.main import main

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "deploy/cluster"
RBAC = CLUSTER / "rbac.yaml"


def installed() -> str:
    """The operator's account and what it may do, without the operator."""
    account = ROOT / "deploy/base/serviceaccount.yaml"
    return "---\n".join(one.read_text() for one in (CLUSTER / "namespace.yaml", account, RBAC))


GUEST = User("guest")
APART = re.compile(r"\b(\d+) s")

Object = dict[str, Any]


class Doctor:
    """Calls of `tidegate doctor -o json`, by check."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code = -1
        self.results: list[Object] = []

    async def __call__(self, lab: Lab, *arguments: str, kubeconfig: Path | None = None) -> list[Object]:
        options = ["--kubeconfig", str(kubeconfig or lab.kubeconfig), "-o", "json"]
        self.code = await asyncio.to_thread(main, ["doctor", *options, *arguments])
        self.results = json.loads(self._capsys.readouterr().out)
        return self.results

    def of(self, check: str, level: str = "") -> list[Object]:
        return [one for one in self.results if one["check"] == check and level in {"", one["level"]}]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(capsys)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bare() -> AsyncIterator[Lab]:
    """A control plane without Tidegate, with somebody who may do nothing."""
    async with Lab(node=False, prometheus=False, gateway=False, users=[GUEST]) as running:
        yield running


async def test_a_cluster_without_the_crds_is_told_how_to_install_them(bare: Lab, doctor: Doctor) -> None:
    await doctor(bare)
    assert doctor.code == 1
    missing = doctor.of("CRDs", "failed")
    assert [one["message"] for one in missing] == [
        f"{plural}.tidegate.dev (v1alpha1) is not served"
        for plural in ("rollouts", "rolloutcommands", "metrictemplates", "clustermetrictemplates")
    ]
    assert all("tidegate crd | kubectl apply --server-side -f -" in one["advice"] for one in missing)
    (account,) = doctor.of("permissions of the operator")
    assert account["level"] == "failed"
    assert account["message"] == "there is no ServiceAccount tidegate in namespace tidegate"
    (source,) = doctor.of("Prometheus")
    assert source["level"] == "skipped"


async def test_somebody_without_rights_learns_what_is_not_allowed(bare: Lab, doctor: Doctor) -> None:
    await bare.install_tidegate()
    await bare.apply(installed())
    await doctor(bare, kubeconfig=bare.control_plane.kubeconfig_of(GUEST))
    assert doctor.code == 1
    told = [one["message"] for one in doctor.of("your permissions")]
    assert "you may not list rollouts.tidegate.dev in namespace default" in told
    assert any("create rolloutcommands.tidegate.dev" in one and "no abort, pause" in one for one in told)
    (operator,) = doctor.of("permissions of the operator")
    assert (operator["level"], operator["message"]) == ("skipped", "you may not create SubjectAccessReviews")
    assert {one["level"] for one in doctor.of("CRDs")} == {"ok"}


async def test_a_role_that_lacks_something_is_told_verb_by_verb(bare: Lab, doctor: Doctor) -> None:
    await bare.install_tidegate()
    await bare.apply(installed())
    await doctor(bare)
    assert [one["level"] for one in doctor.of("permissions of the operator")] == ["ok"]
    role = next(
        one
        for one in yaml.safe_load_all(RBAC.read_text())
        if (one["kind"], one["metadata"]["name"]) == ("ClusterRole", "tidegate")
    )
    role["rules"] = [
        rule
        for rule in role["rules"]
        if rule["resources"] not in (["events"], ["rollouts/status", "rolloutcommands/status"])
    ]
    await bare.api.patch(role, {"rules": role["rules"]})

    async def noticed() -> bool:  # the authorizer sees a changed role a moment later
        await doctor(bare)
        return doctor.code == 1

    await until(noticed, PATIENCE, "the permissions are gone")
    lost = {one["message"]: one["level"] for one in doctor.of("permissions of the operator")}
    who = "ServiceAccount tidegate/tidegate may not"
    assert lost == {
        f"{who} patch rollouts/status.tidegate.dev in the cluster": "failed",
        f"{who} patch rolloutcommands/status.tidegate.dev in the cluster": "failed",
        f"{who} create events in the cluster; without it: no Events": "warning",
        f"{who} patch events in the cluster; without it: no Events": "warning",
    }


async def test_an_older_definition_is_noticed(bare: Lab, doctor: Doctor) -> None:
    await bare.install_tidegate()
    crd = yaml.safe_load((ROOT / "crds/rolloutcommands.tidegate.dev.yaml").read_text())
    del crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["requester"]
    await bare.api.patch(crd, {"spec": crd["spec"]})
    try:
        await doctor(bare)
        (older,) = doctor.of("CRDs", "warning")
        assert older["message"] == "rolloutcommands.tidegate.dev lacks fields that this version has: spec.requester"
    finally:
        await bare.install_tidegate()


async def test_no_api_server_is_one_finding_and_prometheus_is_still_asked(
    bare: Lab, doctor: Doctor, tmp_path: Path
) -> None:
    config = yaml.safe_load(bare.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    nowhere = f"http://127.0.0.1:{free_port()}"
    results = await doctor(bare, "--prometheus", nowhere, kubeconfig=file)
    assert [(one["check"], one["level"]) for one in results] == [("API server", "failed"), ("Prometheus", "failed")]
    assert "kubectl port-forward" in results[1]["advice"]


@pytest_asyncio.fixture(loop_scope="session")
async def late_prometheus() -> AsyncIterator[str]:
    """A Prometheus whose clock is five minutes behind."""

    async def answer(_: http.Request) -> http.Response:
        now = time.time() - 300
        return http.json_response({"status": "success", "data": {"resultType": "scalar", "result": [now, str(now)]}})

    app = http.Application()
    app.router.add_route("*", "/api/v1/query", answer)
    runner = http.AppRunner(app)
    await runner.setup()
    port = free_port()
    await http.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_clocks_that_are_apart_are_told(bare: Lab, doctor: Doctor, late_prometheus: str) -> None:
    await doctor(bare, "--prometheus", late_prometheus)
    said = {APART.sub("N s", one["message"]): one for one in doctor.of("clocks")}
    assert {message: one["level"] for message, one in said.items()} == {
        "Prometheus source 'default' is N s behind this machine": "warning",
        "Prometheus source 'default' is N s behind the API server": "failed",
    }
    for message, one in said.items():  # the API server says whole seconds, and an answer of a busy machine takes some
        (seconds,) = APART.findall(one["message"])
        assert abs(int(seconds) - 300) <= 5, message


async def test_everything_that_works_is_ok_down_to_the_metrics_of_both_arms(
    lab: Lab, namespace: str, doctor: Doctor, tmp_path: Path
) -> None:
    await lab.install_tidegate()
    await lab.apply(installed())
    await shop.open_shop(lab, namespace)
    await lab.apply(shop.rollout(namespace, paused=True))
    config = tmp_path / "operator.yaml"
    config.write_text(yaml.safe_dump({"sources": {"default": {"url": lab.prometheus_url}}}))
    asked = (shop.APP, "-n", namespace, "--config", str(config))

    async def measured() -> bool:
        await doctor(lab, *asked)
        return "error-rate of the baseline: 1 series" in [one["message"] for one in doctor.of("metrics", "ok")]

    async with lab.load(namespace, shop.APP, rate=50):
        await until(measured, PATIENCE, "the baseline has requests")
    assert doctor.code == 0, [one for one in doctor.results if one["level"] == "failed"]
    for check in (
        "API server",
        "CRDs",
        "kinds of route",
        "Prometheus",
        "clocks",
        "spec",
        "arms",
        "permissions of the operator",
    ):
        assert {one["level"] for one in doctor.of(check)} == {"ok"}, check
    idle = [one for one in doctor.of("metrics") if "of the candidate" in one["message"]]
    assert {one["level"] for one in idle} == {"warning"}, "it has no traffic"
    assert all("checkout-canary-" in one["advice"] or 'deployment="checkout-canary"' in one["advice"] for one in idle)


async def test_what_is_wrong_with_a_rollout_is_told(lab: Lab, namespace: str, doctor: Doctor) -> None:
    await lab.install_tidegate()
    item = shop.rollout(namespace, traffic=[{"kind": "TCPRoute", "name": shop.APP}])
    item["spec"]["metrics"][0]["ratio"]["total"] = 'nothing{pod=~"$pods"}'
    await lab.apply(item)
    asked = (shop.APP, "-n", namespace, "--prometheus")
    await doctor(lab, *asked, lab.prometheus_url)
    assert [one["message"] for one in doctor.of("arms", "failed")] == [
        "the baseline's Deployment checkout does not exist",
        "the candidate's Deployment checkout-canary does not exist",
    ]
    await shop.open_shop(lab, namespace)
    await doctor(lab, *asked, lab.prometheus_url)
    assert doctor.code == 1
    nothing = [one for one in doctor.of("metrics", "failed") if one["message"].startswith("error-rate of the baseline")]
    assert nothing
    assert "nothing{" in nothing[0]["advice"]


async def test_prometheus_that_is_down_is_told(lab: Lab, namespace: str, doctor: Doctor) -> None:
    await lab.install_tidegate()
    await lab.prometheus.stop()
    try:
        await doctor(lab, "-n", namespace, "--prometheus", lab.prometheus_url)
    finally:
        await lab.prometheus.start()
    (down,) = doctor.of("Prometheus")
    assert (doctor.code, down["level"]) == (1, "failed")
    assert "port-forward" in down["advice"]


async def test_for_people_each_failure_has_what_to_do_below_it(bare: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    code = await asyncio.to_thread(main, ["doctor", "--kubeconfig", str(bare.kubeconfig), "--service-account", "a/b"])
    said = capsys.readouterr()
    assert code == 1
    assert (
        "failed   permissions of the operator: there is no ServiceAccount b in namespace a\n"
        "         → install the operator, or name its account: --service-account\n"
    ) in said.out
    assert "1 failed" in said.err
