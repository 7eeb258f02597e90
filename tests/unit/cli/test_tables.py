from __future__ import annotations

import io
import re

import pytest

from tidegate.cli.tables import Table, fitted, headline, plain, show

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


NARROW = Table(
    "Last checkpoint",
    ("guard", "limit", "candidate", "what was seen"),
    (
        ("error-rate max 5%", "max 5%", "0.35%", "0.35%, within max 5% (window 120s, 5649 requests)"),
        ("p99-latency max 900ms", "max 900ms", "", "nothing"),
    ),
)


@pytest.mark.parametrize(("width", "drawn"), [(92, True), (80, True), (62, True), (61, False)])
def test_where_a_table_would_be_cut_every_row_is_a_paragraph(
    monkeypatch: pytest.MonkeyPatch, width: int, *, drawn: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    out = Terminal()
    show(NARROW, out)
    said = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert ("──" in said) == drawn
    assert "…" not in said
    assert all(len(line) <= width for line in said.splitlines())
    if not drawn:
        assert said == (
            "Last checkpoint\n"
            "  error-rate max 5%\n"
            "      limit max 5% · candidate 0.35% · what was seen 0.35%,\n"
            "      within max 5% (window 120s, 5649 requests)\n"
            "  p99-latency max 900ms\n"
            "      limit max 900ms · what was seen nothing\n"
        )


def test_the_widest_column_gives_way_down_to_its_longest_word() -> None:
    assert fitted(NARROW, 200) == [21, 9, 9, 49]
    assert fitted(NARROW, 80) == [21, 9, 9, 28]
    assert fitted(NARROW, 62) == [11, 5, 9, 24]
    assert fitted(NARROW, 61) is None


WORDS = Table(
    "State", ("line", "state"), (("a", "Ok"), ("b", "Breached"), ("c", "Pending, Inconclusive"), ("d", "fine"))
)


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_what_is_not_ok_has_its_colour_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", no_color) if no_color else monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal() if terminal else io.StringIO()
    headline("web", "Reverted", out)
    show(WORDS, out)
    assert ("\x1b[31mReverted" in out.getvalue()) == coloured
    assert ("\x1b[32mOk" in out.getvalue()) == coloured
    assert ("\x1b[31mBreached" in out.getvalue()) == coloured
    assert ("\x1b[33mPending" in out.getvalue()) == coloured
    assert "mfine" not in out.getvalue()


def test_a_text_of_others_draws_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    table = Table("t\x1b[2J", ("a",), (("x\x1b[8m\ny",), ("[bold]z",)))
    for out in (Terminal(), io.StringIO()):
        headline("w\x1b[2J", "p\n\x1b[2J", out)
        show(table, out)
        assert "\x1b[2J" not in out.getvalue()
        assert "\x1b[8m" not in out.getvalue()
        assert "x\\x1b[8m\\ny" in out.getvalue()
        assert "[bold]z" in out.getvalue()


def test_a_row_that_goes_on_with_the_one_above_it_stays_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    show(Table("Others", ("line", "limit", "stops"), (("errors max 5%", "1%", "2 of 28"), ("", "5%", "none"))), out)
    assert out.getvalue() == (
        "Others\n  errors max 5%\n      limit 1% · stops 2\n      of 28\n      limit 5% · stops\n      none\n"
    )
