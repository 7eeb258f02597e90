"""The checks of `tidegate doctor` that need no cluster."""

from __future__ import annotations

import asyncio
import copy
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.test_streams import kubeconfig_of
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers import enabled
from tidegate.api.crd import export
from tidegate.cli.doctor import routes
from tidegate.cli.doctor.attendance import attended
from tidegate.cli.doctor.command import show
from tidegate.cli.doctor.installation import _fields
from tidegate.cli.doctor.permissions import CLUSTER_WIDE, OPERATOR, of_the_operator
from tidegate.cli.doctor.result import Level, Result, worst
from tidegate.cli.doctor.sources import Clock, agreement
from tidegate.cli.main import main
from tidegate.ports.errors import Rejected

RBAC = Path(__file__).parents[4] / "deploy/cluster/rbac.yaml"
NOW = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)


def test_the_operator_is_held_to_exactly_what_the_role_grants() -> None:
    role = next(
        one
        for one in yaml.safe_load_all(RBAC.read_text())
        if (one["kind"], one["metadata"]["name"]) == ("ClusterRole", "tidegate")
    )
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needed = {(one.group, one.resource, verb) for one in (*OPERATOR, *CLUSTER_WIDE) for verb in one.verbs}
    needed |= {(group, resource, verb) for row in enabled() for group, resource, verbs in row.grants for verb in verbs}
    assert needed == granted


def test_a_definition_that_lacks_a_field_is_noticed() -> None:
    crd: Any = export.crds()["rollouts.tidegate.dev.yaml"]
    older = copy.deepcopy(crd)
    spec = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del spec["steps"]["items"]["properties"]["gate"]["properties"]["after"]
    assert _fields(crd) - _fields(older) == {"spec.steps[].gate.after"}


@pytest.mark.parametrize(
    ("why", "clocks", "levels"),
    [
        ("they agree", [Clock("the API server", 0.4, 0.5), Clock("Prometheus", -0.2, 0.1)], [Level.OK]),
        ("one is far ahead", [Clock("the API server", 0, 0.5), Clock("Prometheus", 300, 0)], ["warning", "failed"]),
        ("ours is off", [Clock("the API server", 90, 0.5), Clock("Prometheus", 90, 0)], ["warning", "warning"]),
        ("it took too long to say", [Clock("the API server", 20, 20)], [Level.OK]),
        ("none could be read", [], [Level.SKIPPED]),
    ],
)
def test_clocks(why: str, clocks: list[Clock], levels: list[str]) -> None:
    found = agreement(clocks)
    assert sorted(str(one.level) for one in found) == sorted(levels), why


def test_a_difference_of_clocks_says_whose_and_how_much() -> None:
    found = agreement([Clock("the API server", 0, 0.5), Clock("Prometheus", -300, 0)])
    assert any(one.message == "Prometheus is 300 s behind the API server" for one in found)


def rollout(**status: object) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": "2026-11-21T12:00:00Z"},
        "status": status,
    }


@pytest.mark.parametrize(
    ("why", "rollouts", "level"),
    [
        ("there is none", [], Level.SKIPPED),
        ("it is at rest", [rollout(observedGeneration=1)], Level.OK),
        ("nobody has looked at it", [rollout(observedGeneration=-1)], Level.FAILED),
        ("a run is recorded", [rollout(observedGeneration=1, run={"heartbeat": "2026-11-21T14:09:30Z"})], Level.OK),
        ("a run is silent", [rollout(observedGeneration=1, run={"heartbeat": "2026-11-21T13:00:00Z"})], Level.FAILED),
    ],
)
def test_the_operator_is_known_by_what_it_writes(why: str, rollouts: list[dict[str, Any]], level: Level) -> None:
    assert [one.level for one in attended(rollouts, NOW)] == [level], why


