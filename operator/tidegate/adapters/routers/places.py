"""Where one number stands, how it is written there, and the JSON patch that does it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias

from tidegate.adapters.routers.paths import Path

Operation: TypeAlias = dict[str, Any]
"""One operation of a JSON patch (RFC 6902)."""


class Form(Enum):
    """How a number is written."""

    WHOLE = "whole number"
    TEXT = "text"
    """A whole number as a text: annotations have no other."""
    HUNDREDTHS = "hundredths"
    """A number with at most two decimals; in memory it counts hundredths."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one number stands."""

    pointer: str
    """JSON pointer in the object; empty for a number that is not written, because it is what the other leaves."""
    tests: tuple[tuple[str, object], ...] = ()
    """JSON pointers, and what must still stand there: the identity of the backend."""
    form: Form = Form.WHOLE
    there: bool = True
    """The number is there; an absent one has a meaning too."""
    inside: Path = ()
    """Where `pointer` is a text that holds JSON: the number's place in that; `text` is what it was read from."""
    text: str = ""


def operations(numbers: Sequence[tuple[Place, int]]) -> list[Operation]:
    """The JSON patch that sets these numbers, each tested on what it stands beside."""
    made: list[Operation] = []
    texts: dict[str, str] = {}
    for place, number in numbers:
        made += [{"op": "test", "path": path, "value": value} for path, value in place.tests]
        if place.inside:
            texts[place.pointer] = with_number(texts.get(place.pointer, place.text), place.inside, number)
        elif place.pointer:
            made.append(_set(place, number))
    return made + [{"op": "replace", "path": path, "value": text} for path, text in texts.items()]


def _set(place: Place, number: int) -> Operation:
    # In an object `add` sets a member whether or not it is there; in a list it would insert an item.
    in_list = place.pointer.rpartition("/")[2].isdecimal()
    return {"op": "replace" if in_list and place.there else "add", "path": place.pointer, "value": _form(place, number)}


def _form(place: Place, number: int) -> int | float | str:
    match place.form:
        case Form.WHOLE:
            return number
        case Form.TEXT:
            return str(number)
        case Form.HUNDREDTHS:
            return number // 100 if number % 100 == 0 else number / 100


def number_of(value: object, form: Form) -> int | None:
    """The number that stands somewhere; `None` when there is none, or it is not one that can be kept.

    Args:
        value: as read.
        form: how it is written.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) != (form is Form.TEXT):
        return None
    try:
        exact = Decimal(str(value)) * (_HUNDRED if form is Form.HUNDREDTHS else 1)
    except ArithmeticError:
        return None
    return int(exact) if exact.is_finite() and exact == exact.to_integral_value() and exact >= 0 else None


_HUNDRED: Final = Decimal(100)
_DECODER: Final = json.JSONDecoder()
_SPACE: Final = " \t\r\n"


def with_number(text: str, path: Path, number: int) -> str:
    """A JSON text with one number set, or added last to its object; every other character stays as it is.

    Args:
        text: a JSON text.
        path: the number's place in it, in an object that is there.
        number: what to write.
    """
    begin = _skipped(text, 0)
    for key in path[:-1]:
        begin = _members(text, begin)[key][0]
    members = _members(text, begin)
    if path[-1] in members:
        start, end = members[path[-1]]
        return f"{text[:start]}{number}{text[end:]}"
    last = max((end for _, end in members.values()), default=begin + 1)
    comma = "," if members else ""
    return f"{text[:last]}{comma}{json.dumps(str(path[-1]))}:{number}{text[last:]}"


def _members(text: str, begin: int) -> dict[str | int, tuple[int, int]]:
    """Where the values of the object or list that begins here begin and end, by key."""
    found: dict[str | int, tuple[int, int]] = {}
    is_object, position = text[begin] == "{", _skipped(text, begin + 1)
    while text[position] not in "}]":
        key: str | int = len(found)
        if is_object:
            key, position = _DECODER.raw_decode(text, position)
            position = _skipped(text, _skipped(text, position) + 1)
        _, end = _DECODER.raw_decode(text, position)
        found[key] = (position, end)
        position = _skipped(text, end)
        position = _skipped(text, position + 1) if text[position] == "," else position
    return found


def _skipped(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


def tests_of(pairs: Iterable[tuple[str, object]]) -> list[Operation]:
    """Operations that test what stands at JSON pointers."""
    return [{"op": "test", "path": path, "value": value} for path, value in pairs]
