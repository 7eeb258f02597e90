"""What the operator tells about itself: one line for each decision, and the series beside it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.unit.operator.test_metrics_and_web import series
from tidegate.api.reasons import Reason
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model.plan import Decision
from tidegate.core.model.world import RolloutObject
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.telemetry import LoggedTelemetry

STATUS = {"run": {"id": "3", "weight": 20}, "step": {"name": "canary"}}


def rollout(status: dict[str, object]) -> RolloutObject:
    return RolloutObject("shop", "web", "uid", 1, "1", 0.0, False, (), {}, status)


@pytest.mark.parametrize(
    ("why", "status", "warning", "expected"),
    [
        ("a breach in a step", STATUS, True, {"run": "3", "step": "canary", "weight": 20, "log_level": "warning"}),
        ("no warning", STATUS, False, {"run": "3", "step": "canary", "weight": 20, "log_level": "info"}),
        ("without a run", {}, False, {"run": None, "step": None, "weight": None, "log_level": "info"}),
        ("damaged", {"run": "x", "step": 7}, True, {"run": None, "step": None, "weight": None, "log_level": "warning"}),
    ],
)
def test_a_decision_is_one_line_with_its_run_and_step_and_is_counted(
    *, why: str, status: dict[str, object], warning: bool, expected: dict[str, object]
) -> None:
    metrics = Metrics()
    message = "errors of the candidate is 40%, above max 5%"
    with capture_logs() as logs:
        LoggedTelemetry(metrics).decided(rollout(status), Decision(Reason.GUARD_BREACHED, message, warning))
    told = {"event": message, "reason": Reason.GUARD_BREACHED, "namespace": "shop", "rollout": "web"}
    assert logs == [told | expected], why
    assert series(metrics, "tidegate_decisions")["tidegate_decisions_total", "GuardBreached"] == 1


@pytest.mark.parametrize(("seconds", "said"), [(0.25, {"seconds": 0.25}), (None, {})])
def test_a_revert_that_no_answer_decided_is_logged_and_has_no_duration(
    seconds: float | None, said: dict[str, float]
) -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        LoggedTelemetry(metrics).reverted(rollout(STATUS), seconds=seconds)
    told = {"event": "weights restored", "log_level": "info", "namespace": "shop", "rollout": "web", "run": "3"}
    assert logs == [told | said]
    found = series(metrics, "tidegate_revert")
    assert found["tidegate_revert_seconds_count",] == (seconds is not None)
    assert found["tidegate_revert_seconds_sum",] == (seconds or 0)


def test_the_end_of_a_tick_brings_the_series_up_to_date() -> None:
    metrics = Metrics()
    telemetry = LoggedTelemetry(metrics)
    stalled = {"type": "Stalled", "reason": "RevertNotAccepted", "lastTransitionTime": "2026-11-21T14:00:00Z"}
    status = {"phase": "Reverting", "weight": {"desired": 0}, "step": {"name": "canary", "index": 2, "of": 3}}
    telemetry.concluded(
        rollout({}), RolloutStatus.model_validate(status | {"conditions": [stalled | {"status": "True"}]})
    )
    shown = {
        ("tidegate_rollout_phase", "shop", "Reverting", "web"): 1,
        ("tidegate_rollout_step", "shop", "web"): 2,
        ("tidegate_rollout_weight_percent", "desired", "shop", "web"): 0,
    }
    why = {("tidegate_rollout_stalled", "shop", "RevertNotAccepted", "web"): 1}
    assert series(metrics, "tidegate_rollout") == shown | why
    telemetry.concluded(
        rollout({}), RolloutStatus.model_validate(status | {"conditions": [stalled | {"status": "False"}]})
    )
    assert series(metrics, "tidegate_rollout") == shown
    telemetry.forgotten("shop", "web")
    assert series(metrics, "tidegate_rollout") == {}
