"""Success and failure conditions of Argo Rollouts (expr-lang), as far as they compare one number with a bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tidegate.cli.convert.reading import as_quantity

_NUMBER: Final = r"(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
_VALUE: Final = r"(?:asFloat\()?(?:result(?:\[0\])?|default\(result(?:\[0\])?,\s*(?P<default>[0-9.]+)\))\)?"
_COMPARED: Final = re.compile(rf"{_VALUE}\s*(?P<sign><=|>=|<|>)\s*{_NUMBER}")
_ALL: Final = re.compile(rf"all\(result,\s*\{{?\s*#\s*(?P<sign><=|>=|<|>)\s*{_NUMBER}\s*\}}?\)")
_EMPTY: Final = re.compile(r"len\(result\)\s*==\s*0")
_NOT_EMPTY: Final = re.compile(r"len\(result\)\s*(>|!=)\s*0")
_NAN: Final = re.compile(r"isNaN\(result(\[0\])?\)")


@dataclass(frozen=True)
class Bound:
    """A limit that a condition comes to."""

    kind: str
    """`max` or `min`."""
    limit: str
    empty_is_well: bool = False
    """An empty answer is a success."""
    strict: bool = False
    """The bound itself is treated the other way round."""


def bounds(condition: str, *, success: bool) -> list[Bound] | None:
    """The limits that a condition comes to.

    Args:
        condition: the text.
        success: it says when all is well; otherwise when it is not.

    Returns: none for an empty condition; `None` when it is not understood.
    """
    if not condition.strip():
        return []
    whole = _bare(condition)
    joint = "&&" if success else "||"
    other = "||" if success else "&&"
    if joint in whole:
        return _joined(whole.split(joint), success=success)
    return _one(whole.split(other), success=success)


def _joined(parts: list[str], *, success: bool) -> list[Bound] | None:
    """Every part must hold (of a success), or any of them is a failure: a limit each."""
    found: list[Bound] = []
    for part in parts:
        bare = _bare(part)
        if success and _NOT_EMPTY.fullmatch(bare):
            continue  # nothing advances without data anyway
        one = _one([bare], success=success)
        if one is None:
            return None
        found += one
    return found


def _one(parts: list[str], *, success: bool) -> list[Bound] | None:
    """One comparison, beside which an empty or undefined answer may be let pass."""
    empty = False
    left = []
    for part in map(_bare, parts):
        if success and _EMPTY.fullmatch(part):
            empty = True
        elif not (_NAN.fullmatch(part) if success else _NOT_EMPTY.fullmatch(part)):
            left.append(part)
    if len(left) != 1:
        return None
    match = _COMPARED.fullmatch(left[0]) or _ALL.fullmatch(left[0])
    limit = as_quantity(match["number"]) if match is not None else None
    if match is None or limit is None:
        return None
    below = match["sign"].startswith("<")
    strict = (len(match["sign"]) == 1) == success  # `result < 5` fails at 5, and a max of 5 does not
    default = match.groupdict().get("default")
    return [Bound("max" if below == success else "min", limit, empty or default == "0", strict)]


def _bare(text: str) -> str:
    """Without blanks and without brackets around the whole."""
    text = text.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Where the bracket closes that the text begins with; -1 when it does not."""
    depth = 0
    for place, one in enumerate(text):
        depth += (one == "(") - (one == ")")
        if depth == 0:
            return place
    return -1
