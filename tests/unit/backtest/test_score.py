"""A file of windows with what should have happened, and the score, from end to end."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.backtest.past import Given, spec
from tests.unit.backtest.said import Said
from tidegate.cli.backtest.score_text import why_missed
from tidegate.simulation.backtest.order import Order
from tidegate.simulation.backtest.run import Held, PastRun, Span, Told
from tidegate.simulation.backtest.score import Scored, Verdict, order_of
from tidegate.simulation.backtest.windows import Window

WHEN = "2023-11-14T22:13:20Z"
"""START of the past."""
NO_DATA = {"noData": {"after": "1m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}


def at(seconds: int) -> str:
    minutes, rest = divmod(13 * 60 + 20 + seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"2023-11-14T{22 + hours}:{minutes:02}:{rest:02}Z"


def window(name: str, start: int = 0, **changes: object) -> dict[str, Any]:
    return {"name": name, "start": at(start), "lasts": "9m", "expect": "continue", **changes}


FAULT = {"expect": "stop", "from": at(400)}
BY_POD: dict[str, Callable[[float], Given]] = {
    'd="good"': lambda _: {"a": 0.01, "b": 0.012},
    'd="bad"': lambda t: {"a": 0.01, "b": 0.01 if t < 400 else 0.2},
    'd="worse"': lambda t: {"a": 0.3 if t >= 520 else 0.01, "b": 0.01},
    'd="noisy"': lambda t: {"a": 0.01, "b": 0.06 if t > 300 else 0.01},
    'd="gone"': lambda t: {"a": 0.01} if t < 120 else None,
    'd="silent"': lambda _: None,
    'd="shop"': lambda _: {"a": 0.011, "b": 0.01},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rollout.yaml"
    lines = [{"metric": "errors", "max": "5%"}, {"metric": "errors", "max": "25%", "name": "outage", "for": "20s"}]
    given = spec(guards=lines, missingData=NO_DATA).model_dump(mode="json", by_alias=True, exclude_unset=True)
    kind = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}}
    made.write_text(yaml.safe_dump(kind | {"spec": given}))
    return made


def named(deployment: str, **changes: object) -> dict[str, Any]:
    return {"candidate": {"deployment": deployment}, **changes}


WINDOWS = [
    window("healthy", **named("good")),
    window("healthy but noisy", **named("noisy")),
    window("slow query", **FAULT, **named("bad")),
    window("outage", 60, **FAULT, **named("worse")),
    window("never seen", **FAULT, **named("good")),
    window("stopped before", expect="stop", **{"from": at(500)}, **named("noisy")),
    window("lost its data", **named("gone")),
    window("never there", **FAULT, **named("silent")),
]


def windows(folder: Path, given: object = None, **more: object) -> Path:
    made = folder / "windows.yaml"
    made.write_text(yaml.safe_dump({"windows": WINDOWS if given is None else given, **more}))
    return made


async def test_each_window_comes_out_as_it_did(tidegate: Said, file: Path, tmp_path: Path) -> None:
    said = json.loads(await tidegate(BY_POD, file, "--score", windows(tmp_path), "--format", "json"))
    assert tidegate.code == 0
    assert {one["name"]: one["verdict"] for one in said["windows"]} == {
        "healthy": "Continued",
        "healthy but noisy": "FalseStop",
        "slow query": "Found",
        "outage": "Found",
        "never seen": "Missed",
        "stopped before": "StoppedEarly",
        "lost its data": "NoData",
        "never there": "NoData",
    }
    assert (said["falseStops"]["stopped"], said["falseStops"]["runs"]) == (1, 2)
    assert (said["found"]["stopped"], said["found"]["runs"]) == (2, 4)
    assert (said["stoppedEarly"]["stopped"], said["stoppedEarly"]["runs"]) == (1, 4)
    assert said["withoutData"] == ["lost its data", "never there"]
    minutes = [one["minutes"] for one in said["windows"] if one["verdict"] == "Found"]
    assert minutes == [pytest.approx(0, abs=1e-4), pytest.approx(2, abs=1e-4)]
    assert said["medianMinutes"] == pytest.approx(1, abs=1e-4)


async def test_a_candidate_without_any_data_counts_nowhere_although_nothing_ended_its_run(
    tidegate: Said, file: Path, tmp_path: Path
) -> None:
    given = [window("too short to act", lasts="50s", **named("silent"))]
    said = json.loads(await tidegate(BY_POD, file, "--score", windows(tmp_path, given), "--format", "json"))
    (one,) = said["windows"]
    assert (one["run"]["outcome"], one["verdict"]) == ("Running", "NoData")


async def test_the_cause_of_a_stop_is_told_in_numbers(tidegate: Said, file: Path, tmp_path: Path) -> None:
    said = json.loads(await tidegate(BY_POD, file, "--score", windows(tmp_path), "--format", "json"))
    run = next(one["run"] for one in said["windows"] if one["name"] == "slow query")
    assert run["cause"] == {
        "limit": "errors max 5%",
        "metric": "errors",
        "bound": "5%",
        "series": '{pod="b"}',
        "value": 0.2,
        "baseline": 0.01,
        "unit": "ratio",
        "counts": "",
    }
    assert said["limits"] == [
        {"limit": "errors max 5%", "falseStops": 2, "found": 2, "medianMinutes": pytest.approx(1, abs=1e-4)},
        {"limit": "outage", "falseStops": 0, "found": 0, "medianMinutes": None},
    ]
    assert [(one["segment"], one["falseStops"], one["found"]) for one in said["segments"]] == [
        ('{pod="b"}', 2, 1),
        ('{pod="a"}', 0, 1),
    ]


async def test_a_run_starts_at_the_instant_that_the_window_says(tidegate: Said, file: Path, tmp_path: Path) -> None:
    given = [window("one", start=7, **named("good"))]
    said = json.loads(await tidegate(BY_POD, file, "--score", windows(tmp_path, given), "--format", "json"))
    assert said["windows"][0]["run"]["start"] == "2023-11-14T22:13:27.000Z"


async def test_the_score_in_words_and_tables(tidegate: Said, file: Path, tmp_path: Path) -> None:
    said = (await tidegate(BY_POD, file, "--score", windows(tmp_path))).splitlines()
    assert "ran 8 of 8" in tidegate.err
    assert said[-4:] == [
        "False stops: 1 of 2 (50 %) windows; long-run rate 0.63 % to 99.4 % (95% confidence).",
        "Found: 2 of 4 (50 %) faults, after 1.0 minutes (median).",
        "Stopped before the fault began, and so not found: 1.",
        "Not counted for lack of data: 2 (lost its data, never there).",
    ]
    row = next(line for line in said if line.startswith("healthy but noisy"))
    assert "false stop" in row
    assert 'errors max 5%{pod="b"}' in row
    line = next(line for line in said if line.startswith("errors above 5% → revert"))
    assert line.split()[-3:] == ["2", "2", "1.0"]
    assert any(line.startswith('{pod="b"}') for line in said)


async def test_quiet_prints_the_score_alone(tidegate: Said, file: Path, tmp_path: Path) -> None:
    said = await tidegate(BY_POD, file, "--score", windows(tmp_path), "--quiet")
    assert tidegate.err == ""
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "False stops",
        "Found",
        "Stopped before the fault began, and so not found",
        "Not counted for lack of data",
    ]


@pytest.mark.parametrize(
    ("required", "code", "said"),
    [
        ({"falseStops": 2, "found": 2, "median": "1m"}, 0, ""),
        ({"falseStops": 1}, 1, "falseStops: 2, at most 1 are allowed"),
        ({"found": 3}, 1, "found: 2, at least 3 are required"),
        ({"median": "59s"}, 1, "median: 1 minutes, at most 59s is required"),
    ],
)
async def test_a_score_that_is_required_is_an_exit_code(
    tidegate: Said, file: Path, tmp_path: Path, required: dict[str, Any], code: int, said: str
) -> None:
    printed = await tidegate(BY_POD, file, "--score", windows(tmp_path, require=required), "--quiet")
    assert tidegate.code == code
    assert [line for line in printed.splitlines() if line.startswith("NOT")] == (
        [f"NOT AS REQUIRED: {said}"] if said else []
    )


async def test_several_processes_find_the_same(tidegate: Said, file: Path, tmp_path: Path) -> None:
    given = windows(tmp_path)
    here = await tidegate(BY_POD, file, "--score", given, "--format", "json", "--jobs", "1")
    there = await tidegate(BY_POD, file, "--score", given, "--format", "json", "--jobs", "2")
    assert tidegate.code == 0
    assert json.loads(there) == json.loads(here)


async def test_a_source_that_refuses_is_one_line_from_several_processes_too(
    tidegate: Said, file: Path, tmp_path: Path
) -> None:
    await tidegate({}, file, "--score", windows(tmp_path), "--jobs", "2", "--bearer-token-file", tmp_path / "none")
    assert tidegate.code == 2
    assert "Traceback" not in tidegate.err
    assert "none" in tidegate.err


async def test_defaults_hold_for_every_window_that_does_not_say_otherwise(
    tidegate: Said, file: Path, tmp_path: Path
) -> None:
    given = [
        {"name": "one", "start": at(0), "expect": "continue"},
        {"name": "two", "start": at(0), "expect": "stop", "from": at(400), "candidate": {"deployment": "bad"}},
        {"name": "three", "start": at(0), "expect": "continue", "end": at(60)},
    ]
    made = windows(tmp_path, given, defaults={"lasts": "9m", **named("good")})
    said = json.loads(await tidegate(BY_POD, file, "--score", made, "--format", "json"))
    assert [one["verdict"] for one in said["windows"]] == ["Continued", "Found", "Continued"]
    assert said["windows"][2]["end"] == "2023-11-14T22:14:20.000Z"


def test_names_of_then_stand_for_the_variables() -> None:
    arms = {
        "candidate": {"deployment": "v2", "pods": "v2-.*"},
        "baseline": {"deployment": "v1", "service": "front"},
        "namespace": "prod",
        "as": "candidate",
    }
    given = Window.model_validate_json(json.dumps(window("one", **arms)))
    order = order_of(given, Order("shop", "default", spec(), 0.0, 0.0, (), math.inf))
    assert (order.spec.candidate.deployment, order.spec.candidate.service) == ("v2", "v2")
    assert (order.spec.baseline.deployment, order.spec.baseline.service) == ("v1", "front")
    assert (order.namespace, dict(order.pods)) == ("prod", {"candidate": "v2-.*"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "windows: must be a list of windows, with at least one"),
        ([3], "windows[0]: must be an object with name, start, end or lasts, and expect"),
        (
            [window("one", expect="halt")],
            "window 'one': windows[0].expect: 'halt' is not known; write 'continue' or 'stop'",
        ),
        ([window("one") | {"start": "now"}], "window 'one': windows[0].start: 'now' is not a valid timestamp"),
        ([window("one", end=at(9))], "window 'one': windows[0]: give 'end' or 'lasts', and not both"),
        ([window("one", lasts=None, end=at(-60))], "window 'one': windows[0]: the window must end after its start"),
        ([window("one", **{"from": at(60)})], "window 'one': windows[0]: 'from' is only allowed with 'expect: stop'"),
        (
            [window("one", expect="stop", **{"from": at(540)})],
            "window 'one': windows[0]: 'from' must be within the window, and 2023-11-14T22:22:20Z does not",
        ),
        ([window("one"), window("one")], "window 'one': windows[1].name: is the name of another window too"),
        ([window("one", lasts="999999d")], "window 'one': windows[0].lasts: ends in the future"),
        (
            [window("one", candidate={"deploymnt": "x"})],
            "candidate.deploymnt: is not a known field; did you mean 'deployment'?",
        ),
        ([{"start": at(0), "lasts": "9m", "expect": "continue"}], "windows[0].name: is required"),
    ],
)
async def test_a_file_that_is_wrong_says_where_and_what_would_be_right(
    tidegate: Said, file: Path, tmp_path: Path, given: list[Any], said: str
) -> None:
    assert await tidegate({}, file, "--score", windows(tmp_path, given)) == ""
    assert tidegate.code == 2
    assert said in tidegate.err
    assert "windows.yaml:" in tidegate.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"window": []}, "window: is not a known field; write defaults, require, windows"),
        ({"defaults": {"start": at(0)}}, "defaults: must be an object with fields of a window"),
        ({"require": {"found": -1}}, "require.found: is -1; the minimum is 0"),
    ],
)
async def test_what_stands_beside_the_windows_is_checked_too(
    tidegate: Said, file: Path, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    await tidegate({}, file, "--score", windows(tmp_path, **more))
    assert tidegate.code == 2
    assert said in tidegate.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--from is required"),
        (("--score", "x.yaml", "--from", "1d"), "--from cannot be used with --score"),
        (("--score", "x.yaml", "--svg", "x.svg"), "--svg cannot be used with --score"),
        (("--score", "there-is-none.yaml"), "cannot read there-is-none.yaml"),
    ],
)
async def test_options_that_do_not_go_together_are_refused(
    tidegate: Said, file: Path, arguments: tuple[str, ...], said: str
) -> None:
    await tidegate({}, file, *arguments)
    assert tidegate.code == 2
    assert said in tidegate.err


def missed(*, holds: tuple[Held, ...] = (), told: tuple[Told, ...] = ()) -> str:
    """Why a fault from 400 s on was missed in a run of 540 s."""
    window = Window.model_validate({"name": "late", **FAULT, "start": WHEN, "lasts": "9m"})
    start = window.start.timestamp()
    spans = (Span("canary", 10.0, start, start + 200), Span("half", 50.0, start + 200, start + 540))
    run = PastRun(start, start + 540, "Running", "HistoryEnded", "step 2/2 half: weight 50%", spans, told, 9, holds)
    return why_missed(Scored(window, run, Verdict.MISSED))


def test_why_a_fault_was_missed_is_what_the_run_did_meanwhile() -> None:
    start = Window.model_validate(window("any")).start.timestamp()
    first = "no limit that reverts was breached in the 2m20s after the fault began"
    assert missed() == f"{first}; at the end of the window the run was in step half at weight 50%"
    before, later = (Told(start + at_, "Promoting", "") for at_ in (300, 500))
    assert missed(told=(before,)) == (
        f"{first}; every step had already passed at Tue 2023-11-14 22:18:20, and the version was promoted"
    )
    assert "had passed at Tue 2023-11-14 22:21:40" in missed(told=(later,))
    held = Held(start + 300, start + 460, "SharedIncident", "both are slow")
    assert missed(holds=(held,)).startswith(
        f"{first}; the run was held for 1m (SharedIncident): both are slow; at the end"
    )
    assert "held" not in missed(holds=(Held(start, start + 300, "Breach", "over"),))
