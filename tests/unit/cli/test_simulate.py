"""`tidegate simulate`: a clean world by default, and worlds that are held to what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.api.model import ApiModel
from tidegate.api.presets.registry import PRESETS
from tidegate.api.validation import check_rollout
from tidegate.api.validation.schema_errors import read
from tidegate.cli.main import main
from tidegate.simulation import script
from tidegate.simulation.clean import clean_level, is_clean
from tidegate.simulation.script import World
from tidegate.simulation.world_schema import as_json

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
WORLDS = sorted((ROOT / "examples/worlds").glob("*.yaml"))
SCHEMA = ROOT / "docs/world.schema.json"

LIMITS: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"query": "x", "unit": "ratio"}, [{"max": "5%"}]),
    ({"query": "x", "unit": "ratio"}, [{"max": 0}]),
    ({"query": "x{s='$service'}", "unit": "seconds"}, [{"maxIncrease": "20%", "floor": "100ms"}, {"max": "2s"}]),
    ({"query": "x{s='$service'}", "unit": "seconds"}, [{"maxIncrease": "20%", "floor": "1ms"}]),
    ({"query": "x", "unit": "percent"}, [{"min": "99.9%"}]),
    ({"query": "x", "unit": "ratio"}, [{"min": "99.9%"}]),
    ({"query": "x"}, [{"max": "-5"}]),
    ({"query": "x"}, [{"min": "-5"}]),
    ({"query": "x"}, [{"min": 3}, {"max": 4}]),
    ({"query": "x"}, [{"min": 0}]),
    ({"query": "x", "minSeries": 3}, [{"maxSpread": "10%"}]),
    ({"query": "x{s='$service'}", "unit": "ratio"}, [{"maxDecrease": "10%"}]),
    ({"ratio": {"bad": "b", "total": "t"}, "minimumRequests": 100_000}, [{"max": "0.1%"}]),
    ({"ratio": {"bad": 'b{s="$service"}', "total": 't{s="$service"}', "by": ["zone"]}}, [{"maxIncrease": "20%", "floor": "0%"}]),
    ({"ratio": {"bad": 'b{s="$service"}', "total": 't{s="$service"}'}}, [{"regression": {"margin": "20%"}}]),
    ({"ratio": {"bad": 'b{s="$service"}', "total": 't{s="$service"}'}}, [{"regression": {"limit": "1%"}}]),
    ({"ratio": {"bad": 'b{s="$service"}', "total": 't{s="$service"}'}}, [{"split": {}, "onBreach": "Hold"}]),
    ({"ratio": {"histogram": 'h{s="$service"}', "slowerThan": "250ms"}}, [{"max": "5%"}, {"regression": {}}]),
]  # fmt: skip


def rollout(metric: dict[str, Any], lines: list[dict[str, Any]], **changes: object) -> dict[str, Any]:
    guards = [{"metric": "it", **line} for line in lines]
    thresholds = [line for line in guards if "split" not in line]
    steps = [{"name": "canary", "weight": "0.5", "duration": "1h"}, {"name": "half", "weight": 50, "duration": "10h"}]
    spec = {"metrics": [{"name": "it", **metric}], "guards": guards, "thresholds": thresholds, "steps": steps}
    made = good() | {"spec": {**good()["spec"], **spec, **changes}}
    assert check_rollout(made)[1] == []
    return made


def simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], manifest: dict[str, Any], world: str | None = None
) -> tuple[int, str]:
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(manifest))
    given = ["simulate", str(tmp_path / "rollout.yaml")]
    if world is not None:
        (tmp_path / "world.yaml").write_text(world)
        given += ["--world", str(tmp_path / "world.yaml")]
    code = main(given)
    said = capsys.readouterr()
    return code, said.out + said.err.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
def test_an_example_succeeds_when_all_is_well(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(file)]) == 0
    assert "\nSucceeded (Promoted) after " in capsys.readouterr().out


@pytest.mark.parametrize(("metric", "lines"), LIMITS, ids=[f"{metric}-{lines}"[:60] for metric, lines in LIMITS])
def test_every_kind_of_limit_is_kept_when_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: dict[str, Any], lines: list[dict[str, Any]]
) -> None:
    _, said = simulated(tmp_path, capsys, rollout(metric, lines))
    assert "\nSucceeded (Promoted) after " in said


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_is_well_when_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str], preset: str) -> None:
    limits: dict[str, dict[str, object]] = {
        "latency": {"max": "500ms"},
        "request-rate": {"maxDecrease": "50%"},
        "average-latency": {"regression": {"margin": "20%"}},
    }
    limit = limits.get(preset.split("/")[1], {"max": "5%"})
    manifest = good()
    manifest["spec"] |= {
        "metrics": [{"name": "it", "preset": preset}],
        "guards": [{"metric": "it", **limit}],
        "thresholds": [],
        "steps": [{"name": "canary", "weight": 5, "duration": "1h"}],
    }
    spec, problems = check_rollout(manifest)
    if spec is not None and any("unit" in problem.message for problem in problems):
        manifest["spec"]["guards"] = [{"metric": "it", "max": "5%"}]
    assert "\nSucceeded (Promoted) after " in simulated(tmp_path, capsys, manifest)[1]


def test_a_baseline_that_is_awaited_is_brought_when_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric, lines = LIMITS[0]
    manifest = rollout(metric, lines, promotion={"strategy": "AwaitBaseline"})
    assert "\nSucceeded (Promoted) after " in simulated(tmp_path, capsys, manifest)[1]


def test_an_answer_of_which_nothing_is_said_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = simulated(tmp_path, capsys, rollout(*LIMITS[0]), "lasts: 1h\n")
    assert "tidegate: world.yaml: the world does not define 'it': it has no data\n" in said


def test_a_baseline_of_which_nothing_is_said_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = "metrics: {it: {candidate: [{value: 9%}]}}\nexpect: {outcome: Reverted, reason: GuardBreached}\n"
    assert simulated(tmp_path, capsys, rollout(*LIMITS[0]), world)[0] == 0


def test_a_baseline_begins_as_the_candidate_where_that_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric, lines = {"query": "x{s='$service'}", "unit": "seconds"}, [{"maxIncrease": "20%", "floor": "1ms"}]
    world = "metrics: {it: {candidate: [{value: 900ms}, {at: 2h, value: 1s}]}}\nexpect: {outcome: Succeeded}\n"
    assert simulated(tmp_path, capsys, rollout(metric, lines), world)[0] == 0


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ("expect: {outcome: Reverrted}", "expect.outcome: there is no outcome 'Reverrted'; did you mean 'Reverted'?"),
        ("expect: {reason: GuardBreach}", "there is no reason 'GuardBreach'; did you mean 'GuardBreached'?"),
        ("expect: {step: canry}", "expect.step: there is no step 'canry'; did you mean 'canary'?"),
        ("expect: {step: x}", "expect.step: there is no step 'x': the Rollout has canary, half"),
        ("expect: {notBefore: 2h, notAfter: 1h}", "expect.notAfter: is before 'notBefore', 2h"),
        ("metrics: {that: {candidate: [{value: 1%}]}}", "there is no metric 'that': the Rollout has it"),
        ("metrics: {it: {candidate: [{at: 2h, value: 1%}, {at: 1h, value: 2%}]}}", "candidate[1].at: must be later"),
        ("metrics: {it: {candidate: [{value: 1%}, {value: 2%}]}}", "must be later than the entry before it, which is"),
        ("metrics: {it: {candidate: [{value: 200ms}]}}", "candidate[0].value: '200ms' is a time, and this metric is"),
        ("metrics: {it: {candidate: [{series: {eu: 1%}}]}}", 'are not labels; write them like segment="eu"'),
        ("metrics: {it: {candidate: [{value: 1%}], traffic: 5}}", "is for a metric that counts requests, and 'it' is a query"),
        ("metrics: {it: {candidate: []}}", "metrics.it.candidate: must not be empty"),
        ("metrics: {it: {candidate: [{value: 1%, nan: true}]}}", "give exactly one of value, series, empty, nan"),
        ("events: [{at: 1h, setWeight: {target: HTTPRoute/wb, weight: 1}}]", "there is no route 'HTTPRoute/wb'; did"),
        ("events: [{at: 1h, restart: 1m, delete: true}]", "give exactly one thing that happens: restart, setWeight"),
        ("events: [{at: 1h, bang: 1}]", "events[0].bang: is not a known field"),
        ("jobs: {undo: {fails: 1}}", "jobs.undo: there is no CronJob 'undo': the Rollout names none"),
        ("expect: {jobs: {undo: [Failed]}}", "expect.jobs.undo: there is no CronJob 'undo': the Rollout names none"),
        ("expect: {events: [{reason: Helding}]}", "expect.events[0].reason: there is no reason 'Helding'; did you mean 'Holding'?"),
        ("expect: {messages: {chat: [Held]}}", "expect.messages.chat: there is no receiver 'chat': the Rollout has none"),
        ("start: 2026-01-05T09:00:00", "start: must have a time zone"),
        ("start: yesterday", "start: 'yesterday' is not a valid timestamp; write it like 2026-11-21T14:00:00Z"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_world_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], world: str, said: str
) -> None:
    code, told = simulated(tmp_path, capsys, rollout(*LIMITS[0]), world + "\n")
    assert code == 2
    assert told.startswith("tidegate: world.yaml:1: ")
    assert said in told


def test_a_share_above_one_is_no_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metric, lines = LIMITS[12]
    world = "metrics: {it: {candidate: [{value: 101%}]}}\n"
    assert "'101%' is not a share of requests" in simulated(tmp_path, capsys, rollout(metric, lines), world)[1]


@pytest.mark.parametrize(("metric", "lines"), LIMITS[:12])
def test_a_clean_answer_is_inside_its_limits(metric: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    spec, _ = check_rollout(rollout(metric, lines))
    assert spec is not None
    assert is_clean(spec, spec.metrics[0], clean_level(spec, spec.metrics[0]))


# The format


def test_the_schema_is_what_the_models_say() -> None:
    assert SCHEMA.read_text() == as_json(), "run: make generate"
    jsonschema.Draft202012Validator.check_schema(json.loads(as_json()))


@pytest.mark.parametrize("file", WORLDS, ids=[file.stem for file in WORLDS])
def test_a_world_of_the_examples_fits_the_schema(file: Path) -> None:
    jsonschema.validate(yaml.safe_load(file.read_text()), json.loads(as_json()))


@pytest.mark.parametrize(
    "world",
    [
        {"metrics": {"it": {"candidate": [{"value": True}]}}},
        {"metrics": {"it": {"candidate": [{"value": "9 %"}]}}},
        {"metrics": {"it": {"candidate": [{"value": 1, "empty": True}]}}},
        {"metrics": {"it": {"candidate": []}}},
        {"events": [{"at": "1h"}]},
        {"events": [{"at": "1h", "command": {"action": "Stop"}}]},
        {"lasts": 3},
        {"nosuch": 1},
    ],
)
def test_what_the_models_refuse_the_schema_refuses(world: dict[str, Any]) -> None:
    assert read(World, world, ())[0] is None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(world, json.loads(as_json()))


def test_the_page_has_every_field() -> None:
    page = (ROOT / "docs/worlds.md").read_text()
    models = [one for one in vars(script).values() if isinstance(one, type) and issubclass(one, ApiModel)]
    fields = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert sorted(field for field in fields if f"`{field}`" not in page) == []


def test_the_world_of_the_page_is_one() -> None:
    page = (ROOT / "docs/worlds.md").read_text()
    world = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    assert read(World, world, ()) == (World.model_validate_json(json.dumps(world, default=str)), [])
