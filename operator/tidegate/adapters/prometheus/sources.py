"""The sources the administrator named, as one `MetricSource`."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.adapters.prometheus.source import PrometheusSource
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query


class PrometheusSources:
    """The `MetricSource` port: each source has threads of its own, so that a slow one delays only its own queries."""

    def __init__(self, sources: Mapping[str, PrometheusSource]) -> None:
        self._sources = dict(sources)

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        """The answer, or `Failed`; `timeout` is in seconds from now, `rollout` is who asks (`namespace/name`)."""
        source = self._sources.get(query.source)
        if source is None:
            known = ", ".join(sorted(self._sources)) or "none"
            message = f"no source {query.source!r} in the operator's configuration (there are: {known})"
            return Failed(FailedReason.NO_SUCH_SOURCE, message)
        return await source.sample(query, timeout=timeout, rollout=rollout)

    def close(self) -> None:
        """Lets go of every source."""
        for source in self._sources.values():
            source.close()
