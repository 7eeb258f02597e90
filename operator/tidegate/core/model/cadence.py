"""The judging grid: every `interval` seconds, shifted by the Rollout's uid so that many Rollouts are spread over it."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache


def phase(uid: str, interval: float) -> float:
    """The grid's shift for this uid: 0 up to `interval` seconds."""
    return _fraction(uid) * interval


@lru_cache(maxsize=4096)
def _fraction(uid: str) -> float:
    digest = hashlib.sha256(uid.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def passed(uid: str, interval: float, before: float, now: float) -> bool:
    """Whether a point of the grid lies in (before, now]."""
    return _index(uid, interval, now) > _index(uid, interval, before)


def following(uid: str, interval: float, now: float) -> float:
    """The first point of the grid after `now` (epoch seconds)."""
    return (_index(uid, interval, now) + 1) * interval + phase(uid, interval)


def at_or_after(uid: str, interval: float, instant: float) -> float:
    """The first point of the grid not before `instant` (epoch seconds)."""
    return following(uid, interval, instant - interval * 1e-6 - 1e-6)


def _index(uid: str, interval: float, instant: float) -> int:
    return math.floor((instant - phase(uid, interval)) / interval + 1e-9)
