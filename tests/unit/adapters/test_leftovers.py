"""Which concluded commands are deleted."""

from __future__ import annotations

from typing import Any

from tidegate.adapters.kubernetes.leftovers import KEPT, KEPT_SECONDS, outdated
from tidegate.core.model.time_format import instant

NOW = 1_800_000_000.0


def command(name: str, rollout: str = "shop", ended: float | None = NOW) -> dict[str, Any]:
    status = {"phase": "Done", "completionTime": instant(ended).strftime("%Y-%m-%dT%H:%M:%SZ")} if ended else {}
    return {"metadata": {"name": name}, "spec": {"rollout": rollout}, "status": status}


def test_an_open_command_is_never_outdated() -> None:
    assert list(outdated([command("open", ended=None)], NOW + 10 * KEPT_SECONDS)) == []


def test_a_command_concluded_long_ago_is_outdated() -> None:
    found = [command("old", ended=NOW - KEPT_SECONDS - 1), command("new", ended=NOW - KEPT_SECONDS + 1)]
    assert list(outdated(found, NOW)) == ["old"]


def test_the_newest_are_kept_for_each_rollout() -> None:
    many = [command(f"c{place}", ended=NOW - place) for place in range(KEPT + 3)]
    found = [*many, command("other", rollout="other", ended=NOW - 1000)]
    assert sorted(outdated(found, NOW)) == sorted(f"c{place}" for place in range(KEPT, KEPT + 3))
