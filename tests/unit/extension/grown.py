"""A copy of the package with a member more, and the files that CONTRIBUTING names for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]


PACKAGE = Path("operator/tidegate")


LONGEST = 400


ROLLOUT: Mapping[str, Any] = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "shop"},
    "spec": {
        "baseline": {"deployment": "shop", "service": "shop"},
        "candidate": {"deployment": "shop-canary", "service": "shop-canary"},
        "traffic": [{"kind": "HTTPRoute", "name": "shop"}],
        "metrics": [{"name": "errors", "query": "errors", "unit": "ratio"}],
        "guards": [{"metric": "errors", "max": "5%"}],
        "steps": [
            {"name": "canary", "weight": 10, "duration": "30m"},
            {"name": "half", "weight": 50, "duration": "30m"},
        ],
        "promotion": {"strategy": "CopyTemplate"},
    },
}


@dataclass(frozen=True)
class Grown:
    """A copy of the package with a member more."""

    folder: Path
    touched: list[str] = field(default_factory=list)
    """Files that a member needed."""

    def add(self, rows: Iterable[tuple[str, str, str]], module: str = "", content: str = "") -> None:
        """Adds rows to files, each behind what stands there once, and a module."""
        for name, place, row in rows:
            file = self.folder / name
            text = file.read_text()
            assert text.count(place) == 1, f"{name} has {place!r} once"
            file.write_text(text.replace(place, place + row))
            self.touched.append(name)
        if module:
            assert not (self.folder / module).exists()
            (self.folder / module).write_text(textwrap.dedent(content))
            self.touched.append(module)

    def tidegate(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "tidegate.cli", *arguments]
        return self._said(command)

    def python(self, code: str) -> str:
        return self._said([sys.executable, "-c", textwrap.dedent(code)])

    def _said(self, command: list[str]) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.folder.parent), "NO_COLOR": "1", "COLUMNS": "200"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False)  # noqa: S603  (ourselves)
        assert done.returncode in {0, 1}, done.stderr
        return done.stdout

    def write(self, name: str, content: Mapping[str, Any]) -> str:
        file = self.folder / name
        file.write_text(yaml.safe_dump(content))
        return str(file)


KINDS = {
    "test_a_gate": "kind of gate",
    "test_a_gate_that_a_command_opens": "kind of gate that a command opens",
    "test_a_response": "response to a breach",
    "test_a_router": "router",
    "test_a_metric_kind": "kind of metric",
    "test_a_notifier": "notifier",
}
"""Test to the row in CONTRIBUTING's table of extension points."""


def promised(kind: str) -> tuple[set[str], set[str]]:
    """The files, and the folders for a module, that CONTRIBUTING names for a kind of member."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {kind} |")]
    named = set(re.findall(r"`([a-z_/]+(?:\.py)?)`", row))
    files = {one for one in named if one.endswith(".py")}
    folders = {one for one in named if (ROOT / PACKAGE / one).is_dir()}
    if "a module there" in row:
        folders |= {str(Path(one).parent) for one in files}
    return files, folders


def rollout(**changes: object) -> dict[str, Any]:
    return {**ROLLOUT, "spec": {**ROLLOUT["spec"], **changes}}


def raised(grown: Grown, file: str, weight: str) -> float:
    """Seconds after the start at which a simulated run has this weight."""
    return float(next(line["after"] for line in timeline(grown, file) if line["weight"] == weight))


def timeline(grown: Grown, file: str, *arguments: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(grown.tidegate("simulate", file, *arguments, "--format", "json"))["lines"]
    return lines
