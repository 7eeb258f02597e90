from __future__ import annotations

import io

import pytest

from tidegate.cli.tables import Table, plain, show

TABLE = Table("web: on its way", ("step", "gate", "weight"), (("1 [canary]", "", "5%"), ("2 everyone", "", "100%")))


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


def test_for_programs_columns_are_aligned_and_empty_ones_left_out() -> None:
    assert plain(TABLE) == "STEP         WEIGHT\n1 [canary]   5%\n2 everyone   100%\n"
    out = io.StringIO()
    show(TABLE, out)
    assert out.getvalue() == f"web: on its way\n{plain(TABLE)}"


def test_for_people_a_table_is_drawn_with_every_text_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    show(TABLE, out)
    lines = [line.split() for line in out.getvalue().splitlines() if line.strip()]
    assert lines[0] == ["web:", "on", "its", "way"]
    assert lines[1] == ["step", "weight"], "an empty column takes width from the others"
    assert ["1", "[canary]", "5%"] in lines
    assert "──" in out.getvalue()
