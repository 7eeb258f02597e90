"""`-o`: an object or a list of objects as JSON, YAML or names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from tidegate.adapters.kubernetes.resources import COMMANDS, ROLLOUTS, Resource
from tidegate.api.values.text import printable

FORMATS: Final = ("json", "yaml", "name")
_RESOURCES: Final = {one.kind: one for one in (ROLLOUTS, COMMANDS)}


def add_output_argument(parser: argparse.ArgumentParser, *more: str) -> None:
    """`-o`, with further formats beside those of every object."""
    parser.add_argument("-o", "--output", choices=(*more, *FORMATS), help="output format; by default text")


def formatted(value: Mapping[str, Any], output: str) -> str:
    """One object in the format that `-o` names, with a line break at its end."""
    match output:
        case "name":
            return name_of(value) + "\n"
        case "json":
            return as_json(value)
        case _:
            return as_yaml(value)


def formatted_list(items: Sequence[Mapping[str, Any]], output: str) -> str:
    """A list in the format that `-o` names, as kubectl writes one."""
    if output == "name":
        return "".join(f"{name_of(item)}\n" for item in items)
    return formatted({"apiVersion": "v1", "kind": "List", "items": list(items)}, output)


def as_json(value: object) -> str:
    """Indented JSON."""
    return json.dumps(value, indent=2) + "\n"


def as_yaml(value: object) -> str:
    """YAML in the order given."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=120)


def name_of(item: Mapping[str, Any]) -> str:
    """Such as `rollout.tidegate.dev/checkout`."""
    resource: Resource = _RESOURCES[str(item["kind"])]
    return printable(f"{resource.kind.lower()}.{resource.group}/{item['metadata']['name']}")


def complete(item: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """The object with its kind, which those of a list lack, and without the bookkeeping of field managers."""
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key != "managedFields"}
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item, "metadata": metadata}
