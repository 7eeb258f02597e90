from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

import pytest
import yaml
from pydantic import Field

from tests.unit.api.manifests import BY_RULE
from tidegate.api.crd import export
from tidegate.api.crd.structural import UnknownSchemaError, structural
from tidegate.api.metric_template.spec import MetricTemplateSpec
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.spec import RolloutSpec

ROOT = Path(__file__).parents[3]
KINDS: Final = ("rollouts", "rolloutcommands", "metrictemplates", "clustermetrictemplates")


def nodes(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield where, schema
    for name, part in schema.get("properties", {}).items():
        yield from nodes(part, f"{where}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{where}[]")


def models_in_lists(model: type[ApiModel]) -> set[type[ApiModel]]:
    """The models that stand in lists, and the models in those."""
    found: set[type[ApiModel]] = set()
    for field in model.model_fields.values():
        parts = models_of(field.annotation)
        inside = {one for part in parts for one in everything_in(part)}
        listed = "tuple" in str(field.annotation)
        found |= inside if listed else {one for part in parts for one in models_in_lists(part)}
    return found


def everything_in(model: type[ApiModel]) -> set[type[ApiModel]]:
    parts = {part for field in model.model_fields.values() for part in models_of(field.annotation)}
    return {model} | {one for part in parts for one in everything_in(part)}


def models_of(annotation: Any) -> list[type[ApiModel]]:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_of(part)]


def root(kind: str = "rollouts") -> Any:  # noqa: ANN401
    spec: Any = export.crds()[f"{kind}.tidegate.dev.yaml"]["spec"]
    return spec["versions"][0]["schema"]["openAPIV3Schema"]


def test_the_files_in_crds_are_what_the_models_say() -> None:
    written = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    assert written == {name: export.as_yaml(crd) for name, crd in export.crds().items()}, "run: make generate"


def test_the_files_say_that_they_are_generated() -> None:
    for path in (ROOT / "crds").glob("*.yaml"):
        assert path.read_text().startswith("# Generated from operator/tidegate/api by `make generate`.")


def test_every_field_is_described() -> None:
    given = {where for kind in KINDS for where, node in nodes(root(kind)) if "description" not in node}
    items = {where for where in given if where.endswith("[]")}
    assert given - items == {".metadata", ".metadata.name"}


def test_nothing_in_status_can_refuse_a_value_of_the_right_type() -> None:
    refusing = {"enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems", "required"}
    status = root()["properties"]["status"]
    found = {(where, key) for where, node in nodes(status) for key in refusing & set(node)}
    assert found == {(".conditions[]", "required")}
    assert [where for where, node in nodes(status) if "default" in node] == [""]


def test_the_defaults_are_the_models() -> None:
    spec = root()["properties"]["spec"]["properties"]
    assert spec["prometheus"]["default"] == {"source": "default"}
    assert spec["missingData"]["default"]["sourceDown"] == {"after": "1h", "then": "Hold"}
    assert "default" not in spec["metrics"]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_list_is_filled_in_by_the_api_server(kind: str) -> None:
    found = [where for where, node in nodes(root(kind)) if "[]" in where and "default" in node]
    assert found == [], "a list that the API server completes differs from the one that was applied, for ever"


@pytest.mark.parametrize("model", [RolloutSpec, MetricTemplateSpec])
def test_what_is_not_filled_in_is_told_in_words(model: type[ApiModel]) -> None:
    unsaid = [
        f"{part.__name__}.{name}"
        for part in models_in_lists(model)
        for name, field in part.model_fields.items()
        if not field.is_required() and field.default not in (None, (), "") and not isinstance(field.default, ApiModel)
        if "default" not in (field.description or "")
    ]
    assert unsaid == []


def test_lists_that_identify_their_items_are_maps() -> None:
    keys = {
        where: node["x-kubernetes-list-map-keys"]
        for where, node in nodes(root())
        if "x-kubernetes-list-map-keys" in node
    }
    assert keys == {
        ".spec.hooks": ["name"],
        ".spec.steps": ["name"],
        ".spec.steps[].gate.approvals": ["name"],
        ".spec.steps[].gate.jobs": ["cronJob"],
        ".spec.metrics": ["name"],
        ".status.conditions": ["type"],
    }


def test_descriptions_are_not_broken_where_the_source_is() -> None:
    assert [where for where, node in nodes(root()) if "\n" in node.get("description", "").replace("\n\n", "")] == []


def test_every_rule_of_the_spec_has_a_case_that_breaks_it() -> None:
    rules = [rule for _, node in nodes(structural(RolloutSpec)) for rule in node.get("x-kubernetes-validations", ())]
    said = [bad.server_words or bad.words for bad in BY_RULE]
    assert {rule["message"] for rule in rules if not any(words in rule["message"] for words in said)} == set()


class Number(ApiModel):
    value: Annotated[int, Field(gt=3)]


class Union(ApiModel):
    value: int | str


class Map(ApiModel):
    value: dict[str, int]


class Node(ApiModel):
    value: tuple[Node, ...] = ()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Number, r"Number\.value: no structural form is known for exclusiveMinimum: 3"),
        (Union, r"Union\.value: a union of several types"),
        (Map, r"Map\.value: no structural form is known for additionalProperties"),
        (Node, r"Node contains itself"),
    ],
)
def test_what_has_no_structural_form_is_refused(model: type[ApiModel], words: str) -> None:
    with pytest.raises(UnknownSchemaError, match=words):
        structural(model)


class Inner(ApiModel):
    """The class."""

    kind: Literal["one"] = "one"
    """What it is."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("true", "never", ".kind"),)


class Outer(ApiModel):
    first: Inner
    """The field."""
    second: Inner | None = None
    """Maybe."""


def test_parts_are_inlined_with_their_rules_and_the_fields_own_words() -> None:
    inner = {
        "properties": {"kind": {"default": "one", "description": "What it is.", "type": "string", "enum": ["one"]}},
        "type": "object",
        "x-kubernetes-validations": [{"rule": "true", "message": "never", "fieldPath": ".kind"}],
    }
    assert structural(Outer) == {
        "properties": {
            "first": inner | {"description": "The field."},
            "second": inner | {"description": "Maybe."},
        },
        "required": ["first"],
        "type": "object",
    }


def test_the_yaml_reads_back_as_the_definition() -> None:
    for crd in export.crds().values():
        assert yaml.safe_load(export.as_yaml(crd)) == crd
