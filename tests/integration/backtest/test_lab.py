"""A backtest of a minute that really happened: calm, then one arm spoiled, then both, told by a real Prometheus."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab import manifests, shop
from lab.load import Load
from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tidegate.adapters.prometheus import SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.cli.main import main
from tidegate.simulation.backtest.raw import RawPast

CALM = 14.0
"""Seconds of good answers, at least."""
SPOILED = 16.0
"""Seconds of bad ones of the candidate, at least."""
BOTH = 12.0
"""Seconds of bad ones of both arms, at least."""


@dataclass(frozen=True)
class Stretch:
    """What happened: epoch seconds."""

    namespace: str
    begin: float
    calm: float
    """No answer was bad until here."""
    spoiled: float
    """The candidate has been told by now."""
    end: float
    both: float
    """Both arms are spoiled from here on."""
    over: float
    url: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stretch(lab: Lab) -> AsyncIterator[Stretch]:
    """Both arms under load, half and half; then every second answer of the candidate is an error, then every second of all."""
    namespace = f"t-{secrets.token_hex(4)}"
    await shop.open_shop(lab, namespace, replicas=1)
    await lab.apply(manifests.http_route(namespace, shop.APP, {shop.APP: 1, shop.CANARY: 1}))
    async with lab.load(namespace, shop.APP, rate=60) as load:
        await until(lambda: _counted(lab, namespace, 8), PATIENCE, "both arms are scraped")
        begin = time.time()
        await _answered(load, begin + CALM)
        calm = time.time()
        await shop.misbehave(lab, namespace, 0.5)
        spoiled = time.time()
        await _answered(load, spoiled + SPOILED)
        end = time.time()
        for pod in await lab.api.list("v1", "Pod", namespace, f"app={shop.APP}"):
            await lab.control(pod, "error_rate=0.5")
        both = time.time()
        await _answered(load, both + BOTH)
        over = time.time()
    yield Stretch(namespace, begin, calm, spoiled, end, both, over, lab.prometheus_url)
    await lab.api.delete(manifests.namespace(namespace))


async def _answered(load: Load, instant: float) -> None:
    """Until a request that was sent then is answered."""
    await until(lambda: load.since(instant), instant - time.time() + PATIENCE, "requests are answered")


async def _counted(lab: Lab, namespace: str, least: int) -> bool:
    found = await lab.prometheus.ask(f'count_over_time(http_requests_total{{namespace="{namespace}",code="200"}}[1m])')
    return len(found) == 2 and all(value >= least for _, value in found)


def manifest(namespace: str, folder: Path, *, step_seconds: int = 6) -> Path:
    made = shop.rollout(namespace, step_seconds=step_seconds, promotion={"strategy": "CopyTemplate", "settle": "1s"})
    for metric in made["spec"]["metrics"]:
        metric["window"] = "4s"
    file = folder / "rollout.yaml"
    file.write_text(yaml.safe_dump(made))
    return file


async def backtest(stretch: Stretch, file: Path, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["backtest", str(file), "--prometheus", stretch.url, *arguments])


def stamp(instant: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant))


async def test_it_reverts_when_the_candidate_was_spoiled_and_not_before(
    stretch: Stretch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture = manifest(stretch.namespace, tmp_path, step_seconds=10), tmp_path / "picture.svg"
    over = ("--from", stamp(stretch.begin), "--to", stamp(stretch.end + 1))
    code = await backtest(stretch, file, *over, "--format", "json", "--suggest", "--svg", str(picture))
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    (run,) = found["runs"]
    assert (found["as"], run["outcome"]) == ("candidate", "Reverted"), run["message"]
    assert run["reason"] in {"GuardBreached", "CheckpointBreached"}
    assert "error-rate of the candidate is" in run["message"]
    assert 0 < _epoch(run["end"]) - stretch.spoiled < 6
    errors = _line(found, "error-rate max 5%")
    assert errors["worst"] > 0.05
    assert _epoch(errors["worst_at"]) > stretch.spoiled
    assert picture.read_text().startswith("<svg")


async def test_a_test_on_counts_finds_it_in_the_raw_samples_of_then(
    stretch: Stretch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture = manifest(stretch.namespace, tmp_path), tmp_path / "picture.svg"
    made = yaml.safe_load(file.read_text())
    made["spec"]["metrics"] = [made["spec"]["metrics"][0] | {"warmUp": "1s"}]
    made["spec"]["guards"] = [
        {"name": "worse", "metric": "error-rate", "regression": {}},
        {"name": "split", "metric": "error-rate", "split": {}, "onBreach": "Hold"},
    ]
    made["spec"]["steps"] = [{"name": "half", "weight": 50, "duration": "1h"}]
    file.write_text(yaml.safe_dump(made))
    over = ("--from", stamp(stretch.begin), "--to", stamp(stretch.end + 1))
    code = await backtest(stretch, file, *over, "--format", "json", "--svg", str(picture))
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    (run,) = found["runs"]
    assert (found["as"], run["outcome"]) == ("candidate", "Reverted"), run["message"]
    assert "worse than the baseline's by more than 20%" in run["message"]
    assert 0 < _epoch(run["end"]) - stretch.spoiled < 19
    assert any("limits with `split` are left out" in one for one in found["assumptions"])
    (test,) = found["tests"]
    assert (test["limit"], test["worse"], test["told"]["conclusion"]) == ("worse", 1, "Regressed")
    assert found["gaps"] == []
    assert "worse than the baseline" in picture.read_text()


async def test_windows_of_then_are_scored_with_what_really_happened(
    stretch: Stretch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The arms are named by the windows; the Rollout itself names nobody who was there."""
    file = manifest(stretch.namespace, tmp_path, step_seconds=60)
    made = yaml.safe_load(file.read_text())
    names = {arm: dict(made["spec"][arm]) for arm in ("candidate", "baseline")}
    for arm in names:
        made["spec"][arm] |= {"deployment": f"other-{arm}", "service": f"other-{arm}"}
    file.write_text(yaml.safe_dump(made))
    windows = [
        {"name": "calm", "end": stamp(stretch.calm - 1), "expect": "continue"},
        {"name": "spoiled", "end": stamp(stretch.end + 1), "expect": "stop", "from": stamp(stretch.spoiled)},
    ]
    arms = {arm: {key: one[key] for key in ("deployment", "service")} for arm, one in names.items()}
    given = [{"start": stamp(stretch.begin), **arms, **window} for window in windows]
    (tmp_path / "windows.yaml").write_text(yaml.safe_dump({"windows": given}))
    for jobs in ("1", "2"):
        score = ("--score", str(tmp_path / "windows.yaml"), "--format", "json", "--jobs", jobs)
        code = await backtest(stretch, file, *score)
        found = json.loads(capsys.readouterr().out)
        assert code == 0
        assert [one["verdict"] for one in found["windows"]] == ["Continued", "Found"], found
        assert 0 <= found["medianMinutes"] * 60 < 7
        assert found["windows"][1]["run"]["cause"]["value"] > 0.05
        assert found["windows"][1]["run"]["start"] == stamp(stretch.begin).replace("Z", ".000Z")


