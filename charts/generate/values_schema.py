"""`values.schema.json`: the model of the values, with the operator's settings in the place of `config`."""

from __future__ import annotations

import json
from typing import Any

from charts.generate.values import Values
from tidegate.runtime.settings import Settings

ELSEWHERE = ("namespaces", "routers", "reports", "commandPolicy")
"""The keys of the settings that the chart fills in itself, because other objects depend on them too."""


def as_json() -> str:
    """The schema, as it is written to a file."""
    return json.dumps(_without_titles(schema()), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The schema of `values.yaml`."""
    values, settings = (model.model_json_schema(by_alias=True) for model in (Values, Settings))
    for key in ELSEWHERE:
        del settings["properties"][key]
    definitions = {**values.pop("$defs"), **settings.pop("$defs")}
    description = values["properties"]["config"]["description"]
    values["properties"]["config"] = settings | {"description": description}
    values.pop("required")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": values.pop("title")}
    return {**head, **values, "$defs": definitions}


def _without_titles(value: Any, *, names: bool = False) -> Any:  # noqa: ANN401  (JSON)
    """Pydantic's titles repeat the names. `names`: the keys are names of properties, among which may be a `title`."""
    if isinstance(value, list):
        return [_without_titles(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_titles(one, names=key in {"properties", "patternProperties", "$defs"})
        for key, one in value.items()
        if names or key != "title" or one == Values.model_config.get("title")
    }
