"""What the operator says when it starts, before it asks anything of a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = "sources:\n  default:\n    url: http://localhost:9090\n"


@pytest.mark.parametrize(("config", "warned"), [("{}\n", True), ("sources: {}\n", True), (SOURCES, False)])
def test_a_configuration_without_sources_is_warned_of(config: str, *, warned: bool, tmp_path: Path) -> None:
    """It would be ready, and no Rollout could start."""
    file = tmp_path / "config.yaml"
    file.write_text(config)
    command = [sys.executable, "-m", "tidegate.cli", "operator", "--config", str(file), "--kubeconfig", "/nope"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))  # noqa: S603
    assert "there is no such kubeconfig" in done.stderr, "it went as far as that"
    logged = [json.loads(line) for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
    expected = [("warning", f"{file} names none, so no Rollout can start: add 'sources:'")] if warned else []
    assert [(one["level"], one["why"]) for one in logged if one["event"] == "no sources"] == expected
