"""Tables of a JSON schema's fields: one for each object, in the order in which a manifest has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_LONGEST_PATTERN: Final = 60
"""Characters of a pattern that a reader can still read; what a longer one asks for is said by the description."""


@dataclass(frozen=True)
class _Objects:
    """One object of the schema, with the path of its fields."""

    path: str
    schema: Schema


def tables(schema: Schema, path: str, *, level: int = 2) -> Iterator[str]:
    """Markdown lines that describe every field below an object.

    Arguments:
        schema: an object's schema; `$ref` points to its `$defs`.
        path: the object's path, such as `spec`; empty for a whole file.
        level: the level of each table's heading.
    """
    definitions = schema.get("$defs", {})
    waiting, described = [_Objects(path, schema)], dict[str, str]()
    while waiting:
        one = waiting.pop(0)
        heading = f"`{one.path}`" if one.path else "The file"
        yield from ("", f"{'#' * level} {heading}", "")
        if text := _text(one.schema):
            yield from (text, "")
        fields = json.dumps(one.schema["properties"], sort_keys=True)
        if fields in described:
            yield f"It has the fields of `{described[fields]}`."
            continue
        described[fields] = one.path
        for rule in one.schema.get("x-kubernetes-validations", ()):
            yield f"- {_sentence(_cell(rule['message']))}"
        if one.schema.get("x-kubernetes-validations"):
            yield ""
        yield from ("| field | type | meaning |", "|---|---|---|")
        below = []
        for name, field in one.schema.get("properties", {}).items():
            resolved = _resolved(field, definitions)
            required = name in one.schema.get("required", ())
            yield f"| `{name}` | {_type(resolved, definitions)} | {_meaning(resolved, required=required)} |"
            inner, suffix = _inner(resolved, definitions)
            if inner is not None:
                below.append(_Objects(".".join(part for part in (one.path, name + suffix) if part), inner))
        waiting = below + waiting


def _resolved(field: Schema, definitions: Schema) -> Schema:
    """The field's own schema: without a reference, and without the alternative of being absent."""
    if "anyOf" in field:
        choices = [one for one in field["anyOf"] if one.get("type") != "null"]
        if len(choices) == 1:
            return {**_resolved(choices[0], definitions), **{k: v for k, v in field.items() if k != "anyOf"}}
    if "$ref" in field:
        target = _resolved(definitions[field["$ref"].rpartition("/")[2]], definitions)
        return {**target, **{key: value for key, value in field.items() if key != "$ref"}}
    return field


def _inner(field: Schema, definitions: Schema) -> tuple[Schema | None, str]:
    """The object whose fields are described in a table of their own, and what its path has after the field's name."""
    if field.get("properties"):
        return field, ""
    if isinstance(field.get("items"), dict):
        inner, suffix = _inner(_resolved(field["items"], definitions), definitions)
        return inner, f"[]{suffix}"
    if (values := _values(field)) is not None:
        inner, suffix = _inner(_resolved(values, definitions), definitions)
        return inner, f".NAME{suffix}"
    return None, ""


def _values(field: Schema) -> Schema | None:
    """The schema of a map's values."""
    for choice in (field.get("additionalProperties"), *field.get("patternProperties", {}).values()):
        if isinstance(choice, Mapping):
            return choice
    return None


def _type(field: Schema, definitions: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(_resolved(one, definitions), definitions) for one in field["anyOf"]))
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return f"list of {_plural(_type(_resolved(field.get('items', {}), definitions), definitions))}"
    if (values := _values(field)) is not None:
        return f"map to {_type(_resolved(values, definitions), definitions)}"
    return str(field.get("type", "any"))


def _plural(word: str) -> str:
    return f"{word}s" if word in {"object", "string", "integer", "number", "boolean"} else word


def _meaning(field: Schema, *, required: bool) -> str:
    parts = ["**Required.**"] if required else []
    parts.append(_cell(_text(field)))
    bounds = [
        words.format(field[key])
        for key, words in (
            ("minimum", "at least {}"),
            ("exclusiveMinimum", "more than {}"),
            ("maximum", "at most {}"),
            ("exclusiveMaximum", "less than {}"),
            ("minItems", "{} or more items"),
            ("maxItems", "at most {} items"),
            ("maxProperties", "at most {} entries"),
            ("maxLength", "at most {} characters"),
        )
        if key in field and not (key.startswith("min") and not field[key])
    ]
    if bounds:
        parts.append(_sentence(", ".join(bounds)))
    if len(field.get("pattern", "")) in range(1, _LONGEST_PATTERN) and "enum" not in field:
        parts.append(f"Pattern: `{_cell(field['pattern'])}`.")
    if field.get("default") not in (None, "", {}, []) and not isinstance(field["default"], dict):
        parts.append(f"Default: `{_cell(_value(field['default']))}`.")
    parts += [_sentence(_cell(rule["message"])) for rule in field.get("x-kubernetes-validations", ())] * (
        not field.get("properties")
    )
    return " ".join(part for part in parts if part)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(schema: Schema) -> str:
    return _sentence(" ".join(str(schema.get("description", "")).replace("``", "`").split()))


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".:!?" else f"{text[0].upper()}{text[1:]}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
