"""The JSON schema of a world, for editors: made from the models, written to `docs/world.schema.json`."""

from __future__ import annotations

import json
from typing import Final

from pydantic import JsonValue

from tidegate.api.values.text import ONE_LINE
from tidegate.simulation.script import World

TITLE: Final = "A world for tidegate simulate"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"


def as_json() -> str:
    """The schema, as it is written to a file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_plain(World.model_json_schema(by_alias=True)),
        "title": TITLE,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _plain(value: JsonValue) -> dict[str, JsonValue]:
    found = _converted(value)
    return found if isinstance(found, dict) else {}


def _converted(value: JsonValue) -> JsonValue:
    """Kubernetes' numbers-or-texts in the words of JSON schema, descriptions on one line; without titles and RE2's own patterns."""
    if isinstance(value, list):
        return [_converted(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: _converted(one)
        for key, one in value.items()
        if key != INT_OR_STRING and not _is_title(key, one) and one != ONE_LINE
    }
    if isinstance(value.get("description"), str):
        kept["description"] = " ".join(str(value["description"]).split())
    return {"type": ["integer", "string"], **kept} if INT_OR_STRING in value else kept


def _is_title(key: str, value: JsonValue) -> bool:
    return key == "title" and isinstance(value, str)
