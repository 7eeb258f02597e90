"""Users of a flag: 100,000 keys by flagd's published bucket formula, over the weights that the operator would write."""

from __future__ import annotations

import json
from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from math import sqrt
from typing import Any

import pytest

from tidegate.adapters.routers.places import operations
from tidegate.adapters.routers.rows.flags import FEATURE_FLAG
from tidegate.adapters.routers.views import route_of
from tidegate.core.model.world import Route, TargetRef
from tidegate.core.traffic import weights

KEYS = 100_000
REF = TargetRef("shop", "FeatureFlag", "checkout", "off", "on", ("new-checkout",))
STEPS = ("0", "5", "25", "50", "100", "0")
WORD = 0xFFFFFFFF


def murmur3(key: bytes) -> int:
    """MurmurHash3 x86, 32 bits, seed 0."""
    found, whole = 0, len(key) & ~3
    for place in range(0, whole, 4):
        block = (int.from_bytes(key[place : place + 4], "little") * 0xCC9E2D51) & WORD
        found ^= (((block << 15) | (block >> 17)) * 0x1B873593) & WORD
        found = (((found << 13) | (found >> 19 & 0x1FFF)) * 5 + 0xE6546B64) & WORD
    rest = (int.from_bytes(key[whole:], "little") * 0xCC9E2D51) & WORD
    found ^= (((rest << 15) | (rest >> 17)) * 0x1B873593) & WORD
    found ^= len(key)
    found = ((found ^ found >> 16) * 0x85EBCA6B) & WORD
    found = ((found ^ found >> 13) * 0xC2B2AE35) & WORD
    return found ^ found >> 16


@lru_cache
def hashes() -> tuple[int, ...]:
    return tuple(murmur3(f"new-checkoutuser-{number}".encode()) for number in range(KEYS))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 0),
        ("test", 0xBA6BD213),
        ("Hello, world!", 0xC0363E43),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_the_hash_is_the_published_one(text: str, wanted: int) -> None:
    assert murmur3(text.encode()) == wanted


def flag(*pairs: list[Any]) -> dict[str, Any]:
    """A flag whose whole targeting is the fractional operation."""
    targeting = {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, *pairs]}
    definition = {"state": "ENABLED", "defaultVariant": "off", "variants": {"on": True, "off": False, "third": False}}
    spec = {"flagSpec": {"flags": {"new-checkout": {**definition, "targeting": targeting}}}}
    return {"metadata": {"uid": "u", "generation": 1, "namespace": "shop", "resourceVersion": "1"}, "spec": spec}


def pairs_of(raw: dict[str, Any]) -> list[list[Any]]:
    found: list[list[Any]] = raw["spec"]["flagSpec"]["flags"]["new-checkout"]["targeting"]["fractional"][1:]
    return found


def served(raw: dict[str, Any]) -> list[str]:
    """The variant of each key: `hash * total >> 32`, in ranges that are cumulative in the order of the list."""
    ranges = [(pair[0], pair[1] if len(pair) > 1 else 1) for pair in pairs_of(raw)]
    total = sum(weight for _, weight in ranges)
    ends = list(accumulate(weight for _, weight in ranges))
    names = [name for name, _ in ranges]
    return [names[bisect_right(ends, one * total >> 32)] for one in hashes()]


def written(raw: dict[str, Any], percent: str) -> dict[str, Any]:
    """The object after the operator has set a weight: by the row's places and its JSON patch."""
    route = route_of(FEATURE_FLAG.view(raw), REF)
    assert isinstance(route, Route)
    [pair] = route.pairs
    total = weights.sum_alone([Decimal(one) for one in STEPS], pair)
    numbers = weights.numbers(Decimal(percent), pair, total)
    changed: dict[str, Any] = json.loads(json.dumps(raw))
    for operation in operations(list(zip(route.handle.places[pair.rule], numbers, strict=True))):
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place: Any = changed
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if operation["op"] == "test":
            assert place[int(last)] == operation["value"]
        elif operation["op"] == "replace":
            place[int(last)] = operation["value"]
        else:
            place.insert(int(last), operation["value"])
    return changed


@pytest.mark.parametrize("first", ["on", "off"])
def test_a_raise_moves_users_one_way_only_and_a_revert_takes_all_of_them_back(first: str) -> None:
    other = "off" if first == "on" else "on"
    found = {"on": 0, "off": 100}
    raw = flag([first, found[first]], [other, found[other]])
    before = served(raw)
    assert set(before) == {"off"}
    for percent in STEPS[1:-1]:
        raw = written(raw, percent)
        assert [pair[0] for pair in pairs_of(raw)] == [first, other], "the order is kept"
        assert sum(pair[1] for pair in pairs_of(raw)) == 100, "and so is the sum"
        now = served(raw)
        moved = {(old, new) for old, new in zip(before, now, strict=True) if old != new}
        assert moved <= {("off", "on")}, percent
        share, wanted = now.count("on") / KEYS, float(percent) / 100
        assert abs(share - wanted) <= 5 * sqrt(wanted * (1 - wanted) / KEYS), percent
        before = now
    assert set(served(written(raw, "0"))) == {"off"}


def test_users_of_a_third_variant_stay_where_they_are() -> None:
    raw = flag(["on", 0], ["off", 60], ["third", 40])
    third = [place for place, name in enumerate(served(raw)) if name == "third"]
    for percent in STEPS[1:]:
        raw = written(raw, percent)
        assert pairs_of(raw)[2] == ["third", 40]
        assert [place for place, name in enumerate(served(raw)) if name == "third"] == third


def test_a_weight_that_is_missing_is_added_and_moves_users_one_way() -> None:
    raw = written(flag(["on", 0], ["off"]), "25")
    assert pairs_of(raw) == [["on", 25], ["off", 75]]
