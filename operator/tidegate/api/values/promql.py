"""PromQL as users write it: its variables, and whether Prometheus would take it.

Filling the variables in for real is the core's business (core/metrics/variables.py); a test keeps the two lists equal.
"""

from __future__ import annotations

import re
from typing import Final

import promql_parser

VARIABLES: Final = ("namespace", "workload", "service", "rollout", "step", "cohort", "window", "elapsed", "pods")
"""What may stand after a `$`."""
ARM_VARIABLES: Final = frozenset({"workload", "service", "pods"})
"""Those that differ between the arms."""

_VARIABLE: Final = re.compile(r"\$(\$|[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")
_PLAUSIBLE: Final = {"window": "120s", "elapsed": "600s", "pods": "web-6d4b75cb6d-.{5}", "$": "$"}
_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'" + r"|`[^`]*`", re.DOTALL)
_FIXED_RANGE: Final = re.compile(r"\[\s*[0-9]")
_GUESSED_PODS: Final = re.compile(r"\$(workload|\{workload\})-?(\.[*+]|\[)")
_WITHOUT_VALUE: Final = (promql_parser.MatrixSelector, promql_parser.SubqueryExpr, promql_parser.StringLiteral)


NO_PROMQL: Final = "is not valid PromQL: "
"""How the fault of a text begins that Prometheus would not parse."""


def variables(text: str) -> set[str]:
    """The names of the variables in a query."""
    return {match[1].strip("{}") for match in _VARIABLE.finditer(text)} - {"$"}


def filled(text: str, variable: str, value: str) -> str:
    """A query with one variable filled in, the others left as they are; `value` must need no escaping."""
    return _VARIABLE.sub(lambda match: value if match[1].strip("{}") == variable else match[0], text)


def parsed(text: str) -> promql_parser.Expr:
    """A query's tree, its variables filled in with something plausible. Raises: ValueError: it is not valid PromQL."""

    def value(match: re.Match[str]) -> str:
        return _PLAUSIBLE.get(match[1].strip("{}"), "web")

    return promql_parser.parse(_STRING.sub(_double_quoted, _VARIABLE.sub(value, text)))


def query_fault(text: str) -> str:
    """Why Prometheus would not answer a query with a vector or a scalar; empty when it would."""
    try:
        found = parsed(text)
    except ValueError as error:
        return f"{NO_PROMQL}{error}"
    while isinstance(found, promql_parser.ParenExpr):
        found = found.expr
    if isinstance(found, _WITHOUT_VALUE):
        return "must return a scalar or an instant vector; this returns a range vector or a string"
    return ""


def selector_fault(text: str) -> str:
    """Why a text is not the plain selector of a counter; empty when it is."""
    try:
        found = parsed(text)
    except ValueError as error:
        return f"{NO_PROMQL}{error}"
    if not isinstance(found, promql_parser.VectorSelector) or found.offset is not None or found.at is not None:
        return "must be a plain selector of a counter, without range, offset or functions: the operator adds those"
    if "#" in _STRING.sub("", text):
        return "must have no comment: the operator adds the range behind it"
    return ""


def histogram_fault(text: str) -> str:
    """Why a text is not the plain selector of a histogram by its name; empty when it is."""
    fault = selector_fault(text)
    if fault:
        return fault.replace("a counter", "a histogram")
    found = parsed(text)
    name = found.name if isinstance(found, promql_parser.VectorSelector) else None
    if name is None:
        return "must begin with the histogram's name: the operator adds _bucket and _count to it"
    for suffix in ("_bucket", "_count", "_sum"):
        if name.endswith(suffix):
            return f"must be the histogram's own name, without {suffix}: the operator adds that"
    return ""


def has_fixed_range(text: str) -> bool:
    """Whether a query looks back over a range of its own, such as `[5m]`, rather than `[$window]`."""
    return _FIXED_RANGE.search(_STRING.sub("", text)) is not None


def guesses_pods(text: str) -> bool:
    """Whether a query finds pods by a pattern of the workload's name, such as `$workload-.*`."""
    return _GUESSED_PODS.search(text) is not None


def _double_quoted(match: re.Match[str]) -> str:
    """A raw string in double quotes: the parser looks for escapes even between backticks, where there are none."""
    text = match[0]
    if not text.startswith("`"):
        return text
    escaped = text[1:-1].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
