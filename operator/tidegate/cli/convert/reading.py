"""Parts of foreign manifests, read without trust: what has another shape than expected is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tidegate.api.values.scalars import Duration, Quantity

_GO_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s|d)")
LONGEST: Final = 100 * 365 * 86400.0
_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def mapping(item: object, *keys: str) -> Mapping[str, Any]:
    """The mapping that the keys lead to; empty when there is none."""
    for key in keys:
        item = item.get(key) if isinstance(item, Mapping) else None
    return item if isinstance(item, Mapping) else {}


def listing(item: object, key: str) -> list[Any]:
    """The list under a key; empty when there is none."""
    found = item.get(key) if isinstance(item, Mapping) else None
    return found if isinstance(found, list) else []


def mappings(item: object, key: str) -> Iterator[Mapping[str, Any]]:
    """The mappings in the list under a key."""
    return (one for one in listing(item, key) if isinstance(one, Mapping))


def text(item: Mapping[str, Any], key: str) -> str:
    """The text under a key; empty when there is none."""
    found = item.get(key)
    return "" if found is None or isinstance(found, dict | list) else str(found)


def seconds(value: object) -> float | None:
    """Seconds of a duration as Go writes it (`1h30m`), or of a plain number; `None` when it is neither."""
    written = str(value).strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", written):
        return float(written)
    parts = _GO_DURATION.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def as_duration(value: float) -> str:
    """Seconds as a duration of the API, to the millisecond; at most a hundred years."""
    left = round(min(value, LONGEST) * 1000)
    words = ""
    for name, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        words += f"{count}{name}" if count else ""
    Duration.parse(words or "0s")
    return words or "0s"


def as_quantity(value: object) -> str | None:
    """A number as a limit of the API; `None` when it cannot be one."""
    try:
        plain = f"{Decimal(str(value)).normalize():f}"
        Quantity.parse(plain)
    except (InvalidOperation, ValueError):
        return None
    return plain


def dns_label(name: str) -> str:
    """A name of a metric or step: lower case, digits and `-`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-") or "metric"
