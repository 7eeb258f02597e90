"""Places in JSON: patterns such as `spec.http[*].route[*]`, JSON pointers, and copies that leave places out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root."""
EVERY: Final = "[*]"
"""In a pattern: every item of the list."""
KEPT: Final = 4096
"""Patterns and pointers that are kept: the same few come again for every object, and are one text in memory."""
NOTHING: Final = object()
"""There is no such place."""


Pattern: TypeAlias = str | tuple[str, ...]
"""As a text, or as its parts where a key has a dot in it."""


@lru_cache(maxsize=KEPT)
def parsed(pattern: Pattern) -> tuple[str, ...]:
    """The parts of a pattern: keys, and `[*]` for every item of a list."""
    if isinstance(pattern, tuple):
        return pattern
    return tuple(part for part in pattern.replace(EVERY, f".{EVERY}").split(".") if part)


def to_list(pattern: Sequence[str]) -> tuple[str, ...]:
    """A pattern up to its first list: most lists are atomic, and belong to their writer as a whole."""
    parts = tuple(pattern)
    return parts[: parts.index(EVERY)] if EVERY in parts else parts


def walk(node: Any, pattern: Sequence[str], before: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401  (JSON)
    """The places under `node` that a pattern means, each with what stands there; places that are not there are left out."""
    if not pattern:
        yield before, node
    elif pattern[0] == EVERY:
        for index, item in enumerate(node if isinstance(node, list) else ()):
            yield from walk(item, pattern[1:], (*before, index))
    elif isinstance(node, dict) and pattern[0] in node:
        yield from walk(node[pattern[0]], pattern[1:], (*before, pattern[0]))


def at(node: Any, path: Iterable[str | int]) -> Any:  # noqa: ANN401  (JSON)
    """What stands at a place, or `NOTHING`."""
    for key in path:
        if isinstance(node, dict) and key in node:
            node = node[key]
            continue
        if not isinstance(node, list) or not isinstance(key, int) or key >= len(node):
            return NOTHING
        node = node[key]
    return node


@lru_cache(maxsize=KEPT)
def pointer(path: Path) -> str:
    """The place as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def without(node: Any, places: Iterable[Path]) -> Any:  # noqa: ANN401  (JSON)
    """A copy that leaves out these places below `node`; what is not on the way to one is not copied."""
    below: dict[str | int, list[Path] | None] = {}
    for first, *rest in places:
        known = below.setdefault(first, [])
        if not rest:
            below[first] = None
        elif known is not None:
            known.append(tuple(rest))
    if isinstance(node, list):
        return [kept for index, item in enumerate(node) if (kept := _kept(item, below.get(index, ()))) is not NOTHING]
    if not isinstance(node, dict):
        return node
    return {key: kept for key, item in node.items() if (kept := _kept(item, below.get(key, ()))) is not NOTHING}


def _kept(item: Any, places: Sequence[Path] | None) -> Any:  # noqa: ANN401  (JSON)
    """An item without what is left out below it; `NOTHING` where it is left out itself."""
    if places is None:
        return NOTHING
    return without(item, places) if places else item
