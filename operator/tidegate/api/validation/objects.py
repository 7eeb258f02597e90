"""What an object is called: `metadata`, as the API server takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tidegate.api.validation.problems import Problem
from tidegate.api.values.names import LONGEST_ROLLOUT_NAME
from tidegate.api.values.scalars import SUBDOMAIN

LONGEST_NAME: Final = 253
"""Characters of an object's name (a DNS subdomain)."""

_NAME: Final = re.compile(SUBDOMAIN)
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST: Final = {"Rollout": LONGEST_ROLLOUT_NAME}


def metadata_problems(manifest: Mapping[str, object]) -> Iterator[Problem]:
    """What is wrong with the name and the namespace of an object. A part of one, without `kind`, has neither."""
    if "kind" not in manifest:
        return
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        what = "is required" if metadata is None else "must be an object with fields"
        yield Problem(("metadata",), what)
        return
    name = metadata.get("name")
    if name is None and not metadata.get("generateName"):
        yield Problem(("metadata", "name"), "is required")
    elif name is not None and (fault := name_fault(name, _LONGEST.get(str(manifest["kind"]), LONGEST_NAME))):
        yield Problem(("metadata", "name"), fault)
    namespace = metadata.get("namespace")
    if namespace is not None and (fault := namespace_fault(namespace)):
        yield Problem(("metadata", "namespace"), fault)


def name_fault(name: object, longest: int = LONGEST_NAME) -> str:
    """Why this cannot be the name of an object; empty when it can."""
    if not isinstance(name, str):
        return "must be a string; write it in quotes"
    if len(name) > longest:
        return f"has {len(name)} characters; at most {longest} are allowed"
    return (
        "" if _NAME.fullmatch(name) else f"{name!r} is not a valid name: write lower-case letters, digits, '-' and '.'"
    )


def namespace_fault(name: object) -> str:
    """Why this cannot be the name of a namespace; empty when it can."""
    if not isinstance(name, str):
        return "must be a string; write it in quotes"
    if len(name) > 63:
        return f"has {len(name)} characters; at most 63 are allowed"
    return (
        ""
        if _NAMESPACE.fullmatch(name)
        else f"{name!r} is not a valid namespace: write lower-case letters, digits and '-'"
    )
