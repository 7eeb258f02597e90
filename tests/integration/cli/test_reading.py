"""`tidegate get | history | status | watch` and the flags of kubectl, on a real API server."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab.api import Api
from lab.control_plane import ControlPlane
from lab.wait import PATIENCE, until
from tests.integration.cli.test_commands import Cli
from tests.unit.api.manifests import good
from tests.unit.cli.test_completion import offered
from tidegate.cli.main import main

ROOT = Path(__file__).parents[3]
RUN = {
    "id": "1-ab",
    "version": {"images": ["web:1"]},
    "outcome": "Succeeded",
    "reason": "Succeeded",
    "message": "run 1-ab was promoted",
    "startTime": "2026-11-21T14:00:00Z",
    "endTime": "2026-11-21T15:00:00Z",
}
READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "lastTransitionTime": "2026-11-21T15:00:00Z"}
AT_REST = {
    "observedGeneration": 1,
    "phase": "Succeeded",
    "message": "run 1-ab was promoted",
    "conditions": [READY],
    "weight": {"desired": 0, "observed": 0},
    "released": {"images": ["web:1"]},
    "history": [RUN],
}

Object = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(cluster: ControlPlane) -> Api:
    await cluster.install_crds(sorted((ROOT / "crds").glob("*.yaml")))
    return cluster.api


@pytest.fixture
def tidegate(cluster: ControlPlane, namespace: str, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(cluster.kubeconfig, namespace, capsys)


@pytest_asyncio.fixture(loop_scope="session")
async def web(api: Api, namespace: str) -> Object:
    manifest = good()
    manifest["metadata"] |= {"namespace": namespace, "labels": {"team": "shop"}}
    made = await api.create(manifest)
    await api.create(good() | {"metadata": {"name": "other", "namespace": namespace}})
    await api.patch(made, {"status": AT_REST}, part="status")
    return made


@pytest.mark.usefixtures("web")
async def test_a_list_has_the_rollouts_of_the_namespace(tidegate: Cli) -> None:
    heading, other, web = (await tidegate("get")).splitlines()
    assert heading.split() == ["NAME", "PHASE", "STEP", "WEIGHT", "REASON", "AGE"]
    assert other.split()[:2] == ["other", "-"]
    assert web.split()[:5] == ["web", "Succeeded", "-", "0%", "Succeeded"]


@pytest.mark.usefixtures("web")
async def test_a_selector_and_names_choose(tidegate: Cli) -> None:
    assert await tidegate("get", "-l", "team=shop", "-o", "name") == "rollout.tidegate.dev/web\n"
    both = await tidegate("get", "rollout.tidegate.dev/other", "web", "-o", "name")
    assert both == "rollout.tidegate.dev/other\nrollout.tidegate.dev/web\n"
    assert "there is no Rollout third" in await tidegate("get", "third")
    assert tidegate.code == 2


async def test_all_namespaces_have_a_column_of_their_own(
    cluster: ControlPlane, web: Object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["get", "-A", "--kubeconfig", str(cluster.kubeconfig)]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["NAMESPACE", "NAME"]
    assert [web["metadata"]["namespace"], "web"] in [row.split()[:2] for row in rows]


async def test_an_empty_namespace_says_so_and_is_no_error(tidegate: Cli, namespace: str) -> None:
    assert await tidegate("get") == f"There is no Rollout in namespace {namespace}.\n"
    assert tidegate.code == 0


@pytest.mark.usefixtures("web")
async def test_objects_come_as_json_and_yaml_and_can_be_applied_again(tidegate: Cli) -> None:
    one = json.loads(await tidegate("get", "web", "-o", "json"))
    assert (one["kind"], one["status"]["phase"]) == ("Rollout", "Succeeded")
    assert "managedFields" not in one["metadata"]
    listed = yaml.safe_load(await tidegate("get", "-o", "yaml"))
    assert [item["metadata"]["name"] for item in listed["items"]] == ["other", "web"]
    assert all(item["apiVersion"] == "tidegate.dev/v1alpha1" for item in listed["items"])
    assert json.loads(await tidegate("status", "web", "-o", "json")) == one


@pytest.mark.usefixtures("web")
async def test_history_lists_the_runs(tidegate: Cli) -> None:
    heading, run = (await tidegate("history", "web")).splitlines()
    assert heading.split() == ["RUN", "VERSION", "OUTCOME", "STARTED", "ENDED", "WHY"]
    assert run.split()[:5] == ["1-ab", "web:1", "Succeeded", "2026-11-21T14:00:00Z", "2026-11-21T15:00:00Z"]
    assert json.loads(await tidegate("history", "web", "-o", "json")) == [RUN]
    assert await tidegate("history", "other") == "other has no finished run.\n"


@pytest.mark.usefixtures("web")
async def test_acting_as_somebody_without_rights_is_refused_with_the_servers_words(tidegate: Cli) -> None:
    said = await tidegate("get", "--as", "ann", "--as-group", "shoppers", "--as-group", "others")
    assert tidegate.code == 2
    assert 'User "ann" cannot list resource "rollouts"' in said


@pytest.mark.usefixtures("web")
async def test_every_group_that_is_named_counts(api: Api, namespace: str, tidegate: Cli) -> None:
    place = {"name": "readers", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["tidegate.dev"], "resources": ["rollouts"], "verbs": ["get", "list"]}]
    await api.create({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": place, "rules": rules})
    binding = {"roleRef": {"apiGroup": rbac, "kind": "Role", "name": "readers"}}
    subjects = [{"kind": "Group", "name": "second", "apiGroup": rbac}]
    await api.create(
        {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": place, "subjects": subjects, **binding}
    )
    as_ann = ("get", "web", "-o", "name", "--as", "ann", "--as-group", "first")
    assert "cannot get" in await tidegate(*as_ann)
    assert await tidegate(*as_ann, "--as-group", "second") == "rollout.tidegate.dev/web\n"


async def test_waiting_ends_with_what_became_of_it(api: Api, web: Object, tidegate: Cli) -> None:
    assert await tidegate("status", "web", "--wait") == "web: run 1-ab was promoted\n"
    assert tidegate.code == 0
    said = await tidegate("status", "web", "--wait", "--image", "web:2", "--timeout", "1ms")
    assert (tidegate.code, said) == (3, "tidegate: timed out after 1ms waiting for web: run 1-ab was promoted\n")
    call = asyncio.create_task(tidegate("status", "web", "--wait", "--image", "web:2", "--timeout", "30s"))
    newer = RUN | {"id": "2-cd", "version": {"images": ["web:2"]}, "outcome": "Reverted", "message": "errors"}
    stalled = READY | {"type": "Stalled", "reason": "Reverted"}
    conditions = [READY | {"status": "False", "reason": "Reverted"}, stalled]
    await api.patch(web, {"status": {"history": [newer, RUN], "conditions": conditions}}, part="status")
    assert await call == "web: run 2-cd: Reverted: errors\n"
    assert tidegate.code == 1


async def test_a_run_that_waits_for_a_person_is_exit_code_4(api: Api, web: Object, tidegate: Cli) -> None:
    run = {"id": "2", "version": {}, "startTime": RUN["startTime"]}
    paused = {"reason": "LoweredByOther", "message": "somebody", "since": RUN["startTime"]}
    await api.patch(web, {"status": {"message": "lowered", "run": run | {"paused": paused}}}, part="status")
    assert await tidegate("status", "web", "--wait") == "web: waits for a person (LoweredByOther): lowered\n"
    assert tidegate.code == 4


@pytest.mark.usefixtures("web")
async def test_a_command_can_wait_for_the_end_and_come_as_an_object(api: Api, web: Object, tidegate: Cli) -> None:
    run = {"id": "2-cd", "version": {"images": ["web:2"]}, "startTime": RUN["startTime"]}
    await api.patch(web, {"status": {"run": run}}, part="status")
    call = asyncio.create_task(tidegate("abort", "web", "--wait", "-o", "name"))
    (command,) = await until(
        lambda: api.list("tidegate.dev/v1alpha1", "RolloutCommand", web["metadata"]["namespace"]), PATIENCE, "a command"
    )
    await api.patch(command, {"status": {"phase": "Done", "message": "reverting"}}, part="status")
    ended = RUN | {"id": "2-cd", "outcome": "Aborted", "message": "Abort by admin"}
    await api.patch(web, {"status": {"run": None, "history": [ended, RUN]}}, part="status")
    said = await call
    assert said.startswith("rolloutcommand.tidegate.dev/web-abort-")
    assert said.endswith("web: run 2-cd: Aborted: Abort by admin\n")
    assert tidegate.code == 0


def _interruptible() -> None:
    """A shell that starts tests in the background has interrupts ignored, and so would every process they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_watching_shows_each_change_once_until_it_is_interrupted(
    cluster: ControlPlane, api: Api, web: Object, namespace: str
) -> None:
    command = [sys.executable, "-m", "tidegate.cli", "watch", "web", "-n", namespace]
    with subprocess.Popen(  # noqa: ASYNC220, S603
        [*command, "--kubeconfig", str(cluster.kubeconfig)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_interruptible,  # noqa: PLW1509  (it takes no lock)
    ) as process:
        assert process.stdout is not None
        try:
            assert await asyncio.to_thread(process.stdout.readline) == "web: Succeeded\n"
            await api.patch(web, {"status": {"phase": "Progressing"}}, part="status")
            while (line := await asyncio.to_thread(process.stdout.readline)) != "web: Progressing\n":
                assert line, "the watch has ended"
                assert line != "web: Succeeded\n", "nothing has changed"
        finally:
            process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 130


@pytest.mark.usefixtures("web")
async def test_kubectl_is_offered_the_names_of_the_cluster(cluster: ControlPlane, namespace: str) -> None:
    def asked(*words: str) -> list[str]:
        return offered(*words, kubeconfig=cluster.kubeconfig)

    assert await asyncio.to_thread(asked, "status", "-n", namespace, "w") == ["web"]
    assert await asyncio.to_thread(asked, "get", "-n", namespace, "") == ["other", "web"]
    assert await asyncio.to_thread(asked, "get", "-n", namespace[:-1]) == [namespace]
