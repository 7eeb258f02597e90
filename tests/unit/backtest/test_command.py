"""The command from end to end, against a Prometheus that is made up."""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.unit.adapters.fake_server import Reply, answers, error
from tests.unit.backtest.past import START, Given, Past
from tests.unit.backtest.past import spec as spec_of
from tests.unit.backtest.said import Said
from tests.unit.backtest.story import prometheus
from tidegate.cli.backtest.png import as_png
from tidegate.cli.charts.drawing import STYLE
from tidegate.cli.errors import CommandError
from tidegate.cli.main import main

SVG = "{http://www.w3.org/2000/svg}"
FROM = ("--from", "2023-11-14T22:13:20Z", "--to", "2023-11-14T22:33:20Z")
SPOILED: dict[str, Callable[[float], Given]] = {
    "shop-canary": lambda t: 0.01 if t < 400 else 0.2,
    '"shop"': lambda _: 0.012,
}
CALM: dict[str, Callable[[float], Given]] = {'"shop"': lambda _: 0.012}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rollout.yaml"
    spec = spec_of(
        guards=[
            {"metric": "errors", "max": "5%"},
            {"metric": "errors", "maxIncrease": "100%", "floor": "0%", "for": "2m"},
        ]
    )
    manifest = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    made.write_text(yaml.safe_dump(manifest))
    return made


