"""What a source says beside its answer, and whether it means that parts of its data were missing.

Warnings on how a query was evaluated begin with Prometheus' own `PromQL warning:`. Every other one tells of data that
could not be had: a failed remote read, a Thanos store away, an answer cut off at a limit. VictoriaMetrics sets `isPartial`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tidegate.adapters.prometheus.answers import SHOWN, NoAnswer
from tidegate.core.model.answers import Failed, FailedReason

KEPT: Final = 3
"""Warnings of an answer that are kept: they are shown to people, and one is seldom alone of its kind."""
ON_THE_QUERY: Final = re.compile(
    # Thanos puts infos among the warnings, and names the querier that a part of the query was given to.
    r"(remote query warning \([^)]*\): )?PromQL (warning|info): "
    # Prometheus' last line when it has more than ten; how many there are says nothing about data.
    r"|\d+ more warning annotations omitted$"
)
"""How warnings begin that are about the query, not about data."""
INFO: Final = "PromQL info: "
MARKED: Final = "the answer is marked with isPartial"


def heeded(payload: dict[str, Any], *, trusted: bool) -> tuple[str, ...]:
    """The warnings of an answer, those that data may be missing first: at most `KEPT`, of `SHOWN` characters each.

    Args:
        payload: the answer's JSON.
        trusted: whether an answer counts although data may be missing.

    Raises: NoAnswer, when data may be missing and that is not trusted.
    """
    given = payload.get("warnings")
    said = [str(item) for item in given] if isinstance(given, list) else []
    missing = [text for text in said if not ON_THE_QUERY.match(text)]
    if payload.get("isPartial") is True:
        missing.append(MARKED)
    if missing and not trusted:
        raise NoAnswer(Failed(FailedReason.PARTIAL, f"data may be missing: {'; '.join(_kept(missing))}"))
    return _kept([*missing, *(text for text in said if ON_THE_QUERY.match(text) and INFO not in text)])


def _kept(texts: list[str]) -> tuple[str, ...]:
    return tuple(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…" for text in texts[:KEPT])