def test_a_check_that_was_skipped_is_no_failure() -> None:
    results = [Result("a", Level.SKIPPED, ""), Result("b", Level.OK, "")]
    assert worst(results) is Level.OK
    assert worst([*results, Result("c", Level.FAILED, "")]) is Level.FAILED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prometheus", "localhost:9090"], "--prometheus must begin with http:// or https:// and name a host"),
        (["--prometheus", "http://a", "--config", "b"], "give --config or --prometheus, not both"),
        (["web", "-A"], "give a name or all namespaces, not both"),
        (["--as-group", "team"], "--as-group requires --as"),
    ],
)
def test_wrong_use_is_said_before_anything_is_asked(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *arguments]) == 2
    assert said in capsys.readouterr().err


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_source_it_is_said_that_none_is_known_and_how_to_give_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("{}\n")
    main(["doctor", "--config", str(file), "--kubeconfig", str(kubeconfig_of(tmp_path))])
    said = capsys.readouterr().out
    assert "Prometheus: no source is known here\n" in said
    assert "→ give the operator's configuration (--config), or --prometheus URL\n" in said


@pytest.mark.parametrize(("no_color", "colour"), [("", "\x1b[31m"), ("1", "")])
def test_levels_are_coloured_on_a_terminal_unless_no_color_is_set(
    no_color: str,
    colour: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    show([Result("CRDs", Level.FAILED, "not served", "install them")])
    assert ("\x1b[31m" if "\x1b[31m" in screen.getvalue() else "") == colour
    assert "CRDs: not served" in screen.getvalue()


class Served:
    """An API server that serves these kinds of object."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds

    async def served(self, resource: Resource) -> Resource | None:
        return resource if resource.kind in self.kinds else None


def using(**target: object) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"traffic": [{"name": "web", **target}]}}


@pytest.mark.parametrize(
    ("case", "target", "words", "level"),
    [
        ("it is served", {"kind": "HTTPRoute"}, "HTTPRoute (gateway.networking.k8s.io/v1) is served", Level.OK),
        ("it is not served", {"kind": "VirtualService"}, "VirtualService (networking.istio.io/v1) is not served, and Rollout shop/web uses it", Level.FAILED),
        ("it is not enabled", {"kind": "HTTPProxy"}, "HTTPProxy is not enabled in the operator's configuration, and Rollout shop/web uses it", Level.FAILED),
        ("no such kind is enabled", {"kind": "Custom", "custom": {"group": "a.b", "kind": "X"}}, "X.a.b is not enabled", Level.FAILED),
    ],
)  # fmt: skip
async def test_the_kinds_of_route_in_use_are_looked_at(
    case: str, target: dict[str, Any], words: str, level: Level
) -> None:
    api: Any = Served("HTTPRoute")
    results, grants = await routes.served(api, [using(**target)], enabled(["HTTPRoute", "VirtualService"]))
    assert [one.level for one in results if words in one.message] == [level], case
    assert [one.resource for one in grants] == ["httproutes"]


async def test_what_is_made_of_kinds_that_every_cluster_has_needs_no_definition_but_permissions() -> None:
    api: Any = Served()
    results, grants = await routes.served(api, [using(kind="ReplicaRatio")], enabled(["ReplicaRatio"]))
    assert [one.level for one in results] == [Level.OK]
    assert {one.resource for one in grants} >= {"deployments", "endpointslices"}


class Refusing:
    """An API server that answers one review with a refusal before the others."""

    def __init__(self) -> None:
        self.under_way = 0

    async def get(self, *_: object) -> dict[str, Any]:
        return {}

    async def create(self, *_: object, **__: object) -> dict[str, Any]:
        self.under_way += 1
        try:
            await asyncio.sleep(0 if self.under_way == 1 else 0.01)
        finally:
            self.under_way -= 1
        raise Rejected("forbidden")


async def test_a_refused_review_leaves_no_other_under_way() -> None:
    api = Refusing()
    (found,) = await of_the_operator(api, "tidegate/tidegate", (), ())  # type: ignore[arg-type]
    assert (found.level, found.message) == (Level.SKIPPED, "you may not create SubjectAccessReviews")
    assert api.under_way == 0
