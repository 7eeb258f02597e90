"""Where the split between the two arms is written: one entry for each route, a union by `kind`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Protocol

from pydantic import Field

from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.replica_ratio import ReplicaRatio
from tidegate.api.values.names import CohortName, ObjectName
from tidegate.api.values.text import ONE_LINE


class RouteKind(StrEnum):
    """The kinds of route whose weights can be set. `docs/routers.md` has a row for each."""

    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"
    TCP_ROUTE = "TCPRoute"
    TLS_ROUTE = "TLSRoute"
    LINKERD_HTTP_ROUTE = "LinkerdHTTPRoute"
    VIRTUAL_SERVICE = "VirtualService"
    TRAEFIK_SERVICE = "TraefikService"
    HTTP_PROXY = "HTTPProxy"
    ALB_INGRESS = "ALBIngress"
    VIRTUAL_SERVER = "VirtualServer"
    VIRTUAL_SERVER_ROUTE = "VirtualServerRoute"
    APISIX_ROUTE = "ApisixRoute"
    MESH_HTTP_ROUTE = "MeshHTTPRoute"
    SERVICE_SPLITTER = "ServiceSplitter"
    OPENSHIFT_ROUTE = "OpenShiftRoute"
    NGINX_INGRESS = "NginxIngress"
    HIGRESS_INGRESS = "HigressIngress"
    MAPPING = "Mapping"
    FEATURE_FLAG = "FeatureFlag"
    REPLICA_RATIO = "ReplicaRatio"
    CUSTOM = "Custom"


WITHOUT_RULES: Final = frozenset(
    {
        RouteKind.TRAEFIK_SERVICE,
        RouteKind.SERVICE_SPLITTER,
        RouteKind.OPENSHIFT_ROUTE,
        RouteKind.NGINX_INGRESS,
        RouteKind.HIGRESS_INGRESS,
        RouteKind.MAPPING,
        RouteKind.REPLICA_RATIO,
        RouteKind.CUSTOM,
    }
)
"""Kinds that hold one split only."""
WITH_SUBSETS: Final = frozenset(
    {RouteKind.VIRTUAL_SERVICE, RouteKind.APISIX_ROUTE, RouteKind.MESH_HTTP_ROUTE, RouteKind.SERVICE_SPLITTER}
)
"""Kinds whose backends may be subsets of one Service."""

WITH_MIRRORS: Final = frozenset(
    {
        RouteKind.HTTP_ROUTE,
        RouteKind.GRPC_ROUTE,
        RouteKind.VIRTUAL_SERVICE,
        RouteKind.HTTP_PROXY,
        RouteKind.MESH_HTTP_ROUTE,
    }
)
"""Kinds whose routers can copy a share of the requests to the candidate."""


class TargetRevert(StrEnum):
    """What takes the users of a target from the candidate at the end of a run."""

    WEIGHT = "Weight"
    SCALE_TO_ZERO = "ScaleToZero"


RuleNames = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=253, pattern=ONE_LINE)], ...],
    Field(min_length=1, max_length=16, json_schema_extra=unique()),
]
BackendName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^#\x00-\x1f\x7f]+$")]
Pointer = Annotated[str, Field(min_length=2, max_length=253, pattern=r"^(/([^/~\x00-\x1f\x7f]|~[01])+)+$")]


class NamedArm(Protocol):
    """What a Rollout says of an arm."""

    @property
    def deployment(self) -> str:
        """Its Deployment."""
        ...

    @property
    def service(self) -> str:
        """Its Service."""
        ...


class RouteBackend(ApiModel):
    """One backend of a route."""

    name: BackendName | None = None
    """Its name in the route: a host, a service of the mesh, a target group, a variant of a flag. By default the Service of the arm."""
    subset: BackendName | None = None
    """The subset of it; for a `MeshHTTPRoute` its tags, such as `version=v2`."""

    def named(self, service: str) -> str:
        """How status and messages name it: `NAME`, or `NAME#SUBSET`; `service` is the arm's."""
        return f"{self.name or service}#{self.subset}" if self.subset else self.name or service


class RouteBackends(ApiModel):
    """How a route names the two arms."""

    baseline: RouteBackend
    """The baseline's backend."""
    candidate: RouteBackend
    """The candidate's backend."""


class CustomWeights(ApiModel):
    """Where the two numbers are in a kind of object that the administrator has allowed."""

    group: Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")]
    """API group of the object, such as `serving.knative.dev`."""
    kind: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]+$")]
    """Kind of the object, such as `Service`."""
    baseline: Pointer
    """JSON pointer to the baseline's number, such as `/spec/traffic/[revisionName=shop-1]/percent`: `[FIELD=VALUE]` is the one item of a list that has this field; a position is taken too, but no longer points at the same item when the list is reordered."""
    candidate: Pointer
    """JSON pointer to the candidate's number."""


def _one_of(kinds: frozenset[RouteKind]) -> str:
    return f"self.kind in [{', '.join(repr(str(kind)) for kind in sorted(kinds))}]"


