"""The health scripts for Argo CD, in what Argo CD gives them, on every kind of status that a run has."""

from __future__ import annotations

import re
from typing import Final

import lupa.lua51
import pytest

from tests.simulated.argocd.sandbox import COMMAND, ROLLOUT, health, runtime
from tests.simulated.argocd.stories import Object, collected
from tidegate.api.reasons import PEOPLE

PHASES: Final = {
    "Idle",
    "Waiting",
    "Progressing",
    "Paused",
    "Reverting",
    "Reverted",
    "Promoting",
    "Succeeded",
    "Invalid",
}


def expected(status: Object) -> str:
    """By kstatus' rules and the phase, apart from the script."""
    conditions = {one["type"]: one for one in status["conditions"]}
    if "Stalled" in conditions:
        return "Degraded"
    if conditions["Ready"]["status"] == "True":
        return "Healthy"
    return "Suspended" if status["phase"] == "Paused" or conditions["Ready"]["reason"] in PEOPLE else "Progressing"


def test_the_stories_have_every_phase() -> None:
    assert {phase for phase, *_ in collected() if phase} == PHASES
    assert {reason for _, _, reason, *_ in collected()} >= {"Paused", "PausedBySpec", "StepGone", "Holding"}


def test_each_kind_of_status_has_its_health_and_says_why() -> None:
    for key, obj in collected().items():
        status, message = health(obj)
        if "old" in key or not obj["status"].get("conditions"):
            assert (status, message) == ("Progressing", "waiting for the operator"), key
            continue
        assert status == expected(obj["status"]), key
        assert message, key
        assert "waiting for the operator" not in message, key


def test_reverted_and_invalid_are_degraded_and_a_pause_is_suspended() -> None:
    found = {
        key[0]: health(obj)[0] for key, obj in collected().items() if "old" not in key and obj["status"].get("phase")
    }
    assert found["Reverted"] == found["Invalid"] == "Degraded"
    assert found["Idle"] == found["Succeeded"] == "Healthy"
    assert found["Paused"] == "Suspended"
    assert found["Progressing"] == found["Promoting"] == found["Reverting"] == "Progressing"


def test_a_rollout_without_a_status_is_progressing() -> None:
    assert health({"metadata": {"generation": 1}}) == ("Progressing", "waiting for the operator")
    assert health({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}})[0] == "Progressing"


def test_the_script_knows_every_reason_for_which_a_person_is_waited() -> None:
    known = set(re.findall(r"(\w+) = true", (ROLLOUT / "health.lua").read_text()))
    assert known == set(PEOPLE)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ("Progressing", "waiting for the operator")),
        ({"phase": "Done", "message": "run 1 is paused"}, ("Healthy", "run 1 is paused")),
        ({"phase": "Refused", "message": "no run is in progress"}, ("Degraded", "no run is in progress")),
    ],
)
def test_a_command_says_what_became_of_it(status: Object | None, expected: tuple[str, str]) -> None:
    obj = {"metadata": {"generation": 1}} | ({"status": status} if status else {})
    assert health(obj, COMMAND / "health.lua") == expected


@pytest.mark.parametrize(
    "use", ["string.find('a', 'a')", "('a'):upper()", "math.max(1, 2)", "io.open('/')", "os.exit()"]
)
def test_the_sandbox_refuses_what_argo_cd_refuses(use: str) -> None:
    with pytest.raises(lupa.lua51.LuaError, match="attempt to"):
        runtime().execute(f"return {use}")
