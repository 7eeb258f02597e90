"""Reads back what an operator of any version has stored: what this version cannot read is left out piece by piece, and said.

A stored status or spec may come from a newer version (unknown fields and values), from an older one, or from somebody's
editor. One unreadable part must not make the rest unreadable: a run whose guards are forgotten is a missed revert.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root."""

MOST_REPAIRS: Final = 500
"""Pieces left out of one object before it counts as unreadable as a whole."""

STAND_INS: Final[tuple[Any, ...]] = (0, "", {})
"""What stands in for a required field that is missing: 0 is also the instant 1970-01-01."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class LeftOut:
    """One piece that was not read."""

    path: Path
    """Where it stood, in the data as stored."""
    value: Any
    """What stood there."""
    why: str
    """The validation's words."""

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.why}"


@dataclass(frozen=True)
class ReadBack(Generic[M]):
    """What could be read."""

    value: M | None
    """`None`: nothing could."""
    left_out: tuple[LeftOut, ...] = ()
    """The pieces that are not in `value`, in the order in which they were found."""


def read_back(model: type[M], data: object) -> ReadBack[M]:
    """`data` as `model`, without the pieces that the model refuses.

    A refused value is removed. Where it, or a missing field, is required, a neutral value stands in if the object is not an
    item of a list; an item of a list is removed whole.

    Args:
        model: what to read it as.
        data: as on the wire.

    Returns: the model with what was left out; never raises.
    """
    try:
        return ReadBack(model.model_validate(data))
    except ValidationError as error:
        first = error
    if not isinstance(data, Mapping):
        return ReadBack(None, (LeftOut((), data, str(first.errors()[0]["msg"])),))
    rest: Any = copy.deepcopy(dict(data))
    left_out: list[LeftOut] = []
    moved: dict[Path, list[int]] = {}
    for _ in range(MOST_REPAIRS):
        try:
            return ReadBack(model.model_validate(rest), tuple(left_out))
        except ValidationError as error:
            found = _repaired(model, rest, error)
        if found is None:
            break
        left_out.append(LeftOut(_original(found.path, moved), found.value, found.why))
        if found.path and isinstance(found.path[-1], int):
            moved.setdefault(found.path[:-1], []).append(found.path[-1])
    return ReadBack(None, (LeftOut((), data, str(first.errors()[0]["msg"])),))


def with_left_out(data: dict[str, Any], left_out: tuple[LeftOut, ...]) -> dict[str, Any]:
    """`data` with the pieces that were not read put where they stood, unless something else stands there now.

    Args:
        data: as it will be stored; not changed.
        left_out: from `read_back`.

    Returns: the data to store.
    """
    if not left_out:
        return data
    whole = copy.deepcopy(data)
    for piece in left_out:
        parent: Any = whole
        for key in piece.path[:-1]:
            parent = _step(parent, key)
        if not piece.path:
            continue
        last = piece.path[-1]
        if isinstance(parent, dict) and isinstance(last, str):
            if piece.value is not None and parent.get(last) in _EMPTY:
                parent[last] = piece.value
        elif isinstance(parent, list) and isinstance(last, int) and piece.value not in parent:
            parent.insert(min(last, len(parent)), piece.value)
    return whole


def dotted(path: Path) -> str:
    """A path for people, such as `run.begun[2].time`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "the object"


def _repaired(model: type[M], rest: Any, error: ValidationError) -> LeftOut | None:  # noqa: ANN401  (JSON)
    """Takes the first thing wrong out of `rest`; `None` when nothing can be taken out."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = _reachable(rest, tuple(wrong["loc"]))
    why = str(wrong["msg"])
    if wrong["type"] == "missing":
        name = str(wrong["loc"][-1])
        if not _in_list(path) and _stood_in(model, rest, path, name):
            return LeftOut((*path, name), None, why)
    return _removed(rest, path, why)


def _reachable(rest: Any, location: Path) -> Path:  # noqa: ANN401  (JSON)
    """The longest beginning of a validation error's location that exists in the data (it also names unions and the like)."""
    found: list[str | int] = []
    for key in location:
        below = _step(rest, key)
        if below is _NOTHING:
            break
        found.append(key)
        rest = below
    return tuple(found)


def _stood_in(model: type[M], rest: Any, path: Path, name: str) -> bool:  # noqa: ANN401  (JSON)
    parent = rest
    for key in path:
        parent = _step(parent, key)
    if not isinstance(parent, dict):
        return False
    for stand_in in STAND_INS:
        parent[name] = stand_in
        try:
            model.model_validate(rest)
        except ValidationError as error:
            if not any(one["loc"][: len(path) + 1] == (*path, name) for one in error.errors()):
                return True
        else:
            return True
    del parent[name]
    return False


def _removed(rest: Any, path: Path, why: str) -> LeftOut | None:  # noqa: ANN401  (JSON)
    if not path:
        return None
    parent = rest
    for key in path[:-1]:
        parent = _step(parent, key)
    value = parent[path[-1]]
    del parent[path[-1]]
    return LeftOut(path, value, why)


def _in_list(path: Path) -> bool:
    return any(isinstance(key, int) for key in path)


def _original(path: Path, moved: Mapping[Path, list[int]]) -> Path:
    """The path in the data as stored: items removed before it have moved the later ones up."""
    found: Path = ()
    for key in path:
        if isinstance(key, int):
            for removed in reversed(moved.get(path[: len(found)], [])):
                key += removed <= key  # noqa: PLW2901  (the position before that removal)
        found = (*found, key)
    return found


_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
"""What a model writes for a field of which it knows nothing."""


class _Nothing:
    """There is no such key."""


_NOTHING: Final = _Nothing()


def _step(node: Any, key: str | int) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(node, dict) and key in node:
        return node[key]
    if isinstance(node, list) and isinstance(key, int) and 0 <= key < len(node):
        return node[key]
    return _NOTHING
