"""Text of others on a terminal: whatever stands in a file, in an object or in an answer forges no line and draws nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running
from tests.unit.api.manifests import good
from tests.unit.api.test_text import LOGGED as FORGED
from tests.unit.api.test_text import UNSAFE
from tests.unit.cli.status_told import AT, RUN, STEP
from tests.unit.cli.test_streams import kubeconfig_of
from tidegate.api.values.text import printable
from tidegate.cli.cluster import in_one_line
from tidegate.cli.main import main
from tidegate.ports.errors import Rejected

TAG: Final = "\U000e0041"
"""An invisible letter: the pattern of the API lets it pass, as it does all of what emoji are made of."""

ROLLOUT: Final[dict[str, Any]] = good() | {
    "metadata": {"name": "web", "namespace": "shop", "generation": 1},
    "status": {
        "observedGeneration": 1,
        "phase": FORGED,
        "message": FORGED,
        "run": RUN | {"paused": {"reason": FORGED, "since": AT, "message": FORGED}},
        "step": STEP,
    },
}


def unsafe(said: str) -> list[str]:
    """The lines of an output that do more than to be read."""
    return [line for line in said.split("\n") if UNSAFE.search(line) or TAG in line]


async def reply_to(server: FakeServer, writer: Writer) -> None:
    """Answers as an API server with one Rollout, on which every command is refused with forged words."""
    asked = server.asked[-1]
    name = {"name": "web-pause-1", "namespace": "shop"}
    body: dict[str, Any] = {"metadata": name, "status": {"phase": "Refused", "message": FORGED}}
    if asked.path.endswith("/rollouts/web"):
        body = ROLLOUT
    elif asked.path.endswith("/rollouts/denied"):
        writer.write(http(403, json.dumps({"kind": "Status", "message": FORGED}).encode()))
        return
    elif asked.path.endswith("/selfsubjectreviews"):
        body = {"status": {"userInfo": {"username": "ann"}}}
    writer.write(http(201 if asked.method == "POST" else 200, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["status", "web"], 0, f"web: {printable(FORGED)}\n"),
        (["status", "web", "--wait"], 4, f"waits for a person ({printable(FORGED)}): {printable(FORGED)}\n"),
        (["pause", "web"], 1, f"Pause web: refused: {printable(FORGED)}\n"),
        (["status", "denied"], 2, f"403 {printable(FORGED)}\n"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
async def test_what_an_api_server_says_is_shown_as_text(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server: list[FakeServer] = []

    async def reply(_: Reader, writer: Writer) -> None:
        await reply_to(server[0], writer)

    async with running(reply) as fake:
        server.append(fake)
        file = kubeconfig_of(tmp_path)
        config = yaml.safe_load(file.read_text())
        config["clusters"][0]["cluster"]["server"] = fake.url
        file.write_text(yaml.safe_dump(config))
        found = await asyncio.to_thread(main, [*arguments, "-n", "shop", "--kubeconfig", str(file)])
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert unsafe(shown.out + shown.err) == []
    assert found == code


def test_an_error_of_a_cluster_is_one_line() -> None:
    assert in_one_line(Rejected(f"get Rollout shop/web: {FORGED}")) == f"get Rollout shop/web: {printable(FORGED)}"


def damaged(folder: Path) -> Path:
    """A file with a name, an object with a name, and a field, that are all forged."""
    file = folder / f"{FORGED.replace('/', '')}.yaml"
    wrong = good({FORGED: 1}) | {"metadata": {"name": FORGED}}
    file.write_text(yaml.safe_dump(wrong))
    return file


def frozen(folder: Path) -> Path:
    """A good Rollout with a reason of which a part cannot be seen."""
    freeze = {"from": "2026-12-18T17:00:00Z", "to": "2026-12-28T16:00:00Z", "reason": f"holidays{TAG}"}
    file = folder / "web.yaml"
    file.write_text(yaml.safe_dump(good({"freezes": [freeze]})))
    return file


@pytest.mark.parametrize(
    ("command", "make", "said"),
    [
        (["lint"], damaged, f"error: spec.{printable(FORGED)}: "),
        (["lint", "--format", "github"], damaged, f",title=Rollout {printable(FORGED).replace(':', '%3A')}::spec."),
        (["lint"], lambda folder: folder / FORGED, printable(FORGED)),
        (["plan"], frozen, f"holidays{printable(TAG)}"),
        (["plan"], damaged, f"{printable(FORGED)}.yaml:"),
        (["simulate"], damaged, f"{printable(FORGED)}.yaml:"),
    ],
)
def test_what_a_file_says_is_shown_as_text(
    command: list[str],
    make: Callable[[Path], Path],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main([*command, str(make(tmp_path))])
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert unsafe(shown.out + shown.err) == []


def test_an_argument_that_is_not_known_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    option = f"--{FORGED.replace(' ', '')}"  # with a space it would be a file's name
    with pytest.raises(SystemExit, match="2"):
        main(["lint", "web.yaml", option])
    shown = capsys.readouterr()
    assert f"unrecognized arguments: {printable(option)}\n" in shown.err
    assert unsafe(shown.out + shown.err) == []
