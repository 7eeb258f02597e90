"""Routes in the same files whose rules try failed requests again, beside limits that see only what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.adapters.routers import BY_KIND
from tidegate.adapters.routers.shapes.weighted_lists import WeightedLists
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Problem, Severity
from tidegate.api.validation.placed_limits import limits_of
from tidegate.cli.documents import Document

FINAL: Final = re.compile(
    r"envoy_cluster_upstream_rq(_xx)?\b|envoy_http_downstream_rq_xx|istio_requests_total\{[^}]*reporter=\"source\"|"
    r"traefik_(entrypoint|router)_requests_total"
)
"""Counters of proxies that count a request once, by its final answer. Envoy counts the answers that it retries apart from them,
under `retry_upstream_rq`."""
ATTEMPTS: Final = re.compile(r"upstream_rq_retry|retry_upstream_rq")
"""Counters of what was tried again."""


def retry_problems(spec: RolloutSpec, documents: Sequence[Document]) -> Iterator[tuple[Document, Problem]]:
    """Warnings on rules that the Rollout sets the weights of, each with its route.

    Args:
        spec: the Rollout's, its presets resolved.
        documents: the routes that may be its own.
    """
    hidden = _of_final_answers(spec)
    for target in spec.traffic if hidden else ():
        row = BY_KIND.get(str(target.kind))
        shape = row.shape if row is not None else None
        if row is None or not isinstance(shape, WeightedLists):
            continue
        pair = target.named(spec.baseline, spec.candidate)
        for document in documents:
            group, _, version_and_kind = document.kind.partition("/")
            same = (group, version_and_kind.rpartition("/")[2]) == (row.resource.group, row.resource.kind)
            if not same or document.name != target.name or not isinstance(document.content.get("metadata"), Mapping):
                continue
            for rule, where in shape.retrying(document.content, pair):
                if target.covers(rule):
                    yield document, Problem(where, _words(hidden), Severity.WARNING)


def _of_final_answers(spec: RolloutSpec) -> str:
    """A metric with a limit that counts final answers; empty where there is none, or another limit is on the attempts."""
    limited = {limit.threshold.metric for limit in limits_of(spec)}
    texts = {one.name: " ".join(one.texts.values()) for one in spec.metrics if one.name in limited}
    if any(ATTEMPTS.search(text) for text in texts.values()):
        return ""
    return next((name for name, text in texts.items() if FINAL.search(text)), "")


def _words(metric: str) -> str:
    return (
        f"tries failed requests again, and metric '{metric}' counts final answers: an error that a retry hides does not show. Add a "
        "limit on the attempts, such as preset contour/retry-rate or envoy-gateway/retry-rate, or on what the pods count (http/error-rate, "
        "istio/error-rate)"
    )
