"""List types in the schema: which lists are sets or maps, and by which fields.

Written into the schema of a field with `json_schema_extra`; server-side apply then also merges such lists item by item.
"""

from __future__ import annotations

from pydantic.config import JsonDict


def unique_by(*fields: str) -> JsonDict:
    """A list of objects that differ in these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(fields)}


def unique() -> JsonDict:
    """A list of different texts."""
    return {"x-kubernetes-list-type": "set"}
