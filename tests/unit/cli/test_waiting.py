"""What `--wait` makes of a status: when it is decided, and with which exit code."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulated.argocd.states import (
    State,
    idle,
    lowered,
    paused,
    paused_by_spec,
    progressing,
    promoting,
    reverted,
    reverting,
    succeeded,
)
from tests.simulated.argocd.stories import as_object
from tests.simulated.shop import Shop
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.waiting import Awaited, verdict

ANY = Awaited()
DECIDED: dict[State, ExitCode | None] = {
    idle: ExitCode.DONE,
    progressing: None,
    paused: ExitCode.PERSON_NEEDED,
    lowered: ExitCode.PERSON_NEEDED,
    paused_by_spec: ExitCode.PERSON_NEEDED,
    reverted: ExitCode.NO,
    reverting: None,
    promoting: None,
    succeeded: ExitCode.DONE,
}


def told(state: State) -> dict[str, Any]:
    shop = Shop()

    async def reach() -> None:
        await state(shop)

    asyncio.run(reach())
    return as_object(shop)


def code(rollout: dict[str, Any], awaited: Awaited = ANY) -> ExitCode | None:
    found = verdict(rollout, awaited)
    return found[0] if found is not None else None


@pytest.mark.parametrize("state", DECIDED, ids=lambda state: state.__name__)
def test_a_real_status_is_decided_or_not(state: State) -> None:
    assert code(told(state)) == DECIDED[state]


def test_an_edit_that_nobody_has_looked_at_is_not_decided() -> None:
    rollout = told(idle)
    rollout["metadata"]["generation"] += 1
    assert code(rollout) is None
    assert code({"metadata": {"generation": 1}}) is None


def test_after_an_abort_the_end_is_what_was_asked_for() -> None:
    rollout = told(reverted)
    assert code(rollout, Awaited(ended=True)) is ExitCode.DONE
    assert code(told(paused), Awaited(ended=True)) is None


def test_an_end_of_before_is_not_the_one_that_is_waited_for() -> None:
    rollout = told(reverted)
    (entry,) = rollout["status"]["history"]
    assert code(rollout, Awaited(after=entry["id"])) is None
    assert code(rollout, Awaited(after="0-before")) is ExitCode.NO


def test_the_run_of_another_image_is_not_the_one_that_is_meant() -> None:
    rollout = told(succeeded)
    assert code(rollout, Awaited(image="shop:v2")) is ExitCode.DONE
    assert code(rollout, Awaited(image="shop:v3")) is None
    assert code(told(idle), Awaited(image="shop:v1")) is ExitCode.DONE, "it is in service already"


def test_the_words_say_which_run_and_why() -> None:
    found = verdict(told(reverted), ANY)
    assert found is not None
    assert found[1].startswith("run 1-")
    assert "Reverted: errors of the candidate is 20%, above max 5%" in found[1]
