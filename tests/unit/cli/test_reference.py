"""docs/cli.md says what the parsers take."""

from __future__ import annotations

from pathlib import Path

from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.parser import COMMANDS
from tidegate.cli.reference import as_markdown

PAGE = Path(__file__).parents[3] / "docs/cli.md"


def test_the_page_is_what_the_parsers_say() -> None:
    assert PAGE.read_text() == as_markdown(), "run `make generate`"


def test_every_command_option_and_exit_code_is_on_it() -> None:
    page = as_markdown()
    assert all(f"\n## tidegate {name}\n" in page for name in COMMANDS)
    assert all(f"\n| {code.value} | " in page for code in ExitCode)
    for text in (
        "| `-A`, `--all-namespaces` |",
        "| `--as USER` |",
        "| `--timeout DURATION` |",
        "`-o wide\\|json\\|yaml\\|name`",
    ):
        assert text in page, text


def test_every_argument_has_a_meaning() -> None:
    rows = [line for line in as_markdown().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
