"""What can be seen of a query's answer without asking it: whether it is empty when all is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import promql_parser

from tidegate.api.values.promql import parsed

_ARITHMETIC: Final = frozenset({"*", "/", "%", "+", "-"})
_COMPARISONS: Final = frozenset({"==", "!=", ">", "<", ">=", "<="})


def filters(text: str) -> str:
    """The comparison at the top of a query that leaves out series rather than saying 0 or 1, such as `>`; empty for none.

    Raises: ValueError: it is not valid PromQL.
    """
    found = _bare(parsed(text))
    if not isinstance(found, promql_parser.BinaryExpr) or str(found.op) not in _COMPARISONS:
        return ""
    says_bool = found.modifier is not None and found.modifier.return_bool
    numbers = all(isinstance(_bare(one), promql_parser.NumberLiteral) for one in (found.lhs, found.rhs))
    return "" if says_bool or numbers else str(found.op)


def default_that_is_divided(text: str) -> bool:
    """Whether a default of 0 after `or` belongs to an arithmetic operator: `a or vector(0) / b` is `a or (vector(0) / b)`, and never a share.

    Raises: ValueError: it is not valid PromQL.
    """
    return any(
        isinstance(one.rhs, promql_parser.BinaryExpr) and _is_zero(_first_operand(one.rhs))
        for one in _binaries(parsed(text))
        if str(one.op) == "or"
    )


def empty_until_the_first(text: str) -> str:
    """The counter of a share that is empty until the first bad request; empty when there is none, or a default for it.

    A share such as `sum(rate(x{code="500"}[5m])) / sum(rate(x[5m]))`, whatever stands around it, whose numerator selects
    some of the series that its denominator selects, and has no `or`.

    Raises: ValueError: it is not valid PromQL.
    """
    for division in _divisions(parsed(text)):
        if "or" in {str(one.op) for one in _binaries(division.lhs)}:
            continue
        whole = list(_selectors(division.rhs))
        for part in _selectors(division.lhs):
            if any(_is_narrower(part, other) for other in whole):
                return str(part.name or part)
    return ""


def _is_narrower(part: promql_parser.VectorSelector, whole: promql_parser.VectorSelector) -> bool:
    """Whether `part` is `whole` with further matchers."""
    if part.name != whole.name:
        return False
    of_part, of_whole = (
        {(one.name, str(one.op), one.value) for one in each.matchers.matchers} for each in (part, whole)
    )
    return of_whole < of_part


def _divisions(found: promql_parser.Expr) -> Iterator[promql_parser.BinaryExpr]:
    return (one for one in _binaries(found) if str(one.op) == "/")


def _binaries(found: promql_parser.Expr) -> Iterator[promql_parser.BinaryExpr]:
    return (one for one in _nodes(found) if isinstance(one, promql_parser.BinaryExpr))


def _selectors(found: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    return (one for one in _nodes(found) if isinstance(one, promql_parser.VectorSelector))


def _nodes(found: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    yield found
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        inner = getattr(found, name, None)
        if inner is not None:
            yield from _nodes(inner)
    for inner in getattr(found, "args", ()):
        yield from _nodes(inner)


def _first_operand(found: promql_parser.Expr) -> promql_parser.Expr:
    """Where the arithmetic begins: `a` of `a * b / c > d`."""
    while isinstance(found, promql_parser.BinaryExpr) and str(found.op) in _ARITHMETIC | _COMPARISONS:
        found = found.lhs
    return _bare(found)


def _is_zero(found: promql_parser.Expr) -> bool:
    """Whether it is `vector(0)`: another default may well be calculated, such as `vector(time()) - 3600`."""
    if not isinstance(found, promql_parser.Call) or found.func.name != "vector":
        return False
    (value,) = (_bare(one) for one in found.args)
    return isinstance(value, promql_parser.NumberLiteral) and value.val == 0


def _bare(found: promql_parser.Expr) -> promql_parser.Expr:
    while isinstance(found, promql_parser.ParenExpr):
        found = found.expr
    return found
