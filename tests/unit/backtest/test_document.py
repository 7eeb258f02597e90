"""docs/backtest.md shows what the command prints. To write it anew: `TIDEGATE_WRITE_DOCS=1 pytest` this file."""

from __future__ import annotations

import asyncio
import math
import os
import re
from pathlib import Path

import pytest

from tests.unit.backtest.story import WEEK, prometheus
from tidegate.cli.backtest.windows_file import windows_of
from tidegate.cli.main import main

PAGE = Path(__file__).parents[3] / "docs" / "backtest.md"
PICTURE = PAGE.with_suffix(".svg")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://prometheus.monitoring:9090"


def blocks(language: str) -> list[str]:
    return [found[2] for found in BLOCK.finditer(PAGE.read_text()) if found[1] == language]


async def printed(command: str, folder: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    (folder / "checkout.yaml").write_text(blocks("yaml")[0])
    (folder / "windows.yaml").write_text(blocks("yaml")[1])
    program, *arguments = command.removeprefix("$ ").split()
    assert program == "tidegate"
    async with prometheus(WEEK) as fake:
        given = [one.replace(ADDRESS, fake.url) for one in arguments]
        assert await asyncio.to_thread(main, given) == code
    return capsys.readouterr().out


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_what_is_shown_is_what_is_printed(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = blocks("text")[number]
    command, _, expected = text.partition("\n")
    said = await printed(command, tmp_path, capsys)
    if expected.startswith("...\n"):
        found = "...\n" + said[said.index("Other limits") : said.index("\nFalse positives")]
    else:
        found = said
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        PAGE.write_text(PAGE.read_text().replace(text, f"{command}\n{found}"))
        expected = found
    assert found == expected


async def test_the_picture_is_the_one_that_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = blocks("text")[0].partition("\n")[0]
    await printed(f"{command} --svg {tmp_path / 'week.svg'}", tmp_path, capsys)
    drawn = (tmp_path / "week.svg").read_text()
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn


def test_every_file_of_windows_that_is_shown_is_one(tmp_path: Path) -> None:
    for number, text in enumerate(blocks("yaml")[1:]):
        (tmp_path / f"{number}.yaml").write_text(text)
        given = windows_of(str(tmp_path / f"{number}.yaml"), now=math.inf)
        assert given.windows
