"""Reports of ended runs that the operator keeps: what they say, that no fault loses one, and that they delay nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.simulated.crash_stories import SCENARIOS
from tests.simulated.crashes import Fault, Kind, Scenario, Story
from tests.simulated.shop import Shop, spec
from tests.simulated.witness import WitnessedCluster
from tidegate.api.commands import Action
from tidegate.api.report import Report
from tidegate.core.report.bounded import LARGEST, as_text
from tidegate.core.report.compose import Known, compose
from tidegate.core.report.names import KEPT, config_map_name, number_of
from tidegate.ports.errors import Rejected, Unavailable
from tidegate.reconcile.reporting import STILL_WRITTEN, TRIES
from tidegate.simulation.runner import Runner

SHOP = frozenset({"shop"})
NAME = "checkout-report-1"


def kept(shop: Shop, name: str = NAME) -> Report:
    return Report.model_validate_json(shop.cluster.reports[name])


async def reverted(shop: Shop) -> Runner:
    shop.cluster.reported = SHOP
    runner = shop.rollout()
    await runner.run_until(shop.start + 45)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 100)
    assert shop.outcome == "Reverted"
    return runner


def retried(shop: Shop, runner: Runner) -> None:
    """Somebody has the version tried again, a second from now."""
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.RETRY) and None)


async def test_a_revert_is_reported_with_its_evidence_and_its_time() -> None:
    shop = Shop()
    await reverted(shop)
    found = kept(shop)
    assert (found.outcome, found.reason, found.run) == ("Reverted", "GuardBreached", shop.status.history[0].id)
    assert found.breach is not None
    assert found.breach.seconds is not None
    assert 0 <= found.breach.seconds < 30
    assert [one.step for one in found.checkpoints] == ["canary"]
    assert found.candidate.version is not None
    assert found.candidate.version.images == ("shop:v2",)
    assert found.baseline.version is not None
    assert found.baseline.version.images == ("shop:v1",)
    told = [one.what for one in found.timeline]
    assert [one for one in told if one in {"RunStarted", "StepStarted", "GuardBreached", "Reverted"}] == [
        "RunStarted",
        "StepStarted",
        "StepStarted",
        "GuardBreached",
        "Reverted",
    ]
    assert [one.weight for one in found.timeline if one.what == "StepStarted"] == [10, 50]
    assert {one.metric: one.status for one in found.limits if one.guard} == {"errors": "Breached"}


async def test_what_is_told_late_belongs_to_its_run() -> None:
    shop = Shop()
    shop.gate.takes = lambda call: 4.0 if call == "store.write_status" else 0.0
    runner = await reverted(shop)
    retried(shop, runner)
    await runner.run_until(shop.clock.now() + 200)
    one, other = kept(shop), kept(shop, "checkout-report-2")
    for report in (one, other):
        told = [line.what for line in report.timeline]
        assert told.count("RunStarted") == 1
        assert told.count("Reverted") == 1
        assert told[0] == "RunStarted"
        assert told[-1] == "Reverted"


async def test_a_success_is_reported_without_a_breach() -> None:
    shop = Shop()
    shop.cluster.reported = SHOP
    await shop.rollout().run_until(shop.start + 300)
    found = kept(shop)
    assert (found.outcome, found.breach) == ("Succeeded", None)


async def test_where_none_are_kept_nothing_is_called_or_remembered() -> None:
    shop = Shop()
    runner = shop.rollout()
    await runner.run_until(shop.start + 300)
    assert shop.outcome == "Succeeded"
    assert not [call for call in shop.gate.calls if call.startswith("reports.")]
    reports = runner.ticker.outbox.reports
    assert [reports._heard, reports._under_way, reports._last] == [{}, {}, {}]  # noqa: SLF001


async def test_a_hanging_write_of_a_report_delays_no_revert_of_the_next_run() -> None:
    shop = Shop()
    shop.gate.takes = lambda call: 8.0 if call == "reports.keep" else 0.0
    runner = await reverted(shop)
    shop.values["candidate"] = 0.0
    retried(shop, runner)
    await runner.run_until(shop.start + 145)
    assert shop.weight == 50
    shop.values["candidate"] = 0.2
    before = shop.clock.now()
    await runner.run_until(before + 200, lambda: shop.status.history[0].id.startswith("2-"))
    assert shop.outcome == "Reverted"
    assert len(shop.status.history) == 2
    assert shop.weight == 0
    back = max(write.time for write in shop.cluster.history)
    assert 0 < back - before <= 10, "an interval: nothing waited for the report"
    assert not shop.cluster.reports


async def test_an_unreachable_server_is_tried_a_bounded_number_of_times() -> None:
    shop = Shop()

    def refuse(call: str) -> None:
        if call == "reports.keep":
            raise Unavailable("away")

    shop.gate.before = refuse
    runner = await reverted(shop)
    await runner.run_until(shop.clock.now() + sum(TRIES) + 100)
    assert shop.gate.calls.count("reports.keep") == 1 + len(TRIES)
    await runner.run_until(shop.clock.now() + 5000)
    assert shop.gate.calls.count("reports.keep") == 1 + len(TRIES)
    assert not runner.ticker.outbox.busy


async def test_a_refusal_is_told_once_and_harms_nothing() -> None:
    shop = Shop()

    def refuse(call: str) -> None:
        if call == "reports.keep":
            raise Rejected("configmaps is forbidden")

    shop.gate.before = refuse
    runner = await reverted(shop)
    retried(shop, runner)
    await runner.run_until(shop.clock.now() + 300)
    assert len(shop.status.history) == 2
    refusals = [message for _, _, reason, message in shop.cluster.events if reason == "ReportRefused"]
    assert len(refusals) == 1
    assert "configmaps is forbidden" in refusals[0]
    assert shop.gate.calls.count("reports.keep") == 2, "each run once: what is refused is not tried again"


async def test_only_the_last_reports_are_kept() -> None:
    shop = Shop()
    shop.cluster.reported = SHOP
    shop.values["candidate"] = 0.2
    runner = shop.rollout()
    for _ in range(KEPT + 3):
        await runner.run_until(shop.clock.now() + 60)
        retried(shop, runner)
    numbers = sorted(int(name.rpartition("-")[2]) for name in shop.cluster.reports)
    newest = number_of(shop.status.history[0].id)
    assert newest > KEPT
    assert numbers == list(range(newest - KEPT + 1, newest + 1))


async def test_a_killed_operator_writes_it_after_the_next_start_of_what_the_status_has() -> None:
    shop = Shop()
    runner = await _killed_before_the_report(shop)
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    found = kept(shop)
    assert found.outcome == "Reverted"
    assert [one.step for one in found.checkpoints] == ["canary"]
    assert any("had ended before this report was written" in one for one in found.left_out)


async def test_an_end_of_long_ago_gets_no_report_when_they_are_switched_on() -> None:
    shop = Shop()
    runner = await _killed_before_the_report(shop)
    await runner.run_until(shop.clock.now() + STILL_WRITTEN + 60)
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert not shop.cluster.reports


async def _killed_before_the_report(shop: Shop) -> Runner:
    runner = shop.rollout()
    await runner.run_until(shop.start + 45)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 100)  # by an operator that keeps none
    assert shop.outcome == "Reverted"
    runner.stop()
    shop.cluster.reported = SHOP
    return runner


@dataclass
class Reporting(WitnessedCluster):
    """A cluster in which reports are kept."""

    reported: frozenset[str] = SHOP


CRASHED = [one for one in SCENARIOS if one.name in {"clean", "breached"}]


@pytest.mark.parametrize("kind", ["before", "after", "timeout"])
@pytest.mark.parametrize("scenario", CRASHED, ids=lambda scenario: scenario.name)
async def test_no_crash_loses_a_report(scenario: Scenario, kind: Kind) -> None:
    clean = Story(scenario, cluster_of=Reporting)
    wanted = await clean.run()
    names = set(clean.cluster.reports)
    assert config_map_name("checkout", 1) in names
    failures = []
    for index, call in enumerate(clean.calls):
        if call not in {"store.write_status", "router.write", "reports.keep"}:
            continue
        story = Story(scenario, Fault(index, kind, 0.0), cluster_of=Reporting)
        end = await story.run()
        if names - set(story.cluster.reports) or end.outcome != wanted.outcome:
            failures.append(f"call {index} {call}: {set(story.cluster.reports)}, {end.outcome}")
    assert not failures, "\n".join(failures)


async def test_a_report_is_never_too_large_and_says_what_it_leaves_out() -> None:
    shop = Shop()
    await reverted(shop)
    whole = kept(shop)
    finding = whole.checkpoints[0].findings[0].model_copy(update={"message": "words " * 200})
    many = tuple(
        whole.checkpoints[0].model_copy(update={"at": f"{place}m", "findings": (finding,) * 16}) for place in range(20)
    )
    text = as_text(whole.model_copy(update={"checkpoints": many}))
    assert len(text.encode()) <= LARGEST
    found = Report.model_validate_json(text)
    assert [bool(one.findings) for one in found.checkpoints] == sorted(bool(one.findings) for one in found.checkpoints)
    assert found.checkpoints[-1].findings, "the newest keep their evidence longest"
    assert any("evidence of the" in one for one in found.left_out)
    long = "x" * 3000
    moments = tuple(one.model_copy(update={"why": long}) for one in whole.timeline) * 40
    text = as_text(whole.model_copy(update={"checkpoints": many, "timeline": moments}))
    assert len(text.encode()) <= LARGEST
    assert Report.model_validate_json(text).outcome == "Reverted"


async def test_a_run_under_way_is_composed_of_the_status_alone() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=[{"name": "canary", "weight": 10, "duration": "1h"}]))
    await runner.run_until(shop.start + 60)
    status = shop.status
    assert status.run is not None
    now = status.run.start_time.replace(microsecond=0)
    found = compose(Known("shop", "checkout", shop.cluster.rollouts["checkout"].spec, status, now))
    assert (found.outcome, found.weight, found.step) == ("Running", 10, "canary")
    assert found.expected_end is not None
    assert found.expected_end.timestamp() == pytest.approx(shop.start + 3600, abs=60)
    assert [one.what for one in found.timeline] == ["RunStarted", "StepStarted"]
    assert {one.status for one in found.limits} == {"NotEvaluated"}


@pytest.mark.parametrize("rollout", ["checkout", "c" * 253])
def test_names_are_names_of_objects(rollout: str) -> None:
    name = config_map_name(rollout, 12)
    assert len(name) <= 253
    assert name.endswith("-report-12")
    assert name != config_map_name(rollout[:-1] + "d", 12)


def test_an_operator_loads_what_makes_reports_with_the_first_one_only() -> None:
    code = (
        "import sys, tidegate.runtime.compose\n"
        "print([one for one in ('tidegate.api.report', 'tidegate.core.report.compose') if one in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert said.stdout.strip() == "[]"
