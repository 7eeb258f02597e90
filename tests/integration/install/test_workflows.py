"""The workflows of `.github` are what its runners accept: `actionlint` reads them. They are not run here."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import binaries

WORKFLOWS = Path(__file__).parents[3] / ".github/workflows"


def actionlint(*files: Path) -> str:
    command = [binaries.program("actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_workflows_are_valid() -> None:
    files = sorted(WORKFLOWS.glob("*.yaml"))
    assert {file.stem for file in files} >= {"test", "image", "release"}
    assert not actionlint(*files)


def test_a_mistake_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        (WORKFLOWS / "release.yaml").read_text().replace("needs.version.outputs", "needs.elsewhere.outputs")
    )
    assert 'property "elsewhere" is not defined' in actionlint(wrong)
