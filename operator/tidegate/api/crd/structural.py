"""Pydantic's JSON schema made structural, as a CustomResourceDefinition needs it.

References are inlined, `X or null` becomes an optional X, a constant becomes an enum of one, rules of the models become
`x-kubernetes-validations`. Whatever is not known here is refused: a schema the API server would quietly read otherwise
is worse than none.

Below a list no default is kept: one that the API server fills in makes the list another than the one that was
applied, so `kubectl apply` and Argo CD would find every object changed for ever. The models apply those defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tidegate.api.crd.lists import unique_by
from tidegate.api.model import Rule

Schema: TypeAlias = dict[str, JsonValue]

_KEPT: Final = frozenset(
    {
        *("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
        *("maxProperties",),
        *("required", "x-kubernetes-int-or-string", "x-kubernetes-validations"),
        *("x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
    }
)
_DROPPED: Final = frozenset({"title", "$defs"})
_PROMISES: Final = (
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "default",
)


class UnknownSchemaError(Exception):
    """The model has something for which there is no structural form here; the message says where and what."""


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, with its rules, defaults and descriptions.

    Raises:
        UnknownSchemaError: it uses something that cannot be said, or is not known here.
    """
    raw = model.model_json_schema(by_alias=True, schema_generator=_WithRules)
    return _Converter(_objects(raw.get("$defs"))).convert(raw, model.__name__)


def loosened(schema: Schema, keyed: Mapping[str, str] | None = None) -> Schema:
    """The same schema without anything that could refuse a value of the right type: for `status`.

    `keyed` names lists whose items differ in one field; that field stays required, because the API server insists.
    """
    kept: Schema = {key: value for key, value in schema.items() if key not in (*_PROMISES, "required")}
    if "properties" in kept:
        kept["properties"] = {name: loosened(part) for name, part in _objects(kept["properties"]).items()}
    if "items" in kept:
        kept["items"] = loosened(_object(kept["items"]))
    for name, field in (keyed or {}).items():
        parts = _object(_object(kept["properties"])[name])
        parts |= unique_by(field)
        parts["items"] = {**_object(parts["items"]), "required": [field]}
    return kept


def validations(rules: tuple[Rule, ...]) -> list[JsonValue]:
    """Rules as the API server takes them."""
    return [_validation(rule) for rule in rules]


def _validation(rule: Rule) -> Schema:
    path: Schema = {"fieldPath": rule.path} if rule.path else {}
    return {"rule": rule.expression, "message": rule.message, **path}


class _WithRules(GenerateJsonSchema):
    """Pydantic's generator, with every model's CEL rules beside its properties."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        rules = getattr(schema["cls"], "cel_rules", ())
        return found | ({"x-kubernetes-validations": validations(rules)} if rules else {})


class _Converter:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self._open: list[str] = []
        self._lists = 0

    def convert(self, raw: Mapping[str, JsonValue], where: str) -> Schema:
        """One node; `where` names it for people."""
        if "$ref" in raw:
            return self._inlined(raw, where)
        if "anyOf" in raw:
            return self.convert(_optional(raw, where), where)
        if "properties" in raw and raw.get("additionalProperties") is True:
            # A status model: in memory it keeps fields it does not know; the schema lists those it does.
            raw = {key: value for key, value in raw.items() if key != "additionalProperties"}
        return dict(part for key, value in raw.items() for part in self._part(key, value, where))

    def _inlined(self, raw: Mapping[str, JsonValue], where: str) -> Schema:
        name = str(raw["$ref"]).removeprefix("#/$defs/")
        if name in self._open:
            raise UnknownSchemaError(f"{where}: {name} contains itself")
        self._open.append(name)
        beside = {key: value for key, value in raw.items() if key != "$ref"}
        found = self.convert({**self._definitions[name], **beside}, where)
        self._open.pop()
        return found

    def _part(self, key: str, value: JsonValue, where: str) -> Iterator[tuple[str, JsonValue]]:
        match key:
            case "description":
                yield key, _unwrapped(str(value))
            case "default":
                if not self._lists and (plain := _without_nothing(value)) not in (None, "", [], {}):
                    yield key, plain
            case "const":
                yield "enum", [value]
            case "properties":
                yield key, {name: self.convert(part, f"{where}.{name}") for name, part in _objects(value).items()}
            case "items":
                self._lists += 1
                found = self.convert(_object(value), f"{where}[]")
                # The field says what its items are: `kubectl explain` would show both, one below the other.
                yield key, {name: one for name, one in found.items() if name != "description"}
                self._lists -= 1
            case "additionalProperties" if isinstance(value, dict) and _as_text(value):
                yield key, self.convert(value, f"{where}{{}}")
            case _ if key in _KEPT:
                yield key, value
            case _ if key in _DROPPED or (key == "additionalProperties" and value is False):
                pass  # a title repeats the name; unknown fields are pruned, or refused by strict validation
            case _:
                raise UnknownSchemaError(f"{where}: no structural form is known for {key}: {value!r}")


def _as_text(schema: Mapping[str, JsonValue]) -> bool:
    """Whether values are texts, or texts that may be written as integers."""
    return schema.get("type") == "string" or schema.get("x-kubernetes-int-or-string") is True


def _optional(raw: Mapping[str, JsonValue], where: str) -> Schema:
    branches = raw["anyOf"]
    some = [_object(branch) for branch in branches if branch != {"type": "null"}] if isinstance(branches, list) else []
    if len(some) != 1:
        raise UnknownSchemaError(f"{where}: a union of several types has no structural form")
    return {**some[0], **{key: value for key, value in raw.items() if key != "anyOf"}}


def _without_nothing(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    return value


def _unwrapped(text: str) -> str:
    """A docstring with its line breaks undone, its paragraphs kept."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _object(value: JsonValue) -> Schema:
    if not isinstance(value, dict):
        raise UnknownSchemaError(f"a schema must be an object, not {value!r}")
    return value


def _objects(value: JsonValue) -> dict[str, Schema]:
    return {name: _object(part) for name, part in _object(value or {}).items()}
