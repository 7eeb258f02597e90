"""Reports of simulated runs: what they say of each outcome, and that they load nothing."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.simulated.test_example_worlds import WORLDS, rollout_of
from tests.unit.cli.status_told import NOW
from tidegate.api.report import SCHEMA, Report
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.cli.charts.drawing import DAY, LETTER, time_axis
from tidegate.cli.errors import CommandError
from tidegate.cli.main import main
from tidegate.cli.report.past import POINTS, SHORTEST, stretch_of
from tidegate.cli.report.tile import Tile
from tidegate.cli.report.write import write
from tidegate.cli.status.command import report as told_of
from tidegate.cli.status.told import Told
from tidegate.cli.tables import Table
from tidegate.reconcile.specs import checked
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted

EXAMPLES = Path(__file__).parents[3] / "examples"
SVG = "{http://www.w3.org/2000/svg}"


def reported(tmp_path: Path, example: str, world: str, form: str = "json") -> str:
    file = tmp_path / f"report.{form}"
    arguments = [str(EXAMPLES / f"{example}.yaml"), "--world", str(EXAMPLES / "worlds" / f"{example}-{world}.yaml")]
    assert main(["simulate", *arguments, "--report", str(file)]) == 0
    return file.read_text()


def ledger(tmp_path: Path, world: str) -> dict[str, Any]:
    return dict(json.loads(reported(tmp_path, "three-phase-production", world)))


def expected_of(world: Path) -> str:
    return str(yaml.safe_load(world.read_text())["expect"]["outcome"])


OUTCOMES = list({(rollout_of(world), expected_of(world)): world for world in WORLDS}.values())
"""One world for each outcome of each example."""


@pytest.mark.parametrize("world", OUTCOMES, ids=[one.stem for one in OUTCOMES])
def test_every_outcome_of_the_examples_is_reported_as_it_ends(world: Path, tmp_path: Path) -> None:
    example = rollout_of(world).stem
    said = reported(tmp_path, example, world.stem.removeprefix(f"{example}-"), "html")
    expected = expected_of(world)
    title = re.search(r"<title>[^<]*: (\w+)</title>", said)
    assert title is not None
    assert title[1] == expected
    assert ("Time to revert" in said) == (expected in {"Reverted", "Aborted"})


def test_no_failure_among_380_requests_is_told_with_what_that_leaves_possible(tmp_path: Path) -> None:
    said = reported(tmp_path, "three-phase-production", "one-percent", "md")
    row = next(line for line in said.splitlines() if line.startswith("| errors-so-far |"))
    assert "0 of 380 bad" in row
    assert re.search(r"0% to (0\.[89]|1\.\d)\d*%", row), "zero failures do not show a rate of zero"
    assert "at least 380" in said


@pytest.mark.parametrize("world", ["one-percent", "ramp-failed", "segment"])
def test_tidegate_status_has_the_same_table_of_limits_as_the_report(tmp_path: Path, world: str) -> None:
    said = reported(tmp_path, "three-phase-production", world, "md").split("\n## Limits\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines() if line.startswith("|")]
    raw = yaml.safe_load((EXAMPLES / "three-phase-production.yaml").read_text())["spec"]
    file = EXAMPLES / f"worlds/three-phase-production-{world}.yaml"
    scripted = Scripted(
        "ledger", raw, RolloutSpec.model_validate(raw), World.model_validate(yaml.safe_load(file.read_text())), checked
    )
    scripted.run()
    seen = RolloutStatus.model_validate(scripted.status)
    tables = told_of(Told.of({"metadata": {"name": "ledger", "namespace": "shop"}, "spec": raw}, seen, NOW))
    (limits,) = [one for one in tables if isinstance(one, Table) and one.title == "Limits"]
    shown = [place for place, _ in enumerate(limits.columns) if any(row[place] for row in limits.rows)]
    assert len(limits.rows) >= 5
    assert rows[2:] == [[row[place] for place in shown] for row in limits.rows]


def test_a_run_under_way_has_its_expected_end_and_what_it_waits_for(tmp_path: Path) -> None:
    found = ledger(tmp_path, "one-percent")
    assert found["outcome"] == "Running"
    # ten begins at 12:00 and lasts 4 h; everyone at least a day after one began and only 8-16 h in Berlin: Tue 09:00 UTC; 14 d
    assert found["expectedEnd"].startswith("2026-01-20T09:00")
    assert [one["part"] for one in found["gate"]["closed"]] == ["after"]
    assert "end" not in found
    assert "breach" not in found


def test_a_breach_has_its_time_to_revert_and_the_guard_that_decided(tmp_path: Path) -> None:
    found = ledger(tmp_path, "breach")
    assert (found["outcome"], found["reason"]) == ("Reverted", "GuardBreached")
    assert 0 < found["breach"]["seconds"] < 30
    guard = next(one for one in found["limits"] if one["guard"] and one["metric"] == "error-rate")
    assert guard["status"] == "Breached"
    assert "2%" in guard["current"]
    told = [one["what"] for one in found["timeline"]]
    assert told.index("GuardBreached") < told.index("Reverted")
    assert [one["weight"] for one in found["timeline"] if one["what"] == "WeightWritten"] == [1, 10, 0]


def test_approvals_are_told_with_who_and_when(tmp_path: Path) -> None:
    found = ledger(tmp_path, "approved")
    assert found["outcome"] == "Succeeded"
    assert {(one["name"], one["person"]) for one in found["approvals"]} == {
        ("engineering", "ann"),
        ("operations", "bob"),
        ("product", "cleo"),
        ("finance", "dora"),
    }
    assert "breach" not in found
    assert any("Checkpoints before the last 20" in one for one in found["leftOut"])


def test_a_run_that_has_begun_no_step_is_reported(tmp_path: Path) -> None:
    found = ledger(tmp_path, "pre-flight")
    assert found["outcome"] == "Running"
    assert [one["what"] for one in found["timeline"]] == ["RunStarted"]
    assert [one["part"] for one in found["gate"]["closed"]] == ["checks"]


def test_an_abort_is_told(tmp_path: Path) -> None:
    found = ledger(tmp_path, "ramp-aborted")
    assert found["outcome"] == "Aborted"
    assert found["breach"]["message"]


def test_the_json_is_the_documented_shape(tmp_path: Path) -> None:
    found = ledger(tmp_path, "breach")
    charts = found.pop("charts")
    assert found["schemaVersion"] == SCHEMA == "tidegate.dev/report/v1"
    read = Report.model_validate(found)
    assert read.model_extra == {}, "every field is one of the model"
    assert read.model_dump(mode="json", by_alias=True, exclude_none=True) == found
    rate = next(one for one in charts if one["metric"] == "error-rate")
    assert len(rate["candidate"]) == len(rate["difference"]) == len(rate["low"])
    last = rate["candidate"].index(0.02)
    assert rate["low"][last] < rate["difference"][last] < rate["high"][last]
    assert rate["difference"][last] == pytest.approx(0.0195)
    assert rate["breached"]
    incidents = next(one for one in charts if one["metric"] == "open-incidents")
    assert incidents["baseline"] == [], "independent of the arms"


class Page(HTMLParser):
    """What a browser would load, and what it would show as names."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self._open[-1] if self._open else "", []).append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return reported(tmp_path_factory.mktemp("report"), "long-progressive", "breach", "html")


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    read = Page()
    read.feed(page)
    loading = {"script", "link", "img", "iframe", "object", "embed", "use", "image", "base", "form"}
    assert not loading & {tag for tag, _ in read.tags}
    for tag, attributes in read.tags:
        assert not {"src", "href", "style", "xlink:href", "action"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
    urls = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert urls == {"http://www.w3.org/2000/svg"}, "a namespace is no address that is loaded"
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_allows_exactly_its_own_style(page: str) -> None:
    style = page.split("<style>")[1].split("</style>", maxsplit=1)[0]
    assert page.count("<style>") == 1
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert style.count("@media (prefers-color-scheme: dark)") >= 3
    assert "color-scheme: light dark" in style


def test_the_page_and_each_chart_have_a_title(page: str) -> None:
    assert "<title>default/documents: Reverted</title>" in page
    charts = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    assert len(charts) == 4
    for chart in charts:
        root = ET.fromstring(chart)  # noqa: S314  (our own)
        assert root.get("role") == "img"
        title = root.find(f"{SVG}title")
        assert title is not None
        assert title.text


def test_a_chart_shows_both_arms_the_interval_the_limit_and_the_decision(page: str) -> None:
    chart = next(one for one in re.findall(r"<svg .*?</svg>", page, re.DOTALL) if ">error-rate<" in one)
    root = ET.fromstring(chart)  # noqa: S314
    kinds = {one.get("class") for one in root.iter()}
    assert {"candidate", "baseline", "difference", "band", "limit", "stop"} <= kinds
    texts = " ".join(one.text or "" for one in root.iter(f"{SVG}text"))
    assert "+3.9 points against the baseline" in texts
    assert "max 1%" in texts
    assert "candidate 4% (200 of 5000 requests)" in texts
    stops = [one.findtext(f"{SVG}title") or "" for one in root.iter() if one.get("class") == "stop"]
    assert any("GuardBreached" in one for one in stops)


def test_what_people_say_is_no_markup(tmp_path: Path) -> None:
    world = (EXAMPLES / "worlds/three-phase-production-ramp-aborted.yaml").read_text()
    hostile = re.sub(r"(reason: )(?!\w+Breached)[^,}\n]+(?=[,}])", r'\1"<script>x</script> | [a](b)"', world, count=1)
    assert hostile != world
    file = tmp_path / "world.yaml"
    file.write_text(hostile.split("expect:")[0])
    for form in ("html", "md"):
        out = tmp_path / f"report.{form}"
        main(["simulate", str(EXAMPLES / "three-phase-production.yaml"), "--world", str(file), "--report", str(out)])
        said = out.read_text()
        assert "x" in said
        assert "<script>" not in said
        if form == "md":
            assert "[a](b)" not in said


def test_a_file_must_say_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", str(EXAMPLES / "minimal.yaml"), "--report", str(tmp_path / "report.pdf")]
    assert main(arguments) == 2
    assert "end the name in .md, .html or .json" in capsys.readouterr().err


def test_markdown_with_charts_has_its_picture_beside_it(tmp_path: Path) -> None:
    said = reported(tmp_path, "long-progressive", "clean", "md")
    assert "](report.svg)" in said
    root = ET.fromstring((tmp_path / "report.svg").read_text())  # noqa: S314
    assert root.find(f"{SVG}style") is not None, "it is looked at alone"


def test_jobs_are_told_with_their_outcome(tmp_path: Path) -> None:
    said = reported(tmp_path, "long-progressive", "undo-fails", "md")
    jobs = said.split("\n## Jobs\n")[1].split("\n## ")[0]
    assert (
        "| Revert | fifty | Failed | 2026-03-30 06:10:05 UTC | 2026-03-30 06:16:05 UTC | BackoffLimitExceeded" in jobs
    )
    assert "| Skipped |" in jobs
    said = reported(tmp_path, "long-progressive", "undo", "md")
    jobs = said.split("\n## Jobs\n")[1].split("\n## ")[0]
    assert jobs.count("| Revert | fifty | Succeeded | 2026-03-30 06:1") == 2


def test_a_run_that_has_ended_has_no_share_of_a_cohort_and_the_value_that_breached(tmp_path: Path) -> None:
    found = json.loads(reported(tmp_path, "long-progressive", "undo"))
    assert found.get("cohorts", []) == [], "the candidate has none of it any more"
    breached = [one for one in found["limits"] if one["status"] == "Breached"]
    assert [(one["name"], one["current"]) for one in breached] == [("error-rate max 1%", "4%")]
    said = reported(tmp_path, "long-progressive", "undo", "md")
    assert "Cohort returning" not in said


def test_a_cohort_has_its_weight_its_limit_and_its_chart(tmp_path: Path) -> None:
    found = json.loads(reported(tmp_path, "cohorts-then-everyone", "breach-in-a-cohort"))
    assert {one["name"]: one["observed"] for one in found["cohorts"]} == {"staff": 100, "chosen": 0, "extended": 100}
    charts = {one["metric"]: one for one in found["charts"]}
    assert max(one for one in charts["cohort-errors of cohort chosen"]["candidate"] if one is not None) == 0.09
    assert max(one for one in charts["cohort-errors of cohort staff"]["candidate"] if one is not None) < 0.03
    assert {one["cohort"] for one in found["limits"] if one["metric"] == "cohort-errors"} == {
        "staff",
        "chosen",
        "extended",
    }


def test_a_picture_does_not_take_the_place_of_its_report(tmp_path: Path) -> None:
    file = tmp_path / "report.svg"
    with pytest.raises(CommandError, match=r"report\.svg: .*end the name of the report in \.md"):
        write(cast("Report", None), [cast("Tile", None)], "md", file)
    assert not file.exists()


def test_a_step_that_moves_a_cohort_alone_is_marked_by_its_name_and_the_cohorts_revert_as_well(tmp_path: Path) -> None:
    reported(tmp_path, "cohorts-then-everyone", "breach-in-a-cohort", "md")
    first = (tmp_path / "report.svg").read_text().split("error-rate")[0]
    labels = [found[1] for found in re.finditer(r'<text class="small" [^>]*y="56.0"[^>]*>([^<]*)</text>', first)]
    assert labels == ["CohortReverted", "staff", "extended-users", "100%"], "chosen-users began just before the revert"
    assert '<line class="stop"' in (tmp_path / "report.svg").read_text()


def test_no_instants_on_the_axis_overlap() -> None:
    for days in range(2, 120):
        end = days * DAY + 5 * 3600.0
        drawn = "".join(time_axis(0.0, end, lambda time, end=end: 76 + 624 * time / end, 0.0, (76, 700)))
        found = re.findall(r'x="([\d.]+)" y="14.0"(?: text-anchor="(end|middle)")?>([^<]+)<', drawn)
        begins = [
            float(x) - LETTER * len(text) * {"end": 1.0, "middle": 0.5}.get(anchor, 0.0) for x, anchor, text in found
        ]
        ends = [begin + LETTER * len(text) for begin, (_, _, text) in zip(begins, found, strict=True)]
        assert all(begin >= end - 0.1 for end, begin in zip(ends, begins[1:], strict=False)), f"{days} days"


@pytest.mark.parametrize("seconds", [0.2, 1.0, 10.7, 239.0, 3600.4])
def test_the_charts_of_a_run_reach_to_its_end(seconds: float) -> None:
    """What a run was reverted for may have come a moment before."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(seconds=seconds)
    stretch = stretch_of(Report.model_construct(start=start, end=end, written=end))
    assert stretch.time(stretch.points - 1) == pytest.approx(end.timestamp(), abs=1e-3)
    assert stretch.time(0) >= start.timestamp() - max(SHORTEST - seconds, 0) - 1e-3
    assert stretch.points <= POINTS
