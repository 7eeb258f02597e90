"""What a test has gathered, as one text in status: versioned, bounded, and read by nobody but the tests on counts.

`VERSION.` and, compressed and in base64, the kind of test, its own numbers, and for each segment its numbers and logarithms.
With many segments numbers are kept in single precision, so that 64 of them fit into status; logarithms always are: a thousandth
that is rounded the same way in 20,000 windows would be 20.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

VERSION: Final = "3"
READABLE: Final = frozenset({"1", "2", VERSION})
"""Version 1 has no usual rate (statistics/usual.py) and no wide blocks of averages: it is read, and what is missing is learnt anew.
In versions 1 and 2 regressions that begin late had less weight (statistics/change_point.py): they are read, and weighted anew."""

FEW: Final = 4
"""Segments that are kept in full precision."""


class Kind(StrEnum):
    """Of test."""

    REGRESSION = "r"
    LIMIT = "l"
    SPLIT = "s"


@dataclass(frozen=True)
class SegmentState:
    """One segment's."""

    numbers: Sequence[float]
    """First the requests of the baseline and bad ones among them, then those of the candidate."""
    logs: Sequence[float] = ()
    """Logarithms, of which a thousandth is enough."""


@dataclass(frozen=True)
class State:
    """A test's."""

    kind: Kind
    numbers: Sequence[float] = ()
    segments: Mapping[str, SegmentState] = field(default_factory=dict)
    """By their labels, as PromQL writes them; empty without `by`."""
    version: str = VERSION
    """In which it was written."""

    @property
    def totals(self) -> tuple[float, float, float, float]:
        """The requests of all segments: the baseline's and bad ones among them, then the candidate's."""
        counts = [one.numbers[:4] for one in self.segments.values()]
        first, second, third, fourth = (sum(one[place] for one in counts) for place in range(4))
        return first, second, third, fourth


def packed(state: State) -> str:
    """The text for status."""
    number = "d" if len(state.segments) <= FEW else "f"
    parts = [struct.pack("<ss", state.kind.encode(), number.encode()), _packed(state.numbers, "d")]
    for labels, segment in state.segments.items():
        name = labels.encode()
        parts += [struct.pack("<H", len(name)), name, _packed(segment.numbers, number), _packed(segment.logs, "f")]
    return f"{VERSION}.{base64.b64encode(zlib.compress(b''.join(parts), 9)).decode()}"


def unpacked(text: str) -> State | None:
    """What a text holds; `None` for one of an unknown version, or one that cannot be read: the test then counts anew."""
    version, _, rest = text.partition(".")
    if version not in READABLE:
        return None
    try:
        return replace(_read(zlib.decompress(base64.b64decode(rest, validate=True))), version=version)
    except (ValueError, struct.error, zlib.error, binascii.Error):
        return None


def _read(data: bytes) -> State:
    kind, number = (one.decode() for one in struct.unpack_from("<ss", data))
    if number not in {"d", "f"}:
        raise ValueError(f"precision {number}")
    numbers, place = _unpacked(data, 2, "d")
    segments = {}
    while place < len(data):
        (length,) = struct.unpack_from("<H", data, place)
        name, place = data[place + 2 : place + 2 + length].decode(), place + 2 + length
        own, place = _unpacked(data, place, number)
        logs, place = _unpacked(data, place, "f")
        segments[name] = SegmentState(own, logs)
    return State(Kind(kind), numbers, segments)


def _packed(values: Sequence[float], code: str) -> bytes:
    return struct.pack(f"<H{len(values)}{code}", len(values), *values)


def _unpacked(data: bytes, place: int, code: str) -> tuple[tuple[float, ...], int]:
    (count,) = struct.unpack_from("<H", data, place)
    form = f"<{count}{code}"
    return struct.unpack_from(form, data, place + 2), place + 2 + struct.calcsize(form)