async def test_an_incident_that_both_arms_had_is_a_hold(
    stretch: Stretch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture = manifest(stretch.namespace, tmp_path, step_seconds=60), tmp_path / "picture.svg"
    over = ("--from", stamp(stretch.both + 6), "--to", stamp(stretch.over))  # no window reaches back to before
    await backtest(stretch, file, *over, "--format", "json", "--svg", str(picture))
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["outcome"], run["shared"]) == ("Running", True), run["message"]
    assert "a shared incident, not this version" in run["holds"][0]["message"]
    assert 'class="hold"' in picture.read_text()


async def test_raw_samples_cut_out_of_pieces_are_those_that_prometheus_gives(stretch: Stretch) -> None:
    source = PrometheusHistory(SourceAddress(stretch.url))
    selector = f'http_requests_total{{namespace="{stretch.namespace}"}}'
    dice = random.Random(1)  # noqa: S311  (a dice, not a key)
    try:
        past, found = RawPast(source.raw), 0
        for _ in range(40):
            at, reach, offset = dice.uniform(stretch.begin, stretch.over), dice.randint(1, 60), dice.randint(0, 20)
            direct = await source.raw(selector, reach, round(at - offset, 3))
            cut = await past.answer(f"{selector}[{reach}s] offset {offset}s", round(at, 3))
            assert set(cut.series) == set(direct.series)
            found += sum(len(one.samples) for one in direct.series)
        assert found > 1000
    finally:
        source.close()


async def test_the_calm_part_keeps_the_limits_and_the_baseline_all_of_it(
    stretch: Stretch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = manifest(stretch.namespace, tmp_path)
    calm = ("--from", stamp(stretch.begin), "--to", stamp(stretch.calm - 1), "--format", "json")
    await backtest(stretch, file, *calm)
    candidate = json.loads(capsys.readouterr().out)
    whole = ("--from", stamp(stretch.begin), "--to", stamp(stretch.end + 1))
    code = await backtest(stretch, file, *whole, "--as", "baseline", "--expect", "Succeeded", "--format", "json")
    baseline = json.loads(capsys.readouterr().out)
    assert [run["outcome"] for run in candidate["runs"]] in (["Running"], ["Succeeded"])
    assert _line(candidate, "error-rate max 5%")["beyond"] == 0
    assert code == 0, baseline["unmet"]
    assert _line(baseline, "error-rate max 5%")["worst"] == 0


async def test_no_data_and_nobody_there_are_one_line(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = manifest("nowhere", tmp_path)
    code = await asyncio.to_thread(main, ["backtest", str(file), "--prometheus", lab.prometheus_url, "--from", "1m"])
    assert code == 2
    assert "no metric of Rollout checkout has any data from " in capsys.readouterr().err
    away = f"http://127.0.0.1:{free_port()}"
    code = await asyncio.to_thread(main, ["backtest", str(file), "--prometheus", away, "--from", "1m"])
    assert code == 2
    assert "Refused" in capsys.readouterr().err


def _line(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(line for line in found["limits"] if line["limit"] == name)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
