"""Variables in PromQL: `$namespace`, `$workload` and the others, filled in for one arm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

VARIABLES: Final = ("namespace", "workload", "service", "rollout", "step", "cohort", "window", "elapsed", "pods")
"""All there are. `api/validation` refuses any other."""

_UNESCAPED: Final = ("window", "elapsed")
_PATTERN: Final = re.compile(r"\$(\$|[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")


def fill(promql: str, values: Mapping[str, str]) -> str:
    """`promql` with its variables replaced; `$$` becomes a dollar sign.

    Values are escaped for a PromQL string in double or single quotes, except durations, which stand bare.

    Raises:
        ValueError: a variable is unknown; the message names it and the ones there are.
    """

    def one(match: re.Match[str]) -> str:
        name = match[1].strip("{}")
        if name == "$":
            return "$"
        if name not in values:
            known = " ".join(f"${variable}" for variable in VARIABLES)
            raise ValueError(f"unknown variable ${name}; there are {known} (write $$ for a dollar sign)")
        return values[name] if name in _UNESCAPED else _escaped(values[name])

    return _PATTERN.sub(one, promql)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("\n", "\\n")


def promql_duration(seconds: float) -> str:
    """A duration as PromQL writes it, in whole milliseconds, at least one second."""
    millis = max(round(seconds * 1000), 1000)
    return f"{millis // 1000}s" if millis % 1000 == 0 else f"{millis}ms"
