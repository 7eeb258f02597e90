"""Every world among the examples comes to what it says, and thirteen days of it take no time to speak of."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.cli.main import main
from tidegate.reconcile.specs import checked
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted

EXAMPLES = Path(__file__).parents[2] / "examples"
WORLDS = sorted((EXAMPLES / "worlds").glob("*.yaml"))


def rollout_of(world: Path) -> Path:
    """A world is named after its Rollout: `complete-breach.yaml` belongs to `complete.yaml`."""
    found = [file for file in EXAMPLES.glob("*.yaml") if world.name.startswith(file.stem)]
    return max(found, key=lambda file: len(file.stem))


@pytest.mark.parametrize("world", WORLDS, ids=[world.stem for world in WORLDS])
def test_a_world_comes_to_what_it_says(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(rollout_of(world)), "--world", str(world)]) == 0, capsys.readouterr().out


def test_an_expectation_that_is_not_met_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = tmp_path / "world.yaml"
    world.write_text((EXAMPLES / "worlds/complete-breach.yaml").read_text().replace("Reverted", "Succeeded"))
    assert main(["simulate", str(EXAMPLES / "complete.yaml"), "--world", str(world)]) == 1
    assert "NOT AS EXPECTED: outcome: expected Succeeded, got Reverted" in capsys.readouterr().out


WARNING = EXAMPLES / "worlds/flag-first-warning.yaml"


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("{reason: HoldEnded, notBefore: 4d6h", "{reason: HoldEnded, notBefore: 4d7h", "events: expected HoldEnded, not before 4d7h"),
        ("notAfter: 4d1m}", "notAfter: 4d}", "events: expected Holding 'queue-length of the candidate is 14"),
        ("candidate is 14, above", "candidate is 15, above", "got 4d25s: queue-length of the candidate is 14"),
        ("{reason: Holding,", "{reason: HoldEnded}\n  - {reason: Holding,", "above max 10', not before 4d, not after 4d1m after HoldEnded"),
        ("[Held, Held resolved, Succeeded]", "[Held, Succeeded]", "messages: expected uploads-receivers/chat Held, Succeeded, got"),
        ("[0, 0, 10, 50, 100, 0]", "[0, 10, 50, 100, 0]", "weights: expected [0.0, 10.0, 50.0, 100.0, 0.0], got [0.0, 0.0, "),
    ],
)  # fmt: skip
def test_an_event_or_a_message_that_is_not_as_expected_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, instead: str, said: str
) -> None:
    world = tmp_path / "world.yaml"
    assert written in WARNING.read_text()
    world.write_text(WARNING.read_text().replace(written, instead))
    assert main(["simulate", str(EXAMPLES / "flag-first.yaml"), "--world", str(world)]) == 1
    assert said in capsys.readouterr().out.split("NOT AS EXPECTED: ")[1]


def test_thirteen_days_take_few_ticks(capsys: pytest.CaptureFixture[str]) -> None:
    world = EXAMPLES / "worlds/complete-clean.yaml"
    assert main(["simulate", str(EXAMPLES / "complete.yaml"), "--world", str(world), "--format", "json"]) == 0
    out = capsys.readouterr().out
    ticks = int(out.split('"ticks": ')[1].split(",")[0].split("\n")[0])
    assert ticks < 1000, "at an interval of 30 s a live operator ticks 40,000 times"


def test_three_hundred_and_eighty_requests_are_told_with_what_they_leave_possible() -> None:
    raw = yaml.safe_load((EXAMPLES / "three-phase-production.yaml").read_text())["spec"]
    world = World.model_validate(
        yaml.safe_load((EXAMPLES / "worlds/three-phase-production-one-percent.yaml").read_text())
    )
    scripted = Scripted("ledger", raw, RolloutSpec.model_validate(raw), world, checked)
    scripted.run()
    last = scripted.status["checkpoints"][0]
    assert (last["step"], last["at"], last["verdict"]) == ("one", "2h", "Pass")
    found = next(one for one in last["findings"] if one["metric"] == "errors-so-far")
    assert found["counts"] == "0 of 380"
    low, high = (float(one.rstrip("%")) for one in found["possible"].split(" to "))
    assert low == 0
    assert 0.79 <= high <= 2, "a look at one fixed time would leave 0.79 %; this holds however often one looks"
    sent = [message.text for _, _, message in scripted.cluster.messages]
    assert [f"0 of 380 leaves {found['possible']} possible" in text for text in sent] == [True] * 5


def test_each_rollout_of_the_examples_has_a_name_of_its_own() -> None:
    """Whoever applies the folder gets all of them."""
    found = [one for file in EXAMPLES.glob("*.yaml") for one in yaml.safe_load_all(file.read_text()) if one]
    names = [one["metadata"]["name"] for one in found if one["kind"] == "Rollout"]
    assert sorted(names) == sorted(set(names))


def test_a_receiver_that_is_to_get_no_message_is_written_with_an_empty_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout, world = tmp_path / "rollout.yaml", tmp_path / "world.yaml"
    made = yaml.safe_load((EXAMPLES / "complete.yaml").read_text())
    made["spec"]["notifications"] = [{"secret": {"name": "chat"}, "events": ["Stalled"]}]
    rollout.write_text(yaml.safe_dump(made))
    scripted = yaml.safe_load((EXAMPLES / "worlds/complete-breach.yaml").read_text())
    scripted["expect"] = {"messages": {"chat/url": []}}
    world.write_text(yaml.safe_dump(scripted))
    assert main(["simulate", str(rollout), "--world", str(world)]) == 0, capsys.readouterr().out
