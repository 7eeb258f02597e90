"""A copy of the package, and the check that a member needed no other files than promised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.extension.grown import KINDS, PACKAGE, ROOT, Grown, promised


@pytest.fixture
def grown(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Grown]:
    folder = tmp_path / "operator" / "tidegate"
    shutil.copytree(ROOT / PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    made = Grown(folder)
    yield made
    files, folders = promised(KINDS[request.node.name])
    others = {one for one in made.touched if one not in files and str(Path(one).parent) not in folders}
    assert not others, "CONTRIBUTING names every file that a new member needs"
