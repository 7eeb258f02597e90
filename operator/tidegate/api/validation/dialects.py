"""Dialects of PromQL. Only Prometheus' own can be parsed here; in another, a query is refused by the source if it is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tidegate.api.validation.problems import Problem
from tidegate.api.values.promql import NO_PROMQL


class Dialect(StrEnum):
    """What a source understands."""

    PROMETHEUS = "prometheus"
    """PromQL as Prometheus, Thanos and Mimir take it."""
    METRICSQL = "metricsql"
    """VictoriaMetrics' superset: `rate(x)` without a range, `WITH` templates, functions of its own."""


def spoken(problems: Iterable[Problem], dialect: Dialect) -> list[Problem]:
    """The problems without those that are none in this dialect: texts that only Prometheus would not parse."""
    found = list(problems)
    if dialect is Dialect.PROMETHEUS:
        return found
    return [problem for problem in found if not problem.message.startswith(NO_PROMQL)]
