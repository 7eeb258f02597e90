"""The kinds of object that the operator reads and writes, as the API server's paths name them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True)
class Resource:
    """One kind of object, as the API server's paths name it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    """Its objects are in namespaces."""
    older: tuple[str, ...] = ()
    """Other versions that are read where `version` is not served, in order of preference."""

    @property
    def versions(self) -> tuple[Resource, ...]:
        """The kind in each of its versions, in order of preference."""
        return tuple(replace(self, version=version, older=()) for version in (self.version, *self.older))

    @property
    def api_version(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of one object, or of the list of a namespace, or (without one) of the whole cluster."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        parts = [root, *(("namespaces", namespace) if namespace else ()), self.plural, name, subresource]
        return "/".join(part for part in parts if part)


ROLLOUTS: Final = Resource("tidegate.dev", "v1alpha1", "rollouts", "Rollout")
COMMANDS: Final = Resource("tidegate.dev", "v1alpha1", "rolloutcommands", "RolloutCommand")
METRIC_TEMPLATES: Final = Resource("tidegate.dev", "v1alpha1", "metrictemplates", "MetricTemplate")
CLUSTER_METRIC_TEMPLATES: Final = Resource(
    "tidegate.dev", "v1alpha1", "clustermetrictemplates", "ClusterMetricTemplate", namespaced=False
)
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
AUTOSCALERS: Final = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECTS: Final = Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet")
SERVICES: Final = Resource("", "v1", "services", "Service")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
EVENTS: Final = Resource("", "v1", "events", "Event")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
