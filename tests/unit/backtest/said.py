"""The command, run against a Prometheus that is made up, and what it said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.adapters.fake_server import Reply, running
from tests.unit.backtest.past import Given, Past
from tests.unit.backtest.story import prometheus
from tidegate.cli.main import main


class Said:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code = -1
        self.err = ""

    async def __call__(self, past: dict[str, Callable[[float], Given]] | Reply, *arguments: object) -> str:
        serving = prometheus(Past(past)) if isinstance(past, dict) else running(past)
        async with serving as fake:
            given = ["backtest", *(str(one) for one in arguments), "--prometheus", fake.url]
            self.code = await asyncio.to_thread(main, given)
        said = self._capsys.readouterr()
        self.err = said.err.replace(fake.url, "URL")
        return said.out
