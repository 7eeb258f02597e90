from __future__ import annotations

import re
from typing import Any

import pytest

from tidegate.adapters.kubernetes.deployments import (
    NO_PODS,
    ReplicaSets,
    current_replica_sets,
    deployment_view,
    pods_pattern,
)


def deployment(generation: int = 3, spec: dict[str, Any] | None = None, **status: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "web:1"}]}}
    return {
        "metadata": {"uid": "u", "generation": generation},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template, **(spec or {})},
        "status": status,
    }


DONE = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("case", "replicas", "status", "terminating"),
    [
        ("two pods are ending", 0, {"terminatingReplicas": 2}, 2),
        ("none is left", 0, {"terminatingReplicas": 0}, 0),
        ("an API server before 1.35 does not say", 0, {}, None),
        ("pods of a roll-out that end are of no interest", 2, {"terminatingReplicas": 2}, 0),
    ],
)
def test_terminating_pods_of_a_deployment_that_asks_for_none(
    case: str, replicas: int, status: dict[str, int], terminating: int | None
) -> None:
    raw = deployment(**status)
    raw["spec"]["replicas"] = replicas
    assert deployment_view(raw).terminating == terminating, case


@pytest.mark.parametrize(("given", "seconds"), [({}, 30.0), ({"terminationGracePeriodSeconds": 0}, 0.0)])
def test_the_grace_period_is_that_of_the_pods(given: dict[str, int], seconds: float) -> None:
    raw = deployment()
    raw["spec"]["template"]["spec"].update(given)
    assert deployment_view(raw).grace == seconds


@pytest.mark.parametrize(
    ("case", "status", "done"),
    [
        ("all are new and available", {}, True),
        ("the controller has not seen this generation", {"observedGeneration": 2}, False),
        ("some are still of the old version", {"updatedReplicas": 1}, False),
        ("an old pod is still there", {"replicas": 3}, False),
        ("a new pod is not available", {"availableReplicas": 1}, False),
        ("more than asked for, all new and available", {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, True),
    ],
)  # fmt: skip
def test_rolled_out_is_what_kubectl_rollout_status_says(case: str, status: dict[str, int], done: bool) -> None:  # noqa: FBT001
    assert deployment_view(deployment(**{**DONE, **status})).rolled_out is done, case


def test_a_deployment_that_asks_for_no_number_asks_for_one() -> None:
    assert deployment_view(deployment(spec={"replicas": None})).replicas == 1


def test_the_version_is_computed_anew_only_for_another_generation() -> None:
    before = deployment_view(deployment())
    other = {"template": {"spec": {"containers": [{"name": "app", "image": "web:2"}]}}}
    assert deployment_view(deployment(spec=other), before=before).fields == before.fields
    assert deployment_view(deployment(generation=4, spec=other), before=before).fields != before.fields


def test_every_form_of_selector_becomes_a_query() -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "track", "operator": "NotIn", "values": ["old"]},
            {"key": "live", "operator": "Exists"},
            {"key": "dead", "operator": "DoesNotExist"},
        ],
    }
    found = deployment_view(deployment(spec={"selector": selector})).selector
    assert found == "!dead,app=web,live,tier in (a,b),track notin (old)"


def test_a_pattern_matches_the_pods_of_its_replica_sets_only() -> None:
    pattern = pods_pattern(["checkout-5d8f7c9b6d", "checkout-v1.2-5d8f7c9b6d"])
    assert re.fullmatch(pattern, "checkout-5d8f7c9b6d-x2kbz")
    assert re.fullmatch(pattern, "checkout-v1.2-5d8f7c9b6d-x2kbz")
    assert not re.fullmatch(pattern, "checkout-v1x2-5d8f7c9b6d-x2kbz")
    assert not re.fullmatch(pattern, "checkout-canary-5d8f7c9b6d-x2kbz")
    assert not re.fullmatch(pattern, "checkout-5d8f7c9b6d-x2kbz-1")
    assert "\\" not in pattern


def test_names_that_the_api_server_cuts_are_cut_in_the_pattern() -> None:
    name = "a" * 57 + "-5d8f7c9b6d"
    assert re.fullmatch(pods_pattern([name]), "a" * 57 + "-" + "x2kbz")


def test_no_replica_set_is_a_pattern_that_no_pod_matches() -> None:
    assert pods_pattern([]) == NO_PODS


def test_replica_sets_are_known_for_the_state_they_were_listed_in() -> None:
    known, view = ReplicaSets(), deployment_view(deployment(**DONE))
    assert known.names(view) is None
    known.put(view, ["web-1"])
    assert known.names(view) == {"web-1"}
    moved = deployment_view(deployment(**{**DONE, "replicas": 3}))
    assert known.names(moved) is None
    known.forget("u")
    assert known.names(view) is None


def test_without_pods_there_is_nothing_to_list() -> None:
    assert ReplicaSets().names(deployment_view(deployment(**{**DONE, "replicas": 0}))) == frozenset()


def test_current_replica_sets_are_the_deployments_own_with_pods() -> None:
    def replica_set(name: str, owner: str, wanted: int, has: int, *, controller: bool = True) -> dict[str, Any]:
        owners = [{"uid": owner, "controller": controller}]
        return {
            "metadata": {"name": name, "ownerReferences": owners},
            "spec": {"replicas": wanted},
            "status": {"replicas": has},
        }

    listed = [
        replica_set("wanted", "u", 1, 0),
        replica_set("going", "u", 0, 1),
        replica_set("old", "u", 0, 0),
        replica_set("other", "v", 1, 1),
        replica_set("not-controlled", "u", 1, 1, controller=False),
    ]
    assert list(current_replica_sets(listed)) == [("u", "wanted"), ("u", "going"), ("v", "other")]


def test_pods_that_the_api_server_refuses_are_told_in_its_words() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "pods is forbidden: exceeded quota"}
    raw = deployment(observedGeneration=3)
    raw["status"]["conditions"] = [refused]
    assert deployment_view(raw).pods_refused == "pods is forbidden: exceeded quota"
    raw["status"]["conditions"] = [{**refused, "status": "False"}]
    assert deployment_view(raw).pods_refused == ""
    raw["status"] = {"observedGeneration": 2, "conditions": [refused]}
    assert deployment_view(raw).pods_refused == "", "that was said of another generation"


def test_who_scaled_last_is_known_from_a_live_read_until_the_next_generation() -> None:
    raw = deployment()
    raw["metadata"]["managedFields"] = [
        {"manager": "kubectl", "time": "2026-01-05T09:00:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "tidegate-revert", "time": "2026-01-05T09:00:01Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]
    seen = deployment_view(raw)
    assert seen.scaled_by_revert
    assert deployment_view(deployment(), before=seen).scaled_by_revert, "a watch event has no managed fields"
    assert not deployment_view(deployment(generation=4), before=seen).scaled_by_revert
