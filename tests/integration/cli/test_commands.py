"""`tidegate abort` and its siblings on a real API server, with the operator's part played by the test."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab.api import Api
from lab.control_plane import ControlPlane
from lab.ports import free_port
from lab.wait import PATIENCE, until
from tests.unit.api.manifests import good
from tidegate.cli.main import main

ROOT = Path(__file__).parents[3]
VERSION = "tidegate.dev/v1alpha1"

Object = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(cluster: ControlPlane) -> Api:
    await cluster.install_crds(sorted((ROOT / "crds").glob("*.yaml")))
    return cluster.api


class Cli:
    """Calls of the command line, as the administrator, in the test's namespace."""

    def __init__(self, kubeconfig: Path, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._options = ["--kubeconfig", str(kubeconfig), "--namespace", namespace]
        self._capsys = capsys
        self.code = -1

    async def __call__(self, *arguments: str) -> str:
        command, *rest = arguments
        self.code = await asyncio.to_thread(main, [command, *self._options, *rest])
        said = self._capsys.readouterr()
        return said.out + said.err


@pytest.fixture
def tidegate(cluster: ControlPlane, namespace: str, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(cluster.kubeconfig, namespace, capsys)


@pytest_asyncio.fixture(loop_scope="session")
async def web(api: Api, namespace: str) -> Object:
    manifest = good()
    manifest["metadata"]["namespace"] = namespace
    return await api.create(manifest)


async def asked(api: Api, namespace: str) -> Object:
    """The one command there is."""

    async def found() -> list[Object]:
        return await api.list(VERSION, "RolloutCommand", namespace)

    (command,) = await until(found, PATIENCE, "a RolloutCommand")
    return command


@pytest.mark.usefixtures("web")
async def test_abort_says_who_asks_and_why_and_tells_the_outcome(api: Api, namespace: str, tidegate: Cli) -> None:
    call = asyncio.create_task(tidegate("abort", "web", "--reason", "wrong prices", "--run", "3-ab"))
    command = await asked(api, namespace)
    assert command["spec"] == {
        "rollout": "web",
        "action": "Abort",
        "run": "3-ab",
        "reason": "wrong prices",
        "requester": "admin",
    }
    assert command["metadata"]["name"].startswith("web-abort-")
    await api.patch(command, {"status": {"phase": "Done", "message": "reverting run 3-ab"}}, part="status")
    assert await call == "Abort web: done: reverting run 3-ab\n"
    assert tidegate.code == 0


@pytest.mark.usefixtures("web")
async def test_a_refusal_is_told_and_is_exit_code_1(api: Api, namespace: str, tidegate: Cli) -> None:
    call = asyncio.create_task(tidegate("resume", "web"))
    await api.patch(await asked(api, namespace), {"status": {"phase": "Refused", "message": "no run"}}, part="status")
    assert await call == "Resume web: refused: no run\n"
    assert tidegate.code == 1


@pytest.mark.usefixtures("web")
async def test_nobody_there_to_carry_it_out_is_told_and_is_exit_code_3(tidegate: Cli) -> None:
    said = await tidegate("pause", "web", "--timeout", "1ms")
    assert said.startswith("tidegate: timed out after 1ms waiting for the operator. The Pause is recorded as ")
    assert "will be carried out when the operator answers: kubectl get rolloutcommand web-pause-" in said
    assert tidegate.code == 3


@pytest.mark.usefixtures("web")
async def test_without_waiting_it_is_only_created(api: Api, namespace: str, tidegate: Cli) -> None:
    said = await tidegate("retry", "web", "--timeout", "0s")
    assert said == f"rolloutcommand/{(await asked(api, namespace))['metadata']['name']} created\n"
    assert tidegate.code == 0


async def test_a_rollout_that_is_not_there_gets_no_command(api: Api, namespace: str, tidegate: Cli) -> None:
    assert await tidegate("abort", "web") == f"tidegate: there is no Rollout web in namespace {namespace}\n"
    assert tidegate.code == 2
    assert await api.list(VERSION, "RolloutCommand", namespace) == []


@pytest.mark.usefixtures("web")
async def test_the_contexts_namespace_is_meant_when_none_is_named(
    cluster: ControlPlane, api: Api, namespace: str, tmp_path: Path
) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    context = {**config["contexts"][0]["context"], "namespace": namespace}
    config["contexts"].append({"name": "shop", "context": context})
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    await asyncio.to_thread(main, ["abort", "web", "--timeout", "0s", "--kubeconfig", str(file), "--context", "shop"])
    assert (await asked(api, namespace))["spec"]["action"] == "Abort"


async def test_no_way_to_the_cluster_is_one_line(tidegate: Cli, tmp_path: Path) -> None:
    said = await tidegate("abort", "web", "--kubeconfig", str(tmp_path / "none"))
    assert tidegate.code == 2
    assert said == f"tidegate: {tmp_path / 'none'}: there is no such kubeconfig\n"


async def test_a_cluster_that_does_not_answer_is_one_line(cluster: ControlPlane, tidegate: Cli, tmp_path: Path) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    said = await tidegate("abort", "web", "--kubeconfig", str(file))
    assert tidegate.code == 2
    assert said.startswith("tidegate: get Rollout ")
    assert said.endswith("cannot be reached: connection refused\n")
    assert said.count("\n") == 1


async def test_a_longest_name_has_room_for_its_commands(api: Api, namespace: str, tidegate: Cli) -> None:
    manifest = good() | {"metadata": {"name": "w" * 63, "namespace": namespace}}
    await api.create(manifest)
    await tidegate("abort", "w" * 63, "--timeout", "0s")
    assert (await asked(api, namespace))["spec"]["rollout"] == "w" * 63


async def test_status_tells_what_is_going_on(api: Api, web: Object, tidegate: Cli) -> None:
    assert await tidegate("status", "web") == "web: not reconciled by the operator yet\n"
    await api.patch(web, {"status": {"phase": "Idle", "message": "nothing to bring"}}, part="status")
    assert await tidegate("status", "web") == "web: Idle\n  nothing to bring\n"
    assert (
        await tidegate("status", "other") == f"tidegate: there is no Rollout other in namespace {namespace_of(web)}\n"
    )


async def test_a_status_of_another_version_is_shown_as_far_as_it_can_be_read(
    api: Api, web: Object, tidegate: Cli
) -> None:
    status = {"phase": "Progressing", "step": {"summary": "1/2 x"}, "message": "watching", "novel": {"a": [1]}}
    await api.patch(web, {"status": status}, part="status")
    assert await tidegate("status", "web") == (
        "web: Progressing\n"
        "  part of the status could not be read: step.name: Field required; step.index: Field required; "
        "step.of: Field required\n"
        "  watching\n"
    )
    assert tidegate.code == 0


def namespace_of(item: Object) -> str:
    return str(item["metadata"]["namespace"])
