"""A pod template as digests of its fields: what versions are compared by, without keeping the templates.

A field's path is how people write it in `promotion.exclude` and read it in messages:
`containers[app].image`, `containers[app].env[LOG_LEVEL]`, `volumes[config]`, `annotations.checksum/config`,
`serviceAccountName`. Labels and scheduling have paths as well: they are told when the arms differ in them, and make no version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import Any, Final

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""`kubectl rollout restart` writes it: the same version, started again."""

SCHEDULING: Final = frozenset(
    {
        "affinity",
        "nodeName",
        "nodeSelector",
        "priorityClassName",
        "schedulerName",
        "tolerations",
        "topologySpreadConstraints",
    }
)
"""Where pods run is each Deployment's own: not a part of the version, and never promoted."""

ALIASES: Final = {"serviceAccount": "serviceAccountName"}
"""Deprecated names: the API server keeps both equal, so they are one field."""

_LISTS: Final = ("containers", "initContainers")
_SIZE: Final = 8
"""Bytes of a field's digest."""
_DIGITS: Final = 20
"""Hex digits of a fingerprint."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one pod template, in its order."""

    paths: tuple[str, ...] = ()
    digests: bytes = b""
    """Eight bytes for each path."""

    def fingerprint(self, exclude: Collection[str] = ()) -> str:
        """The identity of the version: 20 hex digits over all fields that make one, except those excluded."""
        return _fingerprint(self, tuple(exclude))

    def version(self, exclude: Collection[str] = ()) -> dict[str, bytes]:
        """The digests of the fields that make the version, by path."""
        return {path: digest for path, digest in self._pairs() if makes_version(path, exclude)}

    def others(self, exclude: Collection[str] = ()) -> dict[str, bytes]:
        """The digests of all other fields: labels, scheduling, and those excluded."""
        return {path: digest for path, digest in self._pairs() if not makes_version(path, exclude)}

    def _pairs(self) -> Iterator[tuple[str, bytes]]:
        for index, path in enumerate(self.paths):
            yield path, self.digests[index * _SIZE : (index + 1) * _SIZE]


@lru_cache(maxsize=4096)
def _fingerprint(fields: Fields, exclude: tuple[str, ...]) -> str:
    made = hashlib.sha256()
    for path, digest in fields._pairs():  # noqa: SLF001  (this module's own)
        if makes_version(path, exclude):
            made.update(path.encode() + b"\0" + digest)
    return made.hexdigest()[:_DIGITS]


def template_fields(template: Mapping[str, Any], ignored_annotations: Collection[str] = ()) -> Fields:
    """The fields of a pod template.

    Args:
        template: `spec.template` of a Deployment as the API server returns it (defaults filled in).
        ignored_annotations: names of annotations that do not make a version, beside `restartedAt`.
    """
    found = [(path, value) for path, value in _values(template, ignored_annotations) if value not in (None, {}, [], "")]
    return Fields(_shared(tuple(path for path, _ in found)), b"".join(_digest(value) for _, value in found))


def makes_version(path: str, exclude: Collection[str] = ()) -> bool:
    """Whether a field is part of the version."""
    root = path.partition(".")[0]
    return root != "labels" and path not in SCHEDULING and not excluded(path, exclude)


def excluded(path: str, exclude: Collection[str]) -> bool:
    """Whether a field is one of `exclude`, or a part of one."""
    return any(_covers(one, path) for one in exclude)


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> tuple[str, ...]:
    """The paths in which two templates differ, sorted; one whole container or the order of a list is one path."""
    paths = {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}
    if not paths and list(one) != list(other):
        moved = next(mine for mine, theirs in zip(one, other, strict=True) if mine != theirs)
        return (f"{moved.rpartition('[')[0]} (their order)",)
    return tuple(
        sorted({_item(path) if (_item(path) in one) is not (_item(path) in other) else path for path in paths})
    )


def in_words(paths: Collection[str], most: int = 8) -> str:
    """Some paths as a message has them: the first `most`, and how many there are beside."""
    shown = ", ".join(path[:120] for path in list(paths)[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"


def _covers(exclusion: str, path: str) -> bool:
    if exclusion == path:
        return True
    if path.startswith("annotations."):
        return exclusion == "annotations"
    return path.startswith((f"{exclusion}.", f"{exclusion}["))


def _item(path: str) -> str:
    """The list's item a path is in, such as `containers[app]` of `containers[app].image`; else the path."""
    return f"{path.partition(']')[0]}]" if path.startswith(_LISTS) and "]" in path else path


# What has a name is there even when it is empty: such a value is given as a list of one.


def _values(template: Mapping[str, Any], ignored: Collection[str]) -> Iterator[tuple[str, Any]]:
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    for key, value in sorted((metadata.get("labels") or {}).items()):
        yield f"labels.{key}", value
    for key, value in sorted((metadata.get("annotations") or {}).items()):
        if key != RESTARTED_AT and key not in ignored:
            yield f"annotations.{key}", [value]
    for key in sorted(spec):
        if key in _LISTS:
            for container in spec[key] or ():
                yield from _of_container(f"{key}[{_name(container)}]", container)
        elif key == "volumes":
            for volume in sorted(spec[key] or (), key=_name):
                yield f"volumes[{_name(volume)}]", [volume]
        elif key not in ALIASES or ALIASES[key] not in spec:
            yield ALIASES.get(key, key), spec[key]


def _of_container(where: str, container: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield where, [_name(container)]
    for key in sorted(container):
        if key == "env":
            for variable in container[key] or ():
                yield f"{where}.env[{_name(variable)}]", [variable]
        elif key != "name":
            yield f"{where}.{key}", container[key]


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("name", ""))


def _digest(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:_SIZE]


@lru_cache(maxsize=4096)
def _shared(paths: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all templates of one shape: both arms of every Rollout have the same paths."""
    return tuple(intern(path) for path in paths)
