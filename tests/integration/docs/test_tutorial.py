"""Goes through docs/tutorial.md: each command is run in a shell, on the lab as `make lab` starts it, and prints what is shown.

TIDEGATE_WRITE_DOCS=1 writes what was printed into the page instead.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Final

import pytest

from lab import up
from lab.stack import Lab

PAGE: Final = Path(__file__).parents[3] / "docs/tutorial.md"
BLOCK: Final = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRITES: Final = os.environ.get("TIDEGATE_WRITE_DOCS") == "1"
VARIES: Final = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d:\d\d\b( UTC)?|\b\d\d-\d\d \d\d:\d\d\b", "<instant>"),
    (r"(?<![\w.])(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s)?(?<=[dhms])(?![\w])", "<duration>"),
    (r"\b\d+-[0-9a-f]{8}\b", "<run>"),
    (r"\b\d+\.\d+ s$", "<duration>"),
    (r"\b\d+ requests\b", "<n> requests"),
    (r"\b\d+(\.\d+)?%", "<share>"),
    (r"-[0-9a-f]{6,10}-[a-z0-9]{5}\b", "-<pod>"),
    (r"[ \t]+", " "),
    (r" $", ""),
)
"""What differs from one machine, or one look, to the next."""


def masked(text: str) -> str:
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


async def printed(command: str, folder: Path, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()


@pytest.mark.timeout(900)
async def test_every_command_of_the_tutorial_prints_what_is_shown(lab: Lab, tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    environment = {**os.environ, **up.environment(lab), "NO_COLOR": "1", "COLUMNS": "160"}
    async with up.opened(lab, step_seconds=60 if WRITES else 16):
        for block in BLOCK.finditer(text):
            if block[1] == "yaml":
                name = block[2].splitlines()[0].removeprefix("# ")
                (tmp_path / name).write_text(block[2], encoding="utf-8")
                continue
            shown = await as_run(block[2], tmp_path, environment)
            if WRITES:
                text = text.replace(block[0], f"```console\n{shown}```")
                PAGE.write_text(text, encoding="utf-8")
            else:
                assert masked(shown) == masked(block[2])
    await lab.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": up.NAMESPACE}})


async def as_run(block: str, folder: Path, environment: dict[str, str]) -> str:
    """The block with what its commands print now."""
    lines: list[str] = []
    for command in (line for line in block.splitlines() if line.startswith("$ ")):
        output = await printed(command.removeprefix("$ "), folder, environment)
        lines += [command, *(line.rstrip() for line in output.splitlines())]
    return "".join(f"{line}\n" for line in lines)