class TrafficTarget(ApiModel):
    """One place where the split between the two arms is written."""

    kind: RouteKind
    """Kind of the route, as `docs/routers.md` lists them; the operator's configuration says which are enabled."""
    name: ObjectName
    """Name of the route, in the Rollout's namespace. Of a `ReplicaRatio`: of the Service that selects the pods of both arms. Of a `Mapping`, a `NginxIngress` and a `HigressIngress`: of the candidate's object."""
    rules: RuleNames | None = None
    """Names of the route's rules to set; by default every rule that has both backends. A rule without a name is `#` and its position, as status names it."""
    cohort: CohortName | None = None
    """Makes these rules a cohort: its weight is `cohorts.NAME` of the steps. By default the steps' `weight` is set. Needs `rules`, where the kind has any; several entries may have one cohort."""
    backends: RouteBackends | None = None
    """The names of the two arms in the route, where they are not their Services."""
    custom: CustomWeights | None = None
    """Only for `kind: Custom`: where the two numbers are."""
    replica_ratio: ReplicaRatio | None = None
    """Only for `kind: ReplicaRatio`: how many pods share the traffic."""
    revert: TargetRevert = TargetRevert.WEIGHT
    """How the end of a run moves users away from the candidate. `Weight`, the default: weight 0. `ScaleToZero`: weight 0, then the candidate's Deployment is scaled to 0 pods. For a route whose sessions or connections stay with the candidate at weight 0 (`sessionPersistence`), which requires it."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.kind == 'Custom') == has(self.custom)",
            "'custom' is required with 'kind: Custom', and not allowed otherwise",
            ".custom",
            lambda target: (target.kind is RouteKind.CUSTOM) == (target.custom is not None),
        ),
        Rule(
            "(self.kind == 'ReplicaRatio') == has(self.replicaRatio)",
            "'replicaRatio' is required with 'kind: ReplicaRatio', and not allowed otherwise",
            ".replicaRatio",
            lambda target: (target.kind is RouteKind.REPLICA_RATIO) == (target.replica_ratio is not None),
        ),
        Rule(
            "!has(self.cohort) || self.kind != 'ReplicaRatio'",
            "'kind: ReplicaRatio' cannot distinguish users: leave 'cohort' out",
            ".cohort",
            lambda target: target.cohort is None or target.kind is not RouteKind.REPLICA_RATIO,
        ),
        Rule(
            "!has(self.revert) || self.revert != 'ScaleToZero' || self.kind != 'ReplicaRatio'",
            "'kind: ReplicaRatio' scales the candidate to 0 pods at weight 0: leave 'revert' out",
            ".revert",
            lambda target: (
                target.revert is not TargetRevert.SCALE_TO_ZERO or target.kind is not RouteKind.REPLICA_RATIO
            ),
        ),
        Rule(
            f"!has(self.rules) || !({_one_of(WITHOUT_RULES)})",
            "this kind of route has a single pair of weights: leave 'rules' out",
            ".rules",
            lambda target: target.rules is None or target.kind not in WITHOUT_RULES,
        ),
        Rule(
            f"!has(self.cohort) || has(self.rules) || {_one_of(WITHOUT_RULES)}",
            "'cohort' needs 'rules': the rules that select it",
            ".rules",
            lambda target: target.cohort is None or target.rules is not None or target.kind in WITHOUT_RULES,
        ),
        Rule(
            "!has(self.backends) || !(self.kind in ['Custom', 'ReplicaRatio'])",
            "'kind: Custom' takes its numbers from 'custom', 'kind: ReplicaRatio' from the Deployments: leave 'backends' out",
            ".backends",
            lambda target: target.backends is None or target.kind not in {RouteKind.CUSTOM, RouteKind.REPLICA_RATIO},
        ),
        Rule(
            f"!has(self.backends) || {_one_of(WITH_SUBSETS)} || !has(self.backends.baseline.subset) && !has(self.backends.candidate.subset)",
            f"'subset' is only allowed with {', '.join(sorted(WITH_SUBSETS))}",
            ".backends",
            lambda target: target.kind in WITH_SUBSETS or not target.has_subsets,
        ),
        Rule(
            "self.kind != 'FeatureFlag' || has(self.backends)",
            "'kind: FeatureFlag' needs 'backends': the variants of the two arms",
            ".backends",
            lambda target: target.kind is not RouteKind.FEATURE_FLAG or target.backends is not None,
        ),
    )

    @property
    def has_subsets(self) -> bool:
        """Whether a backend is a subset."""
        backends = self.backends
        return backends is not None and (backends.baseline.subset or backends.candidate.subset) is not None

    @property
    def key(self) -> str:
        """How status and messages name the route: entries of one route have the same."""
        return f"{self.router}/{self.name}"

    def covers(self, rule: str) -> bool:
        """Whether it sets the weights of a rule of its route."""
        return self.rules is None or rule in self.rules

    @property
    def router(self) -> str:
        """What sets its weights: its kind, or for `Custom` the kind of the object with its group."""
        return f"{self.custom.kind}.{self.custom.group}" if self.custom is not None else str(self.kind)

    def named(self, baseline: NamedArm, candidate: NamedArm) -> tuple[str, str]:
        """How status and messages name its two backends."""
        if self.custom is not None:
            return self.custom.baseline, self.custom.candidate
        if self.replica_ratio is not None:
            return baseline.deployment, candidate.deployment
        if self.backends is None:
            return baseline.service, candidate.service
        return self.backends.baseline.named(baseline.service), self.backends.candidate.named(candidate.service)
