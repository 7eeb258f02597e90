"""A foreign PromQL text as a metric's query: its range becomes `$window`, its dollar signs are doubled, names of an arm are variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidegate.api.values.promql import query_fault
from tidegate.cli.convert.draft import CHANGED, TODO
from tidegate.cli.convert.reading import as_duration, seconds

_RANGE: Final = re.compile(r"\[\s*([0-9]+[smhd](?:[0-9]+[smhd])*)\s*\]")
_GAP: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
UNKNOWN: Final = "TODO"
"""What stands for a value that is not known: no series has such a label, so there is no data and nothing advances."""


@dataclass
class Converted:
    """The query, and what is to be said of it."""

    query: str
    window: str = ""
    """Empty: the metric's own default."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Kind and text of each."""
    fault: str = ""
    """Why it is no query; empty when it is one."""


def converted(text: str, fill: Callable[[str], str | None], window: str = "") -> Converted:
    """A query in Tidegate's form.

    Args:
        text: as it was written, with `{{ ... }}`.
        fill: what stands for the inside of the braces (already in Tidegate's form), `None` when it is not known.
        window: the range that is meant where the text says none; empty for none.
    """
    found = Converted("", window)

    def filled(match: re.Match[str]) -> str:
        value = fill(match[1])
        if value is None:
            name = re.sub(r"[^a-zA-Z0-9_]+", "-", match[1]).strip("-")
            found.notes.append(
                (TODO, f"'{match[0]}' is not known here: {UNKNOWN}-{name} stands for it, and there is no data for that")
            )
            return f"{UNKNOWN}-{name}"
        return value

    doubled = text.strip().replace("$", "$$")
    found.query = _with_window(_GAP.sub(filled, doubled), found)
    found.fault = query_fault(found.query)
    return found


def _with_window(query: str, found: Converted) -> str:
    ranges = set(_RANGE.findall(query))
    if len(ranges) == 1 and not found.window:
        found.window = as_duration(seconds(ranges.pop()) or 0)
        found.notes.append((CHANGED, "the range is $window, which never reaches back before this run"))
        return _RANGE.sub("[$window]", query)
    if ranges:
        found.notes.append(
            (
                TODO,
                f"ranges that are written out ({', '.join(sorted(ranges))}) reach back before this run: write [$window]",
            )
        )
    return query


def named(value: str, variables: Mapping[str, str]) -> str:
    """A value in which the name of an arm's object is its variable: `checkout-canary.shop` is `$service.shop`."""
    for name, variable in variables.items():
        if name and (value == name or value.startswith(f"{name}.")):
            return variable + value[len(name) :].replace("$", "$$")
    return value.replace("$", "$$")
