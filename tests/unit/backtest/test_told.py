"""What a backtest says of tests on counts and of shared incidents: in words, JSON and picture."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.unit.backtest.scraped import (
    CALM,
    LIMIT,
    MAX,
    REGRESSED,
    SHARED,
    WORSE,
    Scraped,
    Shares,
    counting,
    judged,
    rates,
)
from tests.unit.backtest.story import prometheus
from tidegate.cli.backtest.panels import panels
from tidegate.cli.main import main

SVG = "{http://www.w3.org/2000/svg}"
FROM = ("--from", "2023-11-14T22:13:20Z", "--to", "2023-11-15T00:53:20Z")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rollout.yaml"
    given = counting(guards=[WORSE, MAX]).model_dump(mode="json", by_alias=True, exclude_unset=True)
    kind = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}}
    made.write_text(yaml.safe_dump(kind | {"spec": given}))
    return made


async def printed(shares: Shares, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    async with prometheus(rates(shares), Scraped(shares)) as fake:
        given = ["backtest", *(str(one) for one in arguments), "--prometheus", fake.url, *FROM]
        assert await asyncio.to_thread(main, given) == 0
    return capsys.readouterr().out


async def test_a_hold_in_a_shared_incident_is_told_in_words(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = await printed(SHARED, capsys, file)
    assert "Succeeded, held in a shared incident" in said
    (row,) = [line for line in said.splitlines() if "shared incident: errors of the candidate" in line]
    assert "Tue 2023-11-14 23:1" in row
    assert "held for 10m of it (10m in a shared incident)" in said.splitlines()[-1]


async def test_a_hold_in_a_shared_incident_is_told_in_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (past,) = json.loads(await printed(SHARED, capsys, file, "--format", "json"))["runs"]
    assert (past["outcome"], past["held"], past["shared"]) == ("Succeeded", True, True)
    (hold,) = past["holds"]
    assert (hold["reason"], hold["begin"][:16], hold["end"][:16]) == (
        "SharedIncident",
        "2023-11-14T23:13",
        "2023-11-14T23:23",
    )


async def test_a_hold_is_drawn_and_the_chart_has_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "92")
    said = await printed(SHARED, capsys, file, "--svg", tmp_path / "x.svg", "--chart")
    tree = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    legend, hold = [rect for rect in tree.iter(f"{SVG}rect") if rect.get("class") == "hold"]
    assert legend.get("width") == "24"
    assert (float(hold.get("x", "")) - 76) / 860 * 9600 == pytest.approx(3660, abs=60)
    assert float(hold.get("width", "")) / 860 * 9600 == pytest.approx(600, abs=70)
    assert any("HHHHH" in line for line in said.splitlines())


async def test_a_test_on_counts_is_told_in_words_and_suggests_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = await printed(CALM, capsys, file, "--suggest")
    lines = said.splitlines()
    row = next(
        line
        for line in lines
        if line.startswith("worse: errors more than 20% worse than the baseline") and "  " in line
    )
    assert row.split()[-4:] == ["1", "0", "0", "1"]
    assert any("shows no regression by more than 20% so far" in line for line in lines)
    assert "Tests on counts have no limit to tune" in said
    assert "in an incident that the baseline shares a rollout holds instead" in said
    assert not [
        line
        for line in lines[
            lines.index(
                "Other limits, each evaluated separately, in runs from the same starts that no other limit stops"
            ) :
        ]
        if "worse" in line
    ]


async def test_a_test_on_counts_is_told_in_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(await printed(REGRESSED, capsys, file, "--format", "json", "--suggest"))
    (test,) = said["tests"]
    assert (test["limit"], test["worse"], test["runs"], test["compared"]) == ("worse", 1, 1, True)
    assert test["told"]["conclusion"] == "Regressed"
    assert said["runs"][0]["tests"][0]["message"] == test["told"]["message"]
    assert [one["limit"] for one in said["suggestions"]] == ["errors max 5%"]


async def test_the_panel_of_a_test_has_both_rates_and_its_name_and_the_picture_its_words(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await printed(REGRESSED, capsys, file, "--svg", tmp_path / "x.svg")
    tree = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    (panel,) = tree.findall(f"{SVG}g")
    assert [path.get("class") for path in panel.findall(f"{SVG}path")] == ["baseline", "candidate"]
    assert len([line for line in panel.findall(f"{SVG}line") if line.get("class") == "limit"]) == 1  # that of max 5%
    texts = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert {"limits not drawn: regression margin 20%", "max 5%"} <= set(texts)
    assert [text.get("class") for text in panel.iter(f"{SVG}text") if "margin" in (text.text or "")] == ["small"]
    drawn = " ".join(texts)
    assert drawn.count("worse than the baseline's by more than") == 1
    assert [line for line in tree.findall(f"{SVG}line") if line.get("class") == "stop"]


async def test_the_picture_of_a_calm_run_says_what_was_counted(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await printed(CALM, capsys, file, "--svg", tmp_path / "x.svg")
    tree = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    texts = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert "shows no regression by more than 20% so far" in " ".join(texts)


async def test_a_limit_of_a_test_is_a_line_and_a_spread_is_none() -> None:
    lines = [
        LIMIT,
        WORSE,
        {"metric": "errors", "maxSpread": "20%"},
        {"metric": "errors", "maxIncrease": "20%", "floor": "0%"},
    ]
    (panel,) = panels(await judged(CALM, guards=lines), 100)
    assert {limit.label: (limit.value, limit.change) for limit in panel.limits} == {
        "regression limit 5%": (0.05, None),
        "regression margin 20%": (None, None),
        "maxSpread 20%": (None, None),
        "maxIncrease 20%": (None, 0.2),
    }


async def test_what_stopped_a_run_is_told_in_numbers_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (past,) = json.loads(await printed(REGRESSED, capsys, file, "--format", "json"))["runs"]
    assert past["cause"] == {
        "limit": "worse",
        "metric": "errors",
        "bound": "margin 20%",
        "series": "",
        "value": 0.04,
        "baseline": 0.005,
        "unit": "ratio",
        "counts": "96 of 2400 against 12 of 2400",
    }


async def test_a_run_that_nothing_stopped_has_no_cause(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (past,) = json.loads(await printed(CALM, capsys, file, "--format", "json"))["runs"]
    assert past["cause"] is None


async def test_quiet_prints_the_result_alone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with prometheus(rates(CALM), Scraped(CALM)) as fake:
        given = ["backtest", str(file), "--prometheus", fake.url, *FROM, "--quiet"]
        assert await asyncio.to_thread(main, given) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert [line.split()[0] for line in said.out.splitlines()] == ["Succeeded"]


async def test_quiet_with_suggestions_begins_with_their_text(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with prometheus(rates(CALM), Scraped(CALM)) as fake:
        given = ["backtest", str(file), "--prometheus", fake.url, *FROM, "--quiet", "--suggest"]
        assert await asyncio.to_thread(main, given) == 0
    assert capsys.readouterr().out.splitlines()[0] != ""
