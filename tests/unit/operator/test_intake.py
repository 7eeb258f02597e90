from __future__ import annotations

from typing import Any

import pytest

from tidegate.adapters.routers import ROUTERS
from tidegate.api.metric_template.ref import TemplateKind
from tidegate.core.model.world import Command
from tidegate.handlers import Caches, Intake


class Woken:
    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def rollout_changed(self, namespace: str, name: str) -> None:
        self.seen.append(("Rollout", namespace, name))

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        self.seen.append((kind, namespace, name))


@pytest.fixture
def woken() -> Woken:
    return Woken()


@pytest.fixture
def caches() -> Caches:
    return Caches()


@pytest.fixture
def intake(caches: Caches, woken: Woken) -> Intake:
    return Intake(caches, woken)


def item(version: int, content: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401
    found = {
        "namespace": "shop",
        "name": "web",
        "uid": "u",
        "generation": 1,
        "resourceVersion": str(version),
        **metadata,
    }
    return {"metadata": found, **(content or {})}


@pytest.mark.parametrize(
    ("case", "second", "times"),
    [
        ("its status is our own echo", item(2, {"status": {"phase": "Idle"}}), 1),
        ("its labels are nobody's business", item(2, labels={"a": "b"}), 1),
        ("a run began or ended, which others may wait for", item(2, {"status": {"run": {"id": "1"}}}), 2),
        ("its generation moved", item(2, generation=2), 2),
        ("it is being deleted", item(2, deletionTimestamp="2026-01-01T00:00:00Z"), 2),
        ("its finalizers changed", item(2, finalizers=["x"]), 2),
        ("it is another of that name", item(2, uid="v"), 2),
    ],
)
def test_what_wakes_a_rollout(intake: Intake, woken: Woken, case: str, second: dict[str, Any], times: int) -> None:
    intake.rollout(None, item(1))
    intake.rollout("MODIFIED", second)
    assert woken.seen == [("Rollout", "shop", "web")] * times, case


def test_an_object_that_cannot_be_read_is_skipped_counted_once_and_holds_up_no_other(
    caches: Caches, woken: Woken
) -> None:
    told: list[str] = []
    intake = Intake(caches, woken, broken=told.append)
    for version in (1, 1, 2):
        intake.rollout("MODIFIED", item(version, uid="a", creationTimestamp="yesterday"))
        intake.deployment("MODIFIED", item(version, {"spec": {}}, uid="b"))
        intake.route(ROUTERS[0])("MODIFIED", item(version, {"status": {"parents": "x"}}, uid="c"))
        intake.command("MODIFIED", {"metadata": {}})
    intake.rollout("ADDED", item(3))
    assert woken.seen == [("Rollout", "shop", "web")]
    assert sorted(told) == ["Deployment"] * 2 + ["HTTPRoute"] * 2 + ["Rollout"] * 2 + ["RolloutCommand"]


def test_a_rollout_that_is_gone_wakes_once(intake: Intake, woken: Woken) -> None:
    intake.rollout("ADDED", item(1))
    intake.rollout("DELETED", item(2))
    intake.rollout("DELETED", item(2))
    assert len(woken.seen) == 2


def test_a_command_wakes_the_rollout_it_is_for_until_it_has_its_outcome(
    intake: Intake, woken: Woken, caches: Caches
) -> None:
    spec = {"spec": {"rollout": "checkout", "action": "Abort", "requester": "me"}}
    intake.command("ADDED", item(1, spec))
    intake.command("MODIFIED", item(2, spec))
    assert woken.seen == [("RolloutCommand", "shop", "checkout")]
    assert caches.commands.of("shop", "checkout") == [Command("u", "web", "Abort", "", "", "me", 0.0)]  # type: ignore[arg-type]
    intake.command("MODIFIED", item(3, {**spec, "status": {"phase": "Done"}}))
    assert caches.commands.of("shop", "checkout") == []
    assert len(woken.seen) == 1


def test_a_command_this_version_does_not_know_is_left_to_one_that_does(intake: Intake, woken: Woken) -> None:
    intake.command("ADDED", item(1, {"spec": {"rollout": "checkout", "action": "Dance"}}))
    assert woken.seen == []


def deployment(version: int, **status: int) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "app", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return item(version, {"spec": spec, "status": status})


def test_a_deployment_wakes_only_by_what_decisions_look_at(intake: Intake, woken: Woken) -> None:
    intake.deployment(None, deployment(1, availableReplicas=1))
    intake.deployment("MODIFIED", deployment(2, availableReplicas=1, unavailableReplicas=1))
    assert len(woken.seen) == 1
    intake.deployment("MODIFIED", deployment(3, availableReplicas=2))
    intake.deployment("DELETED", deployment(4))
    assert woken.seen == [("Deployment", "shop", "web")] * 3


def test_a_service_wakes_by_its_selector(intake: Intake, woken: Woken) -> None:
    intake.service("ADDED", item(1, {"spec": {"selector": {"app": "web"}, "clusterIP": "1"}}))
    intake.service("MODIFIED", item(2, {"spec": {"selector": {"app": "web"}, "clusterIP": "2"}}))
    intake.service("MODIFIED", item(3, {"spec": {"selector": {"app": "other"}}}))
    assert len(woken.seen) == 2


def test_a_route_wakes_under_its_own_kind(intake: Intake, woken: Woken, caches: Caches) -> None:
    take = intake.route(ROUTERS[1])
    take("ADDED", item(1, {"spec": {"rules": []}}))
    take("MODIFIED", item(2, {"spec": {"rules": []}, "status": {"parents": []}}))
    assert woken.seen == [("GRPCRoute", "shop", "web")]
    assert caches.routes["GRPCRoute"].get(("shop", "web")) is not None
    assert caches.routes["HTTPRoute"].get(("shop", "web")) is None


def test_a_metric_template_wakes_under_its_own_kind_and_place(intake: Intake, woken: Woken, caches: Caches) -> None:
    own, shared = TemplateKind.METRIC_TEMPLATE, TemplateKind.CLUSTER_METRIC_TEMPLATE
    intake.metric_template(own)("ADDED", item(1, {"spec": {"query": "up"}}))
    everywhere = item(2, {"spec": {"query": "up"}})
    del everywhere["metadata"]["namespace"]
    intake.metric_template(shared)("ADDED", everywhere)
    assert woken.seen == [("MetricTemplate", "shop", "web"), ("ClusterMetricTemplate", "", "web")]
    assert caches.metric_templates[own].get(("shop", "web")) is not None
    assert caches.metric_templates[shared].get(("", "web")) is not None
    intake.metric_template(own)("MODIFIED", item(3, {"spec": {"query": "up"}}, labels={"a": "b"}))
    assert len(woken.seen) == 2, "its labels are nobody's business"
    intake.metric_template(own)("MODIFIED", item(4, {"spec": {"query": "down"}}, generation=2))
    intake.metric_template(own)("DELETED", item(5))
    assert woken.seen[2:] == [("MetricTemplate", "shop", "web")] * 2


def test_when_the_streams_have_ended_nothing_is_answered(intake: Intake, caches: Caches) -> None:
    intake.rollout(None, item(1))
    intake.deployment(None, deployment(1))
    intake.metric_template(TemplateKind.METRIC_TEMPLATE)(None, item(1))
    caches.commands.filled = caches.commands.watched = True
    caches.unwatch()
    assert caches.rollouts.get(("shop", "web")) is None
    assert caches.workloads.deployments.get(("shop", "web")) is None
    assert caches.metric_templates[TemplateKind.METRIC_TEMPLATE].get(("shop", "web")) is None
    assert not caches.commands.filled