@pytest.fixture
def templated(file: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The same query, in a template of its own file."""
    rollout = yaml.safe_load(file.read_text())
    metric = rollout["spec"]["metrics"][0]
    query = metric.pop("query").replace("errors{", "{{ parameters.metric }}{")
    metric |= {"template": {"name": "errors"}, "parameters": {"metric": "errors"}}
    file.write_text(yaml.safe_dump(rollout))
    spec = {"query": query, "parameters": [{"name": "metric"}]}
    made = tmp_path / "template.yaml"
    made.write_text(yaml.safe_dump({**rollout, "kind": "MetricTemplate", "metadata": {"name": "errors"}, "spec": spec}))
    return file, made


@pytest.fixture
def lacking(file: Path) -> Path:
    """With a metric that is compared with the baseline's, and has nothing."""
    rollout = yaml.safe_load(file.read_text())
    rollout["spec"]["metrics"].append({"name": "other", "query": 'other{d="$workload"}'})
    rollout["spec"]["guards"].append({"metric": "other", "maxIncrease": "20%", "floor": 0})
    file.write_text(yaml.safe_dump(rollout))
    return file


async def test_a_metric_of_a_template_is_asked_as_its_own(tidegate: Said, templated: tuple[Path, Path]) -> None:
    said = await tidegate(SPOILED, *templated, *FROM)
    assert tidegate.code == 0
    assert said.splitlines()[-1] == (
        "Reverted (GuardBreached) after 6m40s: errors of the candidate is 20%, above max 5% (window 30s)"
    )


async def test_one_run_is_told_in_words(tidegate: Said, file: Path) -> None:
    said = await tidegate(SPOILED, file, *FROM)
    assert tidegate.code == 0
    assert said.splitlines()[-1] == (
        "Reverted (GuardBreached) after 6m40s: errors of the candidate is 20%, above max 5% (window 30s)"
    )
    assert "The candidate is Deployment shop-canary as it was then" in said
    assert re.search(r"errors above 5% → revert +41 +1 \(2.4 %\) +20% +Tue 2023-11-14 22:20:00 +none", said)
    assert "ran 1 of 1" in tidegate.err


async def test_calm_days_are_counted(tidegate: Said, file: Path) -> None:
    said = await tidegate(CALM, file, "--from", "1h", "--to", "2023-11-15T00:00:00Z", "--every", "10m", "--suggest")
    assert "every stop below is a false positive" in said
    assert "False positives: 0 of 5 (0 %) runs; long-run rate 0 % to 5" in said
    assert "The runs overlap" in said
    assert re.search(r"1\.2% +the tightest that stops none +0 of 5 \(0 %\)", said)
    assert "not tested" in said


async def test_json_has_everything(tidegate: Said, file: Path) -> None:
    said = json.loads(await tidegate(SPOILED, file, *FROM, "--format", "json", "--suggest"))
    (run,) = said["runs"]
    assert (said["as"], run["outcome"], run["reason"]) == ("candidate", "Reverted", "GuardBreached")
    assert (run["start"], run["seconds"]) == ("2023-11-14T22:13:20.000Z", pytest.approx(400))
    assert said["stopped"]["runs"] == 1
    assert said["limits"][0]["needed"] == "20%"
    assert [one["limit"] for one in said["suggestions"]] == ["errors max 5%", "errors maxIncrease 100%"]
    assert run["told"][-1]["reason"] == "Reverted"


async def test_json_has_no_infinity(tidegate: Said, file: Path) -> None:
    endless: dict[str, Callable[[float], Given]] = {"shop-canary": lambda t: math.inf if t > 300 else 0.01}
    said = json.loads(await tidegate(endless, file, *FROM, "--format", "json", "--suggest"))
    assert said["limits"][0]["worst"] == "inf"
    assert said["limits"][0]["needed"] is None


@pytest.mark.parametrize(("expected", "code"), [("Reverted", 0), ("Succeeded", 1)])
async def test_an_expectation_is_an_exit_code(tidegate: Said, file: Path, expected: str, code: int) -> None:
    said = await tidegate(SPOILED, file, *FROM, "--expect", expected)
    assert tidegate.code == code
    assert ("NOT AS EXPECTED: run of Tue 2023-11-14 22:13:20: expected Succeeded, got Reverted" in said) == bool(code)


async def test_the_picture_has_a_panel_a_metric_with_limits_steps_and_decisions(
    tidegate: Said, file: Path, tmp_path: Path
) -> None:
    await tidegate(SPOILED, file, *FROM, "--svg", tmp_path / "x.svg")
    tree = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    (panel,) = tree.findall(f"{SVG}g")
    assert panel.get("data-metric") == "errors"
    assert [path.get("class") for path in panel.findall(f"{SVG}path")] == ["baseline", "candidate", "limit"]
    (limit,) = panel.findall(f"{SVG}line")
    frame = panel.find(f"{SVG}rect")
    assert frame is not None
    top, height = float(frame.get("y", "")), float(frame.get("height", ""))
    assert float(limit.get("y1", "")) == pytest.approx(top + height * (1 - 0.05 / 0.2), abs=0.2)  # 20 % is the top
    texts = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert {"max 5%", "maxIncrease 100% for 2m", "canary 10%", "candidate", "baseline"} <= set(texts)
    stops = [line for line in tree.findall(f"{SVG}line") if line.get("class") == "stop"]
    assert [round((float(line.get("x1", "")) - 76) / 860 * 1200, -1) for line in stops] == [400]
    assert any("Reverted: run 1-" in text for text in texts)
    assert "prefers-color-scheme: dark" in (tmp_path / "x.svg").read_text()


async def test_the_picture_of_calm_days_has_a_bar_a_run(tidegate: Said, file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "x.svg"
    await tidegate(CALM, file, "--from", "1h", "--to", "2023-11-15T00:00:00Z", "--every", "15m", "--svg", picture)
    tree = ET.parse(picture).getroot()  # noqa: S314  (our own)
    assert len([rect for rect in tree.findall(f"{SVG}rect") if rect.get("class") == "run"]) == 4
    assert [path.get("class") for path in tree.iter(f"{SVG}path")] == ["candidate"]


async def test_the_axis_has_round_instants_and_no_two_numbers_in_one_place(
    tidegate: Said, file: Path, tmp_path: Path
) -> None:
    long = ("--from", "2023-11-14T22:13:20Z", "--to", "2023-11-19T22:13:20Z", "--svg", tmp_path / "x.svg")
    await tidegate(CALM, file, *long)
    texts = {"".join(text.itertext()): text for text in ET.parse(tmp_path / "x.svg").getroot().iter(f"{SVG}text")}  # noqa: S314
    assert [text for text in texts if re.fullmatch(r"\w{3} 11-\d\d", text)] == [
        "Wed 11-15",
        "Thu 11-16",
        "Fri 11-17",
        "Sat 11-18",
        "Sun 11-19",
    ]
    assert float(texts["Wed 11-15"].get("x", "")) == pytest.approx(76 + 860 * 6391 / (5 * 86400), abs=0.1)
    assert float(texts["2"].get("x", "")) - float(texts["1"].get("x", "")) > 7


async def test_the_chart_is_as_wide_as_the_terminal(
    tidegate: Said, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    said = await tidegate(SPOILED, file, *FROM, "--chart")
    lines = said.splitlines()
    title = next(place for place, line in enumerate(lines) if line.startswith("errors, the worst of the candidate"))
    chart = lines[title + 1 : title + 8]
    assert max(map(len, chart)) <= 60
    assert chart[5].startswith("        0% ▃▃")
    assert any("5%" in line and "┄┄┄" in line for line in chart)
    assert chart[0].rstrip().endswith("█") or "▆" in chart[0]
    assert "✗" in chart[6]


@pytest.mark.parametrize(
    ("past", "arguments", "said"),
    [
        ({}, FROM, "no metric of Rollout shop has any data from 2023-11-14 22:13:20 to 2023-11-14 22:33:20 UTC"),
        (answers(400, error("bad_data", "parse error")), FROM, "URL: BadQuery: parse error (query: "),
        (
            {},
            ("--from", "soon"),
            "'soon' is neither an instant such as 2026-11-21T09:00:00Z nor a duration such as 14d",
        ),
        ({}, ("--from", "2023-11-15T00:00:00Z", "--to", "2023-11-14T00:00:00Z"), "--from must be before --to"),
        ({}, (*FROM, "--every", "10ms"), "more than 2000 runs"),
        ({}, (*FROM, "--header", "nothing"), "--header nothing: write it like X-Scope-OrgID:shop"),
    ],
)
async def test_what_cannot_be_done_is_one_line(
    tidegate: Said, file: Path, past: dict[str, Callable[[float], Given]] | Reply, arguments: tuple[str, ...], said: str
) -> None:
    assert await tidegate(past, file, *arguments) == ""
    assert tidegate.code == 2
    assert f"tidegate: {said}" in tidegate.err or said in tidegate.err


async def test_a_metric_without_data_is_drawn_as_such(tidegate: Said, lacking: Path, tmp_path: Path) -> None:
    said = await tidegate({'errors{d="shop"': lambda _: 0.012}, lacking, *FROM, "--chart", "--svg", tmp_path / "x.svg")
    assert "\nother, the worst of the candidate: no data\n" in said
    panels = ET.parse(tmp_path / "x.svg").getroot().findall(f"{SVG}g")  # noqa: S314  (our own)
    assert ["no data" in [text.text for text in panel.iter(f"{SVG}text")] for panel in panels] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--expect", "Suceeded"), "argument --expect: invalid choice: 'Suceeded'"),
        (("--svg", "week.png"), "argument --svg: write --png week.png"),
    ],
)
def test_what_would_be_misunderstood_is_refused_before_anything_is_asked(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main(["backtest", str(file), *FROM, "--prometheus", "http://127.0.0.1:9", *arguments])
    assert said in capsys.readouterr().err


async def test_a_user_is_let_in_by_the_password_in_a_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pw\n")
    async with prometheus(Past(CALM)) as fake:
        given = ["--user", "me", "--password-file", str(tmp_path / "password"), "--prometheus", fake.url]
        assert await asyncio.to_thread(main, ["backtest", str(file), *FROM, *given]) == 0
        assert {asked.headers["authorization"] for asked in fake.asked} == {"Basic bWU6cHc="}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--user", "me"), "--user and --password-file require each other"),
        (
            ("--user", "me", "--password-file", "p", "--bearer-token-file", "t"),
            "give --bearer-token-file or --user, not both",
        ),
        (("--prometheus", "http://me:pw@there"), "must not hold a password; use --user and --password-file"),
    ],
)
def test_a_way_in_that_is_none_is_told_without_secrets(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["backtest", str(file), *FROM, "--prometheus", "http://127.0.0.1:9", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "pw" not in told


def test_an_address_that_is_none_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(file), *FROM, "--prometheus", "prometheus:9090"]) == 2
    assert "tidegate: --prometheus prometheus:9090 must begin with http:// or https://" in capsys.readouterr().err


def test_a_start_of_the_past_is_where_the_tests_think() -> None:
    assert START == 1_700_000_000.0


async def test_the_picture_is_drawn_as_png_as_well(tidegate: Said, file: Path, tmp_path: Path) -> None:
    """Of twice the picture's size."""
    try:
        as_png(f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><style>{STYLE}</style></svg>')
    except CommandError:
        pytest.skip("this machine has no font")
    await tidegate(SPOILED, file, *FROM, "--svg", tmp_path / "x.svg", "--png", tmp_path / "x.png")
    root = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    drawn = (tmp_path / "x.png").read_bytes()
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(drawn[place : place + 4]) for place in (16, 20)] == [
        2 * int(root.get(side, "")) for side in ("width", "height")
    ]


def test_a_png_without_what_draws_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(CommandError, match=r"pip install 'tidegate\[png\]'"):
        as_png("<svg><style></style></svg>")


def test_a_machine_without_fonts_gets_no_picture_without_words() -> None:
    with pytest.raises(CommandError, match="install one, such as fonts-dejavu-core"):
        as_png("<svg><style></style></svg>", draw=lambda _: b"blank")
