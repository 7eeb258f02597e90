"""Routes in the same files: what a revert would not take back, and what is no traffic of users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.cli.main import main


def route(*rules: dict[str, Any], kind: str = "HTTPRoute", name: str = "web", namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"rules": list(rules)},
    }


BOTH = [{"name": "web", "port": 80, "weight": 1}, {"name": "web-canary", "port": 80, "weight": 0}]
ALONE = [{"name": "web-canary", "port": 80}]
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web-canary", "port": 80}}}


def linted(tmp_path: Path, capsys: pytest.CaptureFixture[str], *objects: dict[str, Any]) -> list[str]:
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump_all([good(), *objects]))
    main(["lint", str(file)])
    return [line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
@pytest.mark.parametrize("name", ["web", "other"])
def test_a_rule_with_the_candidate_alone_is_not_reverted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    rules = ({"backendRefs": BOTH}, {"backendRefs": ALONE})
    (said,) = linted(tmp_path, capsys, route(*rules, kind=kind, name=name))
    assert said.startswith("warning: spec.rules[1].backendRefs: sends this rule's traffic to the candidate's Service")
    assert said.endswith("so a revert leaves that traffic where it is")


@pytest.mark.parametrize("place", ["rule", "backend"])
def test_a_mirror_to_the_candidate_counts_as_its_traffic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    backends = [{**BOTH[0], "filters": [MIRROR]}, BOTH[1]] if place == "backend" else BOTH
    rule = {"backendRefs": backends} | ({"filters": [MIRROR]} if place == "rule" else {})
    (said,) = linted(tmp_path, capsys, route(rule))
    assert "mirrors requests to the candidate's Service 'web-canary'" in said


@pytest.mark.parametrize(
    "other",
    [
        route({"backendRefs": BOTH}),
        route({"backendRefs": [BOTH[0]]}),
        route({}),
        route({"backendRefs": None, "filters": None}),
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "x"}, "spec": None},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web-canary"}},
    ],
)
def test_other_routes_are_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any]) -> None:
    assert linted(tmp_path, capsys, other) == []


def test_a_route_of_another_namespace_is_anothers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "web.yaml"
    mine = good() | {"metadata": {"name": "web", "namespace": "shop"}}
    file.write_text(yaml.safe_dump_all([mine, route({"backendRefs": ALONE}, namespace="other")]))
    assert main(["lint", "--strict", str(file)]) == 0
    file.write_text(yaml.safe_dump_all([mine, route({"backendRefs": ALONE}, namespace="shop")]))
    assert main(["lint", "--strict", str(file)]) == 1
    capsys.readouterr()


def fronted(preset: str = "contour/error-rate", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    made = good({"metrics.0": {"name": "errors", "preset": preset}})
    made["spec"].update(changes)
    return made


VIRTUAL_SERVICE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web"},
    "spec": {
        "http": [
            {
                "retries": {"attempts": 2},
                "route": [{"destination": {"host": "web"}}, {"destination": {"host": "web-canary"}, "weight": 0}],
            }
        ]
    },
}
PROXY = {
    "apiVersion": "projectcontour.io/v1",
    "kind": "HTTPProxy",
    "metadata": {"name": "web"},
    "spec": {"routes": [{"retryPolicy": {"count": 2}, "services": BOTH}]},
}
RETRYING = route({"name": "everyone", "retry": {"attempts": 2}, "backendRefs": BOTH})


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (RETRYING, "spec.rules[0].retry"),
        (VIRTUAL_SERVICE, "spec.http[0].retries"),
        (PROXY, "spec.routes[0].retryPolicy"),
    ],
)
@pytest.mark.parametrize("preset", ["contour/error-rate", "envoy-gateway/error-rate", "istio-gateway/error-rate"])
def test_retries_hide_errors_from_what_counts_final_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any], field: str, preset: str
) -> None:
    file = tmp_path / "web.yaml"
    rollout = fronted(preset, traffic=[{"kind": other["kind"], "name": "web"}])
    file.write_text(yaml.safe_dump_all([rollout, other]))
    main(["lint", str(file)])
    assert f"{field}: tries failed requests again, and metric 'errors' counts final answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rollout", "other"),
    [
        (fronted(), route({"name": "everyone", "backendRefs": BOTH})),
        (fronted(), route({"name": "others", "retry": {"attempts": 2}, "backendRefs": BOTH})),
        (fronted(), route({"name": "everyone", "retry": {"attempts": 2}, "backendRefs": [BOTH[0]]})),
        (fronted(), {**RETRYING, "metadata": {"name": "another"}}),
        (fronted("http/error-rate"), RETRYING),
        (fronted("istio/error-rate"), RETRYING),
        (fronted("contour/retry-rate"), RETRYING),
    ],
)
def test_retries_that_hide_nothing_are_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rollout: dict[str, Any], other: dict[str, Any]
) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump_all([rollout, other]))
    main(["lint", str(file)])
    assert "tries failed requests again" not in capsys.readouterr().out
