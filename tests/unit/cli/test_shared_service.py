"""One Service for both arms, in the same files: what makes a share of pods another share of traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.cli.main import main

PODS = {"kind": "ReplicaRatio", "name": "web", "replicaRatio": {"total": 20}}
BY_PODS: dict[str, object] = {"candidate.service": "web", "traffic.0": PODS}


def linted(tmp_path: Path, capsys: pytest.CaptureFixture[str], rollout: dict[str, Any], *objects: Any) -> list[str]:  # noqa: ANN401
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump_all([rollout, *objects]))
    main(["lint", str(file)])
    return [line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines()]


def thing(kind: str, name: str, **spec: object) -> dict[str, Any]:
    version = "v1" if kind == "Service" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_a_client_that_stays_on_its_pod_and_a_candidate_that_serves_already_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sticky, serving = thing("Service", "web", sessionAffinity="ClientIP"), thing("Deployment", "web-canary")
    said = linted(tmp_path, capsys, good(BY_PODS), sticky, serving)
    assert [line.split(": ")[1] for line in said] == ["spec.sessionAffinity", "spec.replicas"]
    assert "write 'replicas: 0'" in said[1]


def test_what_fits_is_no_matter_and_without_pods_as_weights_nothing_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = [thing("Service", "web"), thing("Deployment", "web-canary", replicas=0), thing("Deployment", "web")]
    assert linted(tmp_path, capsys, good(BY_PODS), *fine) == []
    other = [thing("Service", "other", sessionAffinity="ClientIP"), thing("Deployment", "web-canary")]
    assert linted(tmp_path, capsys, good(), *other) == []
