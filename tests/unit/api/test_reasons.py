"""Every reason that is defined can be given, and has words; that no other is given is a matter of types."""

from __future__ import annotations

import ast
from pathlib import Path

from tidegate.api import reasons
from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd

ROOT = Path(__file__).parents[3]
FROM_OTHERS = {*map(str, RunEnd), "NoData", "SourceDown"}
"""Reasons that are made of how a run ended, or of the kind of data that is missing."""


def given() -> set[str]:
    places = [ROOT / "operator/tidegate" / room for room in ("core", "reconcile")]
    nodes = (node for place in places for file in place.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    return {
        Reason[node.attr]
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }


def test_every_reason_that_is_defined_can_be_given() -> None:
    assert len(given()) > 40, "the code is where it is looked for"
    assert set(Reason) - given() - FROM_OTHERS == set()


def test_every_reason_has_words() -> None:
    assert set(reasons.REASONS) == set(Reason)
    assert {Reason(kind) for kind in FROM_OTHERS} <= set(Reason)


def test_a_reason_of_another_version_is_given_again_as_it_is() -> None:
    later = Reason("TideTurned")
    assert (later, f"{later}", later in set(Reason)) == ("TideTurned", "TideTurned", False)


def test_no_reason_is_defined_twice() -> None:
    assert sum(len(group) for group in reasons.GROUPS.values()) == len(reasons.REASONS)


def test_the_page_of_reasons_is_the_one_made_from_the_code() -> None:
    assert (ROOT / "docs/reasons.md").read_text() == reasons.as_markdown()
