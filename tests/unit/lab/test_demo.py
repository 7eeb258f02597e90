"""What `make demo` writes where there is no terminal: a line for each thing told, as a log of CI keeps it."""

from __future__ import annotations

import io
import sys

import pytest

from lab import demo


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("out", "lines"), [(io.StringIO, 1), (Screen, 2)])
def test_a_line_is_wrapped_on_a_terminal_alone(
    out: type[io.StringIO], lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", written := out())
    demo._console().print("word " * 30)  # noqa: SLF001
    assert len(written.getvalue().splitlines()) == lines
