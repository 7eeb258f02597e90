"""Instants as people write them on the command line: RFC 3339, as in a Rollout's gate."""

from __future__ import annotations

import argparse
from datetime import datetime

from tidegate.api.values.scalars import Duration


def read_instant(text: str) -> datetime:
    """The instant. Raises: ValueError: it is none, or says no time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a valid timestamp; write it like 2026-11-21T09:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} must have a time zone, such as {text}{'' if 'T' in text else 'T00:00:00'}Z")
    return found


def instant(text: str) -> datetime:
    """`read_instant` for an argument of `argparse`."""
    try:
        return read_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def duration(text: str) -> Duration:
    """A length of time above 0, for an argument of `argparse`."""
    try:
        found = Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found.seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be greater than 0")
    return found
