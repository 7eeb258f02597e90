"""What the documents show is what the program does. `TIDEGATE_WRITE_DOCS=1 pytest -n 0` writes what it prints anew."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.api.validation import Templates, advice, check_rollout, check_template
from tidegate.cli.main import main
from tidegate.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{page.name}:{page.read_text()[: found.start()].count(chr(10)) + 1}", found[2])
        for page in PAGES
        for found in BLOCK.finditer(page.read_text())
        if found[1] == language
    ]


ROLLOUTS = [(where, text) for where, text in blocks("yaml") if re.search(r"^kind: Rollout$", text, re.MULTILINE)]
TEMPLATES = [(where, text) for where, text in blocks("yaml") if "MetricTemplate\nmetadata" in text]
CONSOLES = [(where, text) for where, text in blocks("console") if not where.startswith("tutorial.md")]
"""Those of the tutorial need its cluster: `tests/integration/docs` goes through them."""
SETTINGS = [(where, text) for where, text in blocks("yaml") if re.search(r"^sources:", text, re.MULTILINE)]


@pytest.mark.parametrize(("where", "text"), ROLLOUTS, ids=[where for where, _ in ROLLOUTS])
def test_every_rollout_shown_is_valid(where: str, text: str) -> None:
    manifest = yaml.safe_load(text)
    spec, problems = check_rollout(manifest)
    assert problems == [], where
    assert spec is not None


@pytest.mark.parametrize(("where", "text"), TEMPLATES, ids=[where for where, _ in TEMPLATES])
def test_every_template_shown_is_valid(where: str, text: str) -> None:
    assert check_template(yaml.safe_load(text))[1] == [], where


def test_the_template_shown_answers_to_the_metric_shown() -> None:
    page = (ROOT / "docs/rollout.md").read_text()
    section = page.split("## Metric templates")[1].split("\n## ")[0]
    template, metrics = (yaml.safe_load(found[2]) for found in BLOCK.finditer(section) if found[1] == "yaml")
    ref = TemplateRef(kind=TemplateKind(template["kind"]), name=template["metadata"]["name"])
    _, problems = check_rollout(
        good({"metrics.0": metrics["metrics"][0] | {"name": "errors"}}), Templates({ref: template["spec"]})
    )
    assert problems == []


@pytest.mark.parametrize(("where", "text"), SETTINGS, ids=[where for where, _ in SETTINGS])
def test_every_configuration_shown_is_valid(where: str, text: str) -> None:
    assert Settings.model_validate(yaml.safe_load(text)).sources, where


@pytest.mark.parametrize(("where", "text"), CONSOLES, ids=[where for where, _ in CONSOLES])
def test_every_command_shown_prints_what_is_shown(
    where: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    command, _, expected = text.partition("\n")
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "tidegate", where
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        page = next(page for page in PAGES if page.name == where.partition(":")[0] and text in page.read_text())
        page.write_text(page.read_text().replace(text, f"{command}\n{printed}"))
        expected = printed
    assert printed == expected


def test_the_page_of_plans_names_every_world_of_them() -> None:
    page = (ROOT / "docs/plans.md").read_text()
    plans = re.findall(r"^\| outcome \| world \(`([a-z-]+)-…`\) \|(?: lab \|)?$", page, re.MULTILINE)
    assert len(plans) == 5
    for plan, section in zip(plans, page.split("| outcome |")[1:], strict=True):
        rows = {name for row in section.split("```")[0].splitlines() for name in re.findall(r"`([a-z-]+)`", row)}
        worlds = {one.stem.removeprefix(f"{plan}-") for one in (ROOT / "examples/worlds").glob(f"{plan}-*.yaml")}
        assert worlds <= rows, plan


def test_there_is_something_to_check() -> None:
    assert ROLLOUTS
    assert TEMPLATES
    assert SETTINGS
    assert len(CONSOLES) >= 2


def test_the_rollout_of_the_readme_has_no_warnings_but_the_known_one() -> None:
    spec, _ = check_rollout(yaml.safe_load(ROLLOUTS[0][1]))
    assert spec is not None
    assert [str(problem) for problem in advice(spec)] == []
