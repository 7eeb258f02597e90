"""The template of the krew manifest: what krew requires of one, with this program's names."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "deploy/krew/tidegate.yaml"


def test_it_names_the_programs_that_the_package_installs() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert {one["bin"] for one in manifest["spec"]["platforms"]} == {f"kubectl-{manifest['metadata']['name']}"}
    assert {"kubectl-tidegate", "kubectl_complete-tidegate"} <= set(scripts)


def test_it_says_of_itself_that_it_is_not_published_and_points_nowhere() -> None:
    assert "NOT PUBLISHED" in MANIFEST.read_text()
    platforms = yaml.safe_load(MANIFEST.read_text())["spec"]["platforms"]
    assert all(one["uri"].startswith("https://example.invalid/") and "{{" in one["sha256"] for one in platforms)


def test_krews_limits_on_texts_are_kept() -> None:
    spec = yaml.safe_load(MANIFEST.read_text())["spec"]
    assert len(spec["shortDescription"]) <= 50
    assert not spec["shortDescription"].endswith(".")
