"""The generated files of the chart are what the code makes, and say what the operator takes."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import jsonschema
import pytest
import yaml

from charts.generate import files, values_schema
from charts.generate.values import Values
from tests.integration.install.renderings import RENDERINGS
from tidegate.api.crd import export
from tidegate.api.validation import check_rollout
from tidegate.runtime.settings import Settings

CHART = files.CHART
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
PROJECT = tomllib.loads((files.ROOT / "pyproject.toml").read_text())["project"]
METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())


def test_the_files_are_what_the_code_makes() -> None:
    for path, text in files.chart().items():
        assert path.read_text() == text, f"{path.name}: run: make generate"
    copies = {path for path in files.chart() if path.parent.name == "crds"}
    assert set((CHART / "files" / "crds").iterdir()) == copies, "a definition that is no longer exported"


def test_the_defaults_are_the_models() -> None:
    model = Values(config=DEFAULTS["config"]).model_dump(by_alias=True, mode="json")
    assert model == DEFAULTS


def test_the_default_configuration_is_the_operators_but_for_the_format_of_its_logs() -> None:
    shipped = Settings.model_validate(DEFAULTS["config"])
    assert shipped.logs.format == "json"
    assert shipped.model_copy(update={"logs": Settings().logs}) == Settings()


def test_every_setting_of_the_operator_is_a_value() -> None:
    known = values_schema.schema()["properties"]["config"]["properties"].keys() | {*values_schema.ELSEWHERE}
    assert known == Settings.model_json_schema(by_alias=True)["properties"].keys()


def check(values: dict[str, Any]) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(merged(DEFAULTS, values))


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """As Helm does: maps are merged, everything else is replaced."""
    found = dict(base)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        found[key] = merged(base[key], value) if both else value
    return found


@pytest.mark.parametrize("values", RENDERINGS.values(), ids=RENDERINGS)
def test_good_values_fit_the_schema(values: dict[str, Any]) -> None:
    check(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"nmespaces": []}, "'nmespaces' was unexpected"),
        ({"namespaces": ["Shop"]}, "'Shop' does not match"),
        ({"namespaces": "shop"}, "is not of type 'array'"),
        ({"crds": {"kep": True}}, "'kep' was unexpected"),
        ({"crds": {"enabled": "yes"}}, "is not of type 'boolean'"),
        ({"routers": ["Ingress"]}, "is not one of"),
        ({"routers": ["HTTPRoute", "HTTPRoute"]}, "non-unique"),
        ({"config": {"sources": {"Default": {"url": "http://p"}}}}, "does not match any of the regexes"),
        ({"config": {"sources": {"a": {"url": "ftp://p"}}}}, "does not match"),
        ({"config": {"sources": {"a": {"url": "http://me:secret@p"}}}}, "does not match"),
        ({"config": {"sources": {"a": {}}}}, "'url' is a required property"),
        ({"config": {"sources": {"a": {"url": "http://p", "timeout": "soon"}}}}, "does not match"),
        ({"config": {"sources": {"a": {"url": "http://p", "clientKeyFile": "/k"}}}}, "is a dependency of"),
        (
            {
                "config": {
                    "sources": {
                        "a": {
                            "url": "http://p",
                            "bearerTokenFile": "/t",
                            "basicAuth": {"username": "u", "passwordFile": "/p"},
                        }
                    }
                }
            },
            "should not be valid under",
        ),
        ({"config": {"listen": "8080"}}, "does not match"),
        ({"config": {"logs": {"level": "loud"}}}, "is not one of"),
        ({"serviceMonitor": {"interval": "often"}}, "does not match"),
        ({"flowSchema": {"matchingPrecedence": 0}}, "minimum"),
        ({"networkPolicy": {"apiServer": {"ports": [70000]}}}, "maximum"),
        ({"extraObjects": [1]}, "is not valid under any"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=re.escape(words)):
        check(values)


def test_the_example_that_artifact_hub_shows_is_valid() -> None:
    (example,) = yaml.safe_load(METADATA["annotations"]["artifacthub.io/crdsExamples"])
    assert check_rollout(example)[1] == []


def test_the_charts_metadata_is_that_of_the_program_and_its_kinds() -> None:
    assert METADATA["appVersion"] == PROJECT["version"]
    listed = yaml.safe_load(METADATA["annotations"]["artifacthub.io/crds"])
    exported = export.crds().values()
    named: list[Any] = [(one["metadata"], one["spec"]) for one in exported]
    assert {(one["name"], one["kind"], one["version"]) for one in listed} == {
        (metadata["name"], spec["names"]["kind"], spec["versions"][0]["name"]) for metadata, spec in named
    }
