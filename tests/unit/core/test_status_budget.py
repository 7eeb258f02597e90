"""What memory may take of a status: the bytes that are reckoned with are enough, and what could take more is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from string import printable
from typing import Any

import pytest
from pydantic import BaseModel

from tests.simulated.shop import spec
from tidegate.api import status_budget
from tidegate.api.commands import LONGEST_REQUESTER
from tidegate.api.rollout.gate_status import ApprovalStatus
from tidegate.api.rollout.run_status import EvidenceStatus, GroupsStatus
from tidegate.api.rollout.status import (
    Clock,
    GuardStatus,
    JobStatus,
    MissingDataStatus,
    RolloutStatus,
    RunStatus,
    StepBegin,
)
from tidegate.api.validation import check_rollout
from tidegate.api.validation.memory import needed
from tidegate.core.count_tests.state import Kind, SegmentState, State, packed
from tidegate.core.judging.duration import KEPT
from tidegate.core.metrics.samples import labelled
from tidegate.core.status.size import LARGEST, memory_alone, on_the_wire
from tidegate.core.tick.kept_spec import kept_text

AT = datetime(2026, 11, 21, 14, 0, 0, 123456, tzinfo=UTC)
NAME = "n" * 63
LABELS = labelled((("user_agent", "x" * 500),))
CHANCE = Random(1)  # noqa: S311  (no secret)


def a_test(segments: int, *, limited: bool) -> EvidenceStatus:
    """A test that remembers as much as it can, in numbers that cannot be made smaller."""

    def numbers(count: int) -> list[float]:
        return [CHANCE.uniform(-1e5, 1e5) for _ in range(count)]

    def labels() -> str:
        return labelled((("user_agent", "".join(CHANCE.choices(printable, k=500))),), status_budget.SEGMENT_LABELS)

    logs = 97 if limited else 69
    if segments > 1:
        logs = 16 if limited else 8
    each = {labels() if segments > 1 else "": SegmentState(numbers(22), numbers(logs)) for _ in range(segments)}
    state = packed(State(Kind.LIMIT, numbers(3), each))
    return EvidenceStatus(name=f"{NAME}-regression", asked="0" * 8, start=AT, step=60.0, windows=20_000, state=state)


TEST, SEGMENTED = a_test(1, limited=True), a_test(64, limited=True)
CLOCK = Clock(series=LABELS, watched=1_123_456.789, mark=1_123_456.789)
GUARD = GuardStatus(
    name=f"{NAME} (baseline)",
    limit="maxIncrease 20.55% floor 100ms for 15m30s; 01234567",
    state="NotComparable",
    since=AT,
    value="123456.789ms",
)
MISSING = MissingDataStatus(
    metric=NAME, kind="SourceDown", since=AT, watched=1_123_456.789, mark=1_123_456.789, answers=20_000
)
GROUPS = GroupsStatus(
    metric=NAME, asked="0" * 6, seen=tuple(f"{place:06x}" for place in range(status_budget.MAX_SERIES))
)


JOB = JobStatus(
    name=NAME,
    run="1000-01234567",
    purpose="StepStart",
    key=f"{NAME} maxIncrease 20.55%",
    cron_job="c" * 52,
    step=NAME,
    step_hash="0" * 12,
    after=NAME,
    ordinal=1000,
    deadline=86_400.0,
    on_failure="Ignore",
    reason="CandidateServiceMissing",
    cause="x" * status_budget.LONGEST_CAUSE,
    requested=AT,
    uid="01234567-0123-0123-0123-012345678901",
    limit=86_400.0,
    started=AT,
    finished=AT,
    outcome="Succeeded",
    message="x" * status_budget.LONGEST_CAUSE,
)

APPROVAL = ApprovalStatus(
    step=NAME,
    step_hash="0" * 12,
    name="a" * 40,
    person="\N{GRINNING FACE}" * LONGEST_REQUESTER,
    verified=True,
    time=AT,
    reason="\N{GRINNING FACE}" * status_budget.LONGEST_SAYING,
)


def size(*models: BaseModel) -> int:
    return sum(len(one.model_dump_json(by_alias=True, exclude_none=True).encode()) + 1 for one in models)


@pytest.mark.parametrize(
    ("models", "bytes_"),
    [
        ((TEST,), status_budget.A_TEST + status_budget.A_LIMIT),
        ((a_test(1, limited=False),), status_budget.A_TEST),
        ((SEGMENTED,), status_budget.SEGMENTS + status_budget.SEGMENTS_LIMIT),
        ((a_test(64, limited=False),), status_budget.SEGMENTS),
        ((CLOCK,), status_budget.A_CLOCK),
        ((GUARD,), status_budget.A_GUARD),
        ((MISSING, MISSING), status_budget.A_METRIC),
        ((GROUPS,), status_budget.A_GROUPING),
        ((StepBegin(name=NAME, time=AT),), status_budget.A_STEP),
        ((JOB,), status_budget.A_JOB),
        ((APPROVAL,), status_budget.AN_APPROVAL),
    ],
    ids=lambda one: type(one[0]).__name__ if isinstance(one, tuple) else "",
)
def test_the_room_that_is_reckoned_with_is_enough_and_not_twice_as_much(
    models: tuple[BaseModel, ...], bytes_: int
) -> None:
    assert bytes_ / 2 < size(*models) <= bytes_


def crowded(metrics: int, guards: int, tests: int, letters: int) -> dict[str, Any]:
    """A Rollout with so many of each, and queries of so many letters."""
    ratio = {"bad": f'bad{{w="$workload",a="{"x" * letters}"}}', "total": 'all{w="$workload"}', "by": ["segment"]}
    named = [f"m{number}" for number in range(metrics)]
    guarded, tested = ([named[number % metrics] for number in range(many)] for many in (guards, tests))
    return {
        "metadata": {"name": "checkout"},
        "spec": spec(
            metrics=[{"name": name, "ratio": ratio} for name in named],
            guards=[
                {"name": f"g{number}", "metric": name, "max": "5%", "for": "15m"} for number, name in enumerate(guarded)
            ],
            thresholds=[
                {"name": f"t{number}", "metric": name, "regression": {"limit": "1%"}}
                for number, name in enumerate(tested)
            ],
            steps=[{"name": "canary", "weight": 5, "duration": "1h"}],
        ),
    }


@pytest.mark.parametrize(("metrics", "guards", "tests"), [(8, 16, 1), (10, 10, 1), (2, 2, 2), (32, 0, 0), (16, 16, 0)])
def test_whatever_is_allowed_fits_into_status(metrics: int, guards: int, tests: int) -> None:
    """Queries as long as they may be beside so many lines."""
    fits = None
    for letters in range(0, 4000, 50):
        found, problems = check_rollout(crowded(metrics, guards, tests, letters))
        if problems:
            break
        fits = found
    assert fits is not None, "with short queries it is allowed"
    text = kept_text(fits)
    most = min(KEPT, status_budget.MOST_CLOCKS // max(guards, 1))
    status = RolloutStatus(
        run=RunStatus(
            id="1",
            version={"images": ("registry.example/shop/checkout:v3.0.0",)},
            start_time=AT,
            spec=text,
            groups=(GROUPS,) * metrics,
            evidence=(SEGMENTED,) * tests,
            begun=(StepBegin(name=NAME, time=AT),) * len(fits.steps),
        ),
        guards=(GUARD.model_copy(update={"clocks": (CLOCK,) * most, "message": "x" * 400}),) * guards,
        missing_data=(MISSING.model_copy(update={"message": "x" * 400}),) * (2 * metrics),
    )
    assert on_the_wire(status)["run"] is not None
    assert size(memory_alone(status)) <= needed(fits) + 1000 <= status_budget.MEMORY + 1000 < LARGEST


def test_what_could_not_be_remembered_is_refused() -> None:
    _, problems = check_rollout(crowded(32, 16, 8, 0))
    (problem,) = [one for one in problems if one.where == ("spec",)]
    assert "bytes of the status for the state of its limits; at most 49152 are available" in problem.message


def test_ten_metrics_with_guards_and_tests_are_ordinary() -> None:
    """A ratio without groups has one series, whose time beyond a limit takes one clock."""
    names = [f"m{number}" for number in range(10)]
    route = f'namespace="$namespace",pod=~"$pods",route=~"{"|".join(f"/api/v2/things/{one}" for one in range(60))}"'
    ratio = {"bad": f'http_requests_total{{{route},code=~"5.."}}', "total": f"http_requests_total{{{route}}}"}
    ordinary = spec(
        metrics=[{"name": name, "ratio": ratio} for name in names],
        guards=[
            *({"metric": name, "max": "20%", "for": "2m"} for name in names),
            *({"metric": name, "regression": {"limit": "2%"}} for name in names[:6]),
        ],
        thresholds=[*({"metric": name, "max": "2%"} for name in names)],
        steps=[{"name": f"s{weight}", "weight": weight, "duration": "1h"} for weight in (1, 5, 25, 50, 100)],
    )
    found, problems = check_rollout({"metadata": {"name": "checkout"}, "spec": ordinary})
    assert problems == []
    assert found is not None
    assert needed(found) + status_budget.A_CLOCK * (status_budget.MOST_CLOCKS - 16) > status_budget.MEMORY, (
        "this is what the test is about"
    )
