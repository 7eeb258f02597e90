"""Two numbers anywhere in an object, by JSON pointers, at the places that the administrator allows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from tidegate.adapters.routers.paths import Path, at, parsed, pointer, to_list, walk, without
from tidegate.adapters.routers.places import Place, number_of
from tidegate.adapters.routers.shapes.shape import Found, Numbers
from tidegate.adapters.routers.views import Backend, RuleView, digest

LABEL = "weights"


@dataclass(frozen=True)
class Pointers:
    """One rule: every number at an allowed place."""

    allowed: tuple[str, ...]
    """Patterns of the places, such as `spec.traffic[*].percent`."""
    numbers: Numbers

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        backends, unreadable = [], ""
        weights: list[Path] = []
        for path in self._places(raw):
            weights.append(path)
            found = at(raw, path)
            there = isinstance(found, int | float | str)
            number = number_of(found, self.numbers.form) if there else self.numbers.absent
            if number is None:
                unreadable = unreadable or f"{pointer(path)} holds no {self.numbers.form.value}"
            names = tuple(_names(raw, path))
            backends.append(
                Backend(names, number or 0, Place(pointer(path), _tests(raw, path), self.numbers.form, there))
            )
        frame = without(raw.get("spec"), [path[1:] for path in weights])
        total, most = self.numbers.total, self.numbers.most
        rule = RuleView(LABEL, tuple(backends), len(backends), digest(frame), (), total, most, unreadable)
        owned = tuple(to_list(parsed(pattern)) for pattern in self.allowed)
        return Found((rule,) if backends else (), frame, owned)

    def _places(self, raw: Mapping[str, Any]) -> Iterator[Path]:
        """The allowed places: the member may be absent where its object is there."""
        for pattern in map(parsed, self.allowed):
            for path, parent in walk(raw, pattern[:-1]):
                if isinstance(parent, Mapping):
                    yield (*path, pattern[-1])


def _names(raw: Mapping[str, Any], path: Path) -> Iterator[str]:
    """The pointers that mean a place: by position, and by each field that tells the item of a list from the others."""
    choices: list[list[str]] = []
    for depth, key in enumerate(path):
        parent = at(raw, path[:depth])
        plain = pointer((key,))
        choices.append(
            [plain, *_selectors(parent, key)] if isinstance(parent, list) and isinstance(key, int) else [plain]
        )
    yield from ("".join(parts) for parts in product(*choices))


def _selectors(items: list[Any], index: int) -> Iterator[str]:
    item = items[index]
    for field, value in item.items() if isinstance(item, Mapping) else ():
        alike = [one for one in items if isinstance(one, Mapping) and one.get(field) == value]
        if isinstance(value, str) and len(alike) == 1:
            yield pointer((f"[{field}={value}]",))


def _tests(raw: Mapping[str, Any], path: Path) -> tuple[tuple[str, object], ...]:
    """Every text beside the number: what makes its item this one."""
    parent = at(raw, path[:-1])
    beside = parent.items() if isinstance(parent, Mapping) else ()
    return tuple(
        (pointer((*path[:-1], key)), value) for key, value in beside if isinstance(value, str) and key != path[-1]
    )
