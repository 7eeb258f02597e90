"""The `fractional` operation of OpenFeature's flagd: a list of [variant, weight] pairs somewhere in a flag's targeting. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.adapters.routers.paths import Path, at, pointer, without
from tidegate.adapters.routers.places import Form, Place, number_of
from tidegate.adapters.routers.shapes.shape import Found, Numbers
from tidegate.adapters.routers.views import Backend, RuleView, digest

FLAGS: Final = ("spec", "flagSpec", "flags")
OPERATION: Final = "fractional"
PAIR: Final = 2
"""Members of a pair: the variant, and its weight, which may be missing."""


@dataclass(frozen=True)
class Fractional:
    """Each flag is a rule; where a flag has several of these operations, the second is `FLAG.1`, and so on."""

    numbers: Numbers

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        flags = at(raw, FLAGS)
        rules, weights = [], []
        for key, flag in flags.items() if isinstance(flags, Mapping) else ():
            for number, (path, pairs) in enumerate(_operations(flag, (*FLAGS, key))):
                rule, of_rule = self._rule(f"{key}.{number}" if number else key, path, pairs)
                rules.append(rule)
                weights += of_rule
        return Found(tuple(rules), without(raw.get("spec"), [path[1:] for path in weights]), (FLAGS,))

    def _rule(self, label: str, path: Path, pairs: list[Any]) -> tuple[RuleView, list[Path]]:
        backends, weights, unreadable, count = [], [], "", 0
        for index, pair in enumerate(pairs):
            if not isinstance(pair, list) or not pair:  # the expression that makes the bucket comes first
                continue
            count += 1
            weights.append((*path, index, 1))
            there = len(pair) >= PAIR
            number = number_of(pair[1], Form.WHOLE) if there else self.numbers.absent
            if number is None or not isinstance(pair[0], str):
                unreadable = unreadable or f"{pair!r} is not a pair of a variant and a whole number"
                continue
            tests = ((pointer((*path, index, 0)), pair[0]),)
            place = Place(pointer((*path, index, 1)), tests, there=there)
            backends.append(Backend((pair[0],), number, place))
        identity = digest([pair[:1] if isinstance(pair, list) else pair for pair in pairs])
        most = self.numbers.most
        return RuleView(label, tuple(backends), count, identity, (), None, most, unreadable), weights


def _operations(node: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:  # noqa: ANN401  (JSON)
    """The operations below a node, in order."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == OPERATION and isinstance(value, list):
                yield (*path, key), value
            else:
                yield from _operations(value, (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _operations(item, (*path, index))
