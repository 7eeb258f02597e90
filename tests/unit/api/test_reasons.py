"""Every reason the code can give is defined, and every defined one can be given."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tidegate.api import reasons

ROOT = Path(__file__).parents[3]
SPEAKING = {
    "Why": 0,
    "say": 0,
    "pause": 0,
    "hold": 0,
    "end": 1,
    "finish": 2,
    "_end_fresh": 1,
    "respond": 2,
    "Breach": 0,
    "Decision": 0,
}
"""Calls that give a reason, and the position of it among the arguments."""
MADE_UP = {
    *(f"{arm}{thing}Missing" for arm in ("Baseline", "Candidate") for thing in ("", "Service")),
    *("Aborted", "Deleted", "Reverted", "Superseded", "Succeeded", "NoData", "SourceDown", "RouterNotServed"),
    *("RevertRefused", "WriteRefused"),
}
"""Reasons put together at run time."""


def spoken() -> set[str]:
    found = set()
    places = [ROOT / "operator/tidegate" / room for room in ("core", "reconcile")]
    for file in (file for place in places for file in place.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            place = SPEAKING.get(name)
            if place is None:
                continue
            texts = [one.value for one in call.args[: place + 1] if isinstance(one, ast.Constant)]
            found |= {text for text in texts if isinstance(text, str) and re.fullmatch("[A-Z][A-Za-z]+", text)}
    return found


def test_every_reason_that_is_given_is_defined() -> None:
    assert len(spoken()) > 40, "the code is where it is looked for"
    assert spoken() - set(reasons.REASONS) == set()


def test_every_reason_that_is_defined_can_be_given() -> None:
    assert set(reasons.REASONS) - spoken() - MADE_UP == set()


def test_no_reason_is_defined_twice() -> None:
    assert sum(len(group) for group in reasons.GROUPS.values()) == len(reasons.REASONS)


def test_the_page_of_reasons_is_the_one_made_from_the_code() -> None:
    assert (ROOT / "docs/reasons.md").read_text() == reasons.as_markdown()
