"""What is committed for Argo CD is what the runs and the scripts give."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.simulated.argocd.sandbox import COMMAND, ROLLOUT, SCRIPTS, actions, created, health
from tests.simulated.argocd.written import CONFIG_MAP, config_map, files

PAGE = Path(__file__).parents[3] / "docs/gitops.md"


def test_the_files_are_those_that_make_generate_writes() -> None:
    for path, text in files().items():
        assert path.read_text() == text, f"{path.name}: run `make generate`"
    assert {*SCRIPTS.rglob("testdata/*.yaml")} <= {*files()}, "a file that no run gives: run `make generate`"


def test_the_data_has_the_health_and_the_actions_that_are_written_beside_it() -> None:
    tests = yaml.safe_load((ROLLOUT / "health_test.yaml").read_text())["tests"]
    assert len(tests) > 10
    for test in tests:
        obj = yaml.safe_load((ROLLOUT / test["inputPath"]).read_text())
        assert health(obj) == (test["healthStatus"]["status"], test["healthStatus"]["message"]), test["inputPath"]
    folder = ROLLOUT / "actions"
    listed = yaml.safe_load((folder / "action_test.yaml").read_text())
    for test in listed["discoveryTests"]:
        found = actions(yaml.safe_load((folder / test["inputPath"]).read_text()))
        assert [{"name": one["name"], **found[one["name"]]} for one in test["result"]] == test["result"]
    for test in listed["actionTests"]:
        found = created(test["action"], yaml.safe_load((folder / test["inputPath"]).read_text()))
        assert found == yaml.safe_load((folder / test["expectedOutputPath"]).read_text())


def test_argo_cd_reads_the_same_scripts_from_the_config_map() -> None:
    data = yaml.safe_load(CONFIG_MAP.read_text())["data"]
    assert data == config_map()["data"]
    assert data["resource.customizations.health.tidegate.dev_Rollout"] == (ROLLOUT / "health.lua").read_text()
    assert data["resource.customizations.health.tidegate.dev_RolloutCommand"] == (COMMAND / "health.lua").read_text()
    offered = yaml.safe_load(data["resource.customizations.actions.tidegate.dev_Rollout"])
    for one in offered["definitions"]:
        assert one["action.lua"] == (ROLLOUT / f"actions/{one['name']}/action.lua").read_text()


def test_the_page_shows_the_health_script_as_it_is() -> None:
    (shown,) = re.findall(r"^```lua\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert shown == (ROLLOUT / "health.lua").read_text()
