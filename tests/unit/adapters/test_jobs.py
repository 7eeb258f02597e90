"""What a Job is made of, and what its conditions say."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.adapters.kubernetes.jobs import KEPT, body_of, job_of
from tidegate.core.model.jobs import JobState, StartJob
from tidegate.core.model.world import RolloutObject

ROLLOUT = RolloutObject("shop", "checkout", "uid-1", 1, "1", 0.0, deleting=False, finalizers=(), spec={}, status={})
WANTED = StartJob(
    "checkout-undo-0a1b", "undo", "3-abc", None, {"TIDEGATE_REASON": "costs $5, $(SECRET)", "MODE": "ours"}
)


def cron_job(**spec: object) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": "undo:1",
        "env": [{"name": "MODE", "value": "own"}, {"name": "DSN", "value": "x"}],
    }
    pod = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"restartPolicy": "Never", "containers": [container], "initContainers": [{"name": "wait"}]},
    }
    template = {"metadata": {"labels": {"team": "shop"}}, "spec": {"backoffLimit": 2, "template": pod, **spec}}
    return {"spec": {"suspend": True, "jobTemplate": template}}


def test_every_container_gets_the_variables_in_place_of_its_own_and_nothing_in_them_is_replaced() -> None:
    pod = body_of(ROLLOUT, WANTED, cron_job())["spec"]["template"]
    assert pod["metadata"] == {"labels": {"a": "b"}}
    ours = [{"name": "TIDEGATE_REASON", "value": "costs $$5, $$(SECRET)"}, {"name": "MODE", "value": "ours"}]
    assert pod["spec"]["containers"][0]["env"] == [{"name": "DSN", "value": "x"}, *ours]
    assert pod["spec"]["initContainers"][0]["env"] == ours


def test_it_is_owned_by_the_rollout_and_blocks_no_deletion() -> None:
    metadata = body_of(ROLLOUT, WANTED, cron_job())["metadata"]
    (owner,) = metadata["ownerReferences"]
    assert owner == {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "name": "checkout",
        "uid": "uid-1",
        "controller": True,
    }
    assert metadata["labels"] == {
        "team": "shop",
        "app.kubernetes.io/managed-by": "tidegate",
        "tidegate.dev/rollout": "checkout",
        "tidegate.dev/run": "3-abc",
        "tidegate.dev/rollout-uid": "uid-1",
    }


def test_one_for_a_rollout_that_is_being_deleted_has_no_owner() -> None:
    orphan = StartJob("checkout-undo-0a1b", "undo", "3-abc", owned=False)
    assert "ownerReferences" not in body_of(ROLLOUT, orphan, cron_job())["metadata"]


@pytest.mark.parametrize(
    ("asked", "own", "deadline"), [(90.0, 600, 90), (None, 600, 600), (None, None, 3600), (0.5, None, 1)]
)
def test_its_deadline(asked: float | None, own: int | None, deadline: int) -> None:
    given = {"activeDeadlineSeconds": own} if own is not None else {}
    wanted = StartJob("a", "undo", "1", asked)
    assert body_of(ROLLOUT, wanted, cron_job(**given))["spec"]["activeDeadlineSeconds"] == deadline


@pytest.mark.parametrize(("own", "kept"), [(None, KEPT), (0, 600), (3600, 3600)])
def test_it_is_kept_until_its_end_was_seen(own: int | None, kept: int) -> None:
    given = {"ttlSecondsAfterFinished": own} if own is not None else {}
    assert body_of(ROLLOUT, WANTED, cron_job(**given))["spec"]["ttlSecondsAfterFinished"] == kept


def test_what_else_the_template_says_stays() -> None:
    spec = body_of(ROLLOUT, WANTED, cron_job(completions=3))["spec"]
    assert (spec["backoffLimit"], spec["completions"]) == (2, 3)


@pytest.mark.parametrize(
    ("conditions", "state", "message"),
    [
        ([], JobState.RUNNING, ""),
        ([("Complete", "True")], JobState.SUCCEEDED, ""),
        ([("SuccessCriteriaMet", "True")], JobState.RUNNING, ""),
        ([("SuccessCriteriaMet", "True"), ("Complete", "True")], JobState.SUCCEEDED, ""),
        ([("Failed", "True")], JobState.FAILED, "BackoffLimitExceeded: too often"),
        ([("FailureTarget", "True")], JobState.FAILED, "BackoffLimitExceeded: too often"),
        ([("Failed", "False"), ("Suspended", "True")], JobState.RUNNING, ""),
    ],
)
def test_what_its_conditions_say(conditions: list[tuple[str, str]], state: JobState, message: str) -> None:
    at = "2026-11-21T14:00:00Z"
    found = [
        {
            "type": kind,
            "status": status,
            "reason": "BackoffLimitExceeded",
            "message": "too often",
            "lastTransitionTime": at,
        }
        for kind, status in conditions
    ]
    raw = {
        "metadata": {"name": "a", "uid": "u"},
        "spec": {"activeDeadlineSeconds": 60},
        "status": {"conditions": found},
    }
    job = job_of(raw)
    assert (job.state, job.message, job.deadline) == (state, message, 60)
    assert (job.finished is not None) == (state is not JobState.RUNNING)
