"""The operator as the image starts it: the same wheels, a read-only tree, no home, an unprivileged user."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE
from tests.integration.install import image
from tests.integration.install.tools import RELEASE, ROOT
from tests.unit.adapters.notifiers.receiver import receiver

ACCOUNT = [
    ROOT / "deploy" / file for file in ("cluster/namespace.yaml", "base/serviceaccount.yaml", "cluster/rbac.yaml")
]
POD = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$1/token" "$1/ca.crt" /run/secrets/kubernetes.io/serviceaccount
mount -o remount,ro /run
mount -o remount,bind,ro /
shift
exec "$@"
"""
"""What a kubelet gives a container with `readOnlyRootFilesystem`: its account's token, and nothing to write to."""


@pytest.fixture(scope="module")
def app() -> Iterator[Path]:
    with image.app() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def account(fresh: Lab, app: Path) -> AsyncIterator[Path]:
    """A folder with a token of the operator's account, the API server's certificate, and a kubeconfig of both."""
    await fresh.install_tidegate()
    objects = await fresh.apply(*(file.read_text() for file in ACCOUNT))
    kubeconfig = yaml.safe_load((await fresh.control_plane.kubeconfig_of_service_account(RELEASE, RELEASE)).read_text())
    folder = app.parent / "account"
    folder.mkdir()
    (folder / "token").write_text(kubeconfig["users"][0]["user"]["token"])
    cluster = kubeconfig["clusters"][0]["cluster"]
    shutil.copyfile(cluster["certificate-authority"], folder / "ca.crt")
    cluster["certificate-authority"] = str(folder / "ca.crt")
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    yield folder
    for item in objects:
        if item["kind"] != "Namespace":
            await fresh.api.delete(item)


def command(*arguments: str | Path) -> list[str]:
    """Python as the image starts it, as nobody in particular where that is possible."""
    drop = ["setpriv", f"--reuid={image.NOBODY}", f"--regid={image.NOBODY}", "--clear-groups", "--no-new-privs"]
    return [*(drop if os.getuid() == 0 else []), image.python(), *map(str, arguments)]


def environment(app: Path, *, sealed: bool = True) -> dict[str, str]:
    """The image's and nothing else: no HOME, and a PATH only for the tools that start it."""
    found = {name: value.replace("/app", str(app)) for name, value in image.environment().items()}
    if sealed:
        copy = app.parent / "sealed"
        shutil.copytree(image.SEALED, copy, dirs_exist_ok=True)
        found["PYTHONPATH"] = f"{copy}:{found['PYTHONPATH']}"
    return {**found, "PATH": os.defpath}


def configuration(folder: Path) -> tuple[Path, int]:
    port = free_port()
    file = folder / f"operator-{port}.yaml"
    file.write_text(yaml.safe_dump({"listen": f"127.0.0.1:{port}", "logs": {"format": "json"}}))
    file.chmod(0o644)
    return file, port


async def until_ready(lab: Lab, line: list[str], variables: dict[str, str], port: int) -> str:
    """Starts it, waits until it is ready. Returns what it logged."""
    process = lab.children.start(f"container-{port}", line, variables)
    url = f"http://127.0.0.1:{port}/readyz"

    async def ready() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    try:
        await process.ready(ready, 2 * PATIENCE)
    finally:
        await lab.children.stop(process, grace=20)
    assert process.child.returncode == 0, "it ends by itself when it is asked to"
    return process.log.read_text()


def test_a_write_would_be_refused_and_seen(app: Path) -> None:
    place = app.parent / "open"
    place.mkdir()
    place.chmod(0o777)
    lines = (
        f"open('{place}/written', 'w')",
        f"import os; os.mkdir('{place}/made')",
        f"import tempfile; tempfile.mkstemp(dir='{place}')",
    )
    for line in lines:
        done = subprocess.run(command("-c", line), env=environment(app), capture_output=True, text=True, check=False)
        assert "Read-only file system" in done.stderr
    assert list(place.iterdir()) == []


def test_the_command_line_runs_from_the_image(app: Path) -> None:
    line = command(*image.entrypoint()[1:], "--version")
    done = subprocess.run(line, env=environment(app), capture_output=True, text=True, check=False, cwd="/")
    assert done.stderr == ""
    assert done.stdout.startswith("tidegate ")


async def test_start_up_needs_nothing_to_write_to_no_home_and_no_privilege(
    fresh: Lab, app: Path, account: Path
) -> None:
    config, port = configuration(app.parent)
    variables = {**environment(app), "KUBECONFIG": str(account / "kubeconfig")}
    line = command(*image.entrypoint()[1:], "operator", "--config", config)
    log = await until_ready(fresh, line, variables, port)
    assert "operator started" in log
    assert "Read-only file system" not in log


def may_mount() -> bool:
    return os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="mounting needs root; the test before this one needs none")
async def test_in_a_pod_it_logs_in_as_its_account_with_a_root_that_is_read_only(
    fresh: Lab, app: Path, account: Path
) -> None:
    config, port = configuration(app.parent)
    host, _, api_port = fresh.control_plane.server.removeprefix("https://").partition(":")
    variables = environment(app, sealed=False) | {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": api_port}
    line = command(*image.entrypoint()[1:], "operator", "--config", config)
    pod = ["unshare", "--mount", "sh", "-c", POD, "pod", str(account), *line]
    log = await until_ready(fresh, pod, variables, port)
    assert f'"server": "{fresh.control_plane.server}"' in log


def test_the_image_keeps_to_what_it_promises() -> None:
    final = image.DOCKERFILE.rpartition("\nFROM ")[2]
    assert f"\nUSER {image.NOBODY}:{image.NOBODY}\n" in final
    assert "RUN" not in final, "the final stage only copies"
    installs = [line for line in image.DOCKERFILE.splitlines() if "pip install" in line and "/wheels/" not in line]
    assert installs
    assert all("--require-hashes --only-binary :all:" in line for line in installs)


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        part
        for line in image.DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for part in line.split()[1:-1]
    }
    assert copied == kept
    assert [part for part in copied if not (ROOT / part).exists()] == []


SEND = """
import asyncio, sys
from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.apprise_process import AppriseProcess
from tidegate.adapters.notifiers.sender import Target
from tidegate.core.model.message import Message, Tone

async def main():
    sender = AppriseProcess(Allowed(("json",), (), ("127.0.0.1",)))
    message = Message("hello", "Why: it works", "", Tone.INFO, "Test", "", "key", "id", False, 0.0, {})
    await sender.send(Target(sys.argv[1]), message)
    await sender.close()

asyncio.run(main())
"""


def test_the_process_of_notifications_needs_nothing_to_write_to_either(app: Path) -> None:
    with receiver() as there:
        line = command("-c", SEND, there.url("json"))
        done = subprocess.run(line, env=environment(app), capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
        assert there.bodies()[0]["message"] == "Why: it works"
