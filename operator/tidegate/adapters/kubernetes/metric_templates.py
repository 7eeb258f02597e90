"""MetricTemplates and ClusterMetricTemplates: reading them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import CLUSTER_METRIC_TEMPLATES, METRIC_TEMPLATES, Resource
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.core.model.world import ABSENT, Lookup, MetricTemplateObject, Unknown
from tidegate.ports.errors import Missing, PortError

TEMPLATE_KINDS: Final[Mapping[TemplateKind, Resource]] = {
    TemplateKind.METRIC_TEMPLATE: METRIC_TEMPLATES,
    TemplateKind.CLUSTER_METRIC_TEMPLATE: CLUSTER_METRIC_TEMPLATES,
}


def metric_template(raw: Mapping[str, Any]) -> MetricTemplateObject:
    """A template as the API server sends it."""
    metadata = raw["metadata"]
    return MetricTemplateObject(metadata["uid"], metadata.get("generation") or 0, raw.get("spec") or {})


class KubernetesMetricTemplates:
    """The `MetricTemplates` port on the Kubernetes API: a Rollout reaches its own namespace's, and the cluster's."""

    def __init__(self, api: Api, caches: Mapping[TemplateKind, Cache[MetricTemplateObject]]) -> None:
        self._api = api
        self._caches = caches

    async def read(self, ref: TemplateRef, namespace: str, *, fresh: bool) -> Lookup[MetricTemplateObject]:
        """The template; from the watch stream unless `fresh`."""
        resource, cache = TEMPLATE_KINDS[ref.kind], self._caches[ref.kind]
        place = namespace if resource.namespaced else ""
        known = None if fresh else cache.get((place, ref.name))
        if known is not None:
            return known
        try:
            raw = await self._api.get(resource, place or None, ref.name)
        except Missing:
            cache.drop((place, ref.name))
            return ABSENT
        except PortError as error:
            return Unknown(str(error))
        view = metric_template(raw)
        cache.put((place, ref.name), raw["metadata"]["resourceVersion"], view, watched=False)
        return view
