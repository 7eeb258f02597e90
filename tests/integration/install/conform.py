"""Schemas for kubeconform, from the API server itself: strict, with the kinds that are installed in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from lab.api import Api

GVK: Final = "x-kubernetes-group-version-kind"
HERE: Final = "#/definitions/"
LOCATION: Final = "{{ .ResourceKind }}{{ .KindSuffix }}.json"


async def write_schemas(api: Api, folder: Path) -> str:
    """Writes a file for each kind. Returns: what kubeconform calls the schema location."""
    document = await api.request("GET", "/openapi/v2")
    definitions = {name: _strict(one) for name, one in document["definitions"].items()}
    for name, definition in definitions.items():
        for kind in definition.get(GVK, ()):
            group = f"-{kind['group'].split('.')[0]}" if kind["group"] else ""
            file = f"{kind['kind'].lower()}{group}-{kind['version']}.json"
            needed = {one: definitions[one] for one in _closure(name, definitions)}
            (folder / file).write_text(json.dumps({"$ref": f"{HERE}{name}", "definitions": needed}))
    return f"{folder}/{LOCATION}"


def _closure(name: str, definitions: dict[str, Any]) -> set[str]:
    """A definition and all that it refers to."""
    found, open_ = {name}, [name]
    while open_:
        text = json.dumps(definitions[open_.pop()])
        news = set(re.findall(rf'"\$ref": "{HERE}([^"]+)"', text)) - found
        found |= news
        open_ += news
    return found


def _strict(schema: Any) -> Any:  # noqa: ANN401  (JSON)
    """OpenAPI 2 as JSON schema: unknown fields refused, numbers-or-texts taken."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: _strict(value) for key, value in schema.items() if key != "format"}
    open_ended = "additionalProperties" in made or made.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and not open_ended:
        made["additionalProperties"] = False
    return made
