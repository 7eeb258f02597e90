"""`--watch`: in place on a terminal, once for each change elsewhere, on through an outage."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Sequence

import pytest

from tidegate.cli import live
from tidegate.cli.live import CLEAR, View, watched
from tidegate.ports.errors import Unavailable


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


async def shown(states: Sequence[str | Exception]) -> None:
    """Looks at each state in turn, then is interrupted."""
    left = list(states)

    async def look() -> View:
        if not left:
            raise asyncio.CancelledError
        state = left.pop(0)
        if isinstance(state, Exception):
            raise state
        return View(state, lambda: print(state))  # noqa: T201

    with pytest.raises(asyncio.CancelledError):
        await watched(look)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.0)


async def test_elsewhere_each_change_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    await shown(["a", "a", "b", "b", "a"])
    assert capsys.readouterr().out == "a\nb\na\n"


async def test_on_a_terminal_it_is_drawn_in_place_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    await shown(["a", "a", "b"])
    assert screen.getvalue() == f"{CLEAR}a\n{CLEAR}a\n{CLEAR}b\n"


async def test_an_api_server_that_is_away_is_told_once_and_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    away = Unavailable("get Rollout shop/web: timed out")
    await shown(["a", away, away, "a"])
    said = capsys.readouterr()
    assert said.out == "a\na\n"
    assert said.err == "tidegate: get Rollout shop/web: timed out\n"
