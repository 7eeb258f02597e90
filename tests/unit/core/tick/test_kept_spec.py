from __future__ import annotations

from datetime import UTC, datetime

from tests.unit.api.manifests import good
from tidegate.api.rollout.run_status import RunStatus, Version
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.world import RolloutObject
from tidegate.core.tick.kept_spec import with_metrics_kept

START = datetime(2026, 1, 5, tzinfo=UTC)
ROLLOUT = RolloutObject("shop", "web", "u", 1, "1", 0.0, deleting=False, finalizers=(), spec={}, status={})


def spec(**changes: object) -> RolloutSpec:
    return RolloutSpec.model_validate(good({path.replace("_", "."): value for path, value in changes.items()})["spec"])


def kept(began: RolloutSpec, now: RolloutSpec | None, *, templated: bool = True) -> RolloutSpec:
    text = began.model_dump_json(by_alias=True, exclude_none=True)
    memory = Memory(status=RolloutStatus(run=RunStatus(id="1", version=Version(), start_time=START, spec=text)))
    found = with_metrics_kept(memory, Observation(now=0.0, rollout=ROLLOUT, spec=now, templated=templated))
    assert found.status.run is not None
    return RolloutSpec.model_validate_json(found.status.run.spec)


def test_a_run_keeps_the_metrics_as_they_are_filled_in_now() -> None:
    other = spec(metrics_1_query='min(latency_seconds{pod=~"$pods"})')
    assert kept(spec(), other) == other


def test_all_else_is_for_an_edit_of_the_rollout_to_change() -> None:
    found = kept(spec(), spec(metrics_1_query='min(x{pod=~"$pods"})', candidate_deployment="other", interval="5s"))
    assert found == spec(metrics_1_query='min(x{pod=~"$pods"})')


def test_without_templates_or_without_a_valid_spec_nothing_changes() -> None:
    other = spec(metrics_1_query='min(x{pod=~"$pods"})')
    assert kept(spec(), other, templated=False) == spec()
    assert kept(spec(), None) == spec()


def test_without_a_run_there_is_nothing_to_keep() -> None:
    memory = Memory()
    assert with_metrics_kept(memory, Observation(now=0.0, rollout=ROLLOUT, spec=spec(), templated=True)) is memory
