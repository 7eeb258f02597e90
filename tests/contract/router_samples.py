"""One object of each router as a user has it: with fields that are nobody's business, a third backend, and where its numbers stand.

The places are written out by hand here: what finds them in the operator is what is tested.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.core.model.world import Acceptance

Object = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Copies:
    """Where the rule has what copies requests, and what it is like."""

    entries: Path
    """The list."""
    entry: Object
    """What copies a quarter to the candidate."""
    others: tuple[Object, ...]
    """Entries that are nobody's business: one of them copies to a third backend."""
    alone: bool = True
    """Nothing else is in the list."""
    everything: tuple[Object, ...] = ()
    """Changes of `entry` with which it copies every request."""


@dataclass(frozen=True)
class Sample:
    """One object, and what is to be found in it."""

    kind: str
    """As a Rollout names it."""
    api_version: str
    object_kind: str
    content: Object
    """All but `apiVersion`, `kind` and the name."""
    candidate: Path
    """Where the candidate's number stands."""
    rule: str
    baseline: Path = ()
    """Where the baseline's stands; empty where it is what the candidate's leaves of `total`."""
    third: Path = ()
    """Where a third backend's stands."""
    found: tuple[int, int] = (90, 10)
    names: tuple[str, str] = ("shop", "shop-canary")
    absent: int | None = 1
    """What an absent weight means; `None`: that it cannot be read."""
    has_absent: bool = True
    """The API server takes an object without weights, and gives none by itself."""
    total: int | None = None
    """The sum that must stay, where no third backend stands beside."""
    scale: int = 1
    """What the numbers in memory are of those in the object."""
    text: bool = False
    """The numbers are texts."""
    inside: str = ""
    """The annotation that holds JSON with the numbers; the places are in that."""
    frame: Path = ()
    """A field that is no weight, and a text."""
    rows: tuple[tuple[Object | None, Acceptance], ...] = ()
    """Statuses, each with what it says; `GENERATION` stands for the object's."""
    variant: str = ""
    status: bool = True
    """The kind has a status subresource."""
    copies: Copies | None = None
    """How the rule mirrors; `None` where it cannot."""

    def __str__(self) -> str:
        return f"{self.kind} {self.variant}".strip()

    def item(self, namespace: str, name: str = "shop") -> Object:
        """The object."""
        made = json.loads(json.dumps(self.content).replace("NAMESPACE", namespace))
        metadata = {"name": name, "namespace": namespace, "labels": {"team": "shop"}, **made.pop("metadata", {})}
        return {"apiVersion": self.api_version, "kind": self.object_kind, "metadata": metadata, **made}

    def numbers(self, item: Object) -> tuple[int | None, int | None]:
        """The two numbers that stand in an object, as the operator counts them."""
        candidate = self.number_at(item, self.candidate)
        if not self.baseline:
            rest = None if candidate is None else (self.total or 0) - candidate
            return rest, candidate
        return self.number_at(item, self.baseline), candidate

    def number_at(self, item: Object, path: Path) -> int | None:
        """The number at a place."""
        node: Any = json.loads(item["metadata"]["annotations"][self.inside]) if self.inside else item
        for key in path:
            try:
                node = node[key]
            except (KeyError, IndexError):
                return None
        return round(float(node) * self.scale)

    def with_numbers(self, item: Object, *numbers: int | None) -> Object:
        """A copy with other numbers; `None`: without one."""
        made = copy.deepcopy(item)
        root: Any = json.loads(made["metadata"]["annotations"][self.inside]) if self.inside else made
        for path, number in zip((self.baseline, self.candidate), numbers, strict=True):
            if not path:
                continue
            node = root
            for key in path[:-1]:
                node = node[key]
            if number is None and isinstance(node, list):
                del node[path[-1]]
            elif number is None:
                node.pop(path[-1], None)
            else:
                exact = number // self.scale if number % self.scale == 0 else number / self.scale
                node[path[-1]] = str(exact) if self.text else exact
        if self.inside:
            made["metadata"]["annotations"][self.inside] = json.dumps(root)
        return made


GENERATION = "GENERATION"


def _said(kind: str, status: str, generation: object = GENERATION) -> Object:
    made = {
        "type": kind,
        "status": status,
        "reason": "Told",
        "message": "as the test says",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return made if generation is None else {**made, "observedGeneration": generation}


def _gateway(kind: str, group: str = "gateway.networking.k8s.io/v1", **more: object) -> Sample:
    backends = [
        {"name": "other", "port": 81, "weight": 7},
        {"name": "shop", "port": 80, "weight": 90},
        {"name": "shop-canary", "port": 80, "weight": 10},
    ]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}

    def parents(*conditions: Object) -> Object:
        return {
            "parents": [{"parentRef": parent, "controllerName": "example.com/gateway", "conditions": list(conditions)}]
        }

    canary = {"group": "", "kind": "Service", "name": "shop-canary", "port": 80}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": canary, "percent": 25}}
    copies = Copies(
        entries=("spec", "rules", 0, "filters"),
        entry=mirror,
        others=(
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}},
            {**mirror, "requestMirror": {"backendRef": {**canary, "name": "other"}, "percent": 3}},
        ),
        everything=({"requestMirror": {"backendRef": canary}},),
    )
    named = {} if group.startswith("policy") else {"name": "everyone"}  # Linkerd's rules have no names
    spec: Object = {"parentRefs": [parent], "rules": [{**named, "backendRefs": backends}], **more}
    return Sample(
        kind=str("LinkerdHTTPRoute" if group.startswith("policy") else kind),
        api_version=group,
        object_kind=kind,
        content={"spec": spec},
        baseline=("spec", "rules", 0, "backendRefs", 1, "weight"),
        candidate=("spec", "rules", 0, "backendRefs", 2, "weight"),
        third=("spec", "rules", 0, "backendRefs", 0, "weight"),
        rule=named.get("name", "#0"),
        has_absent=False,
        frame=("spec", "parentRefs", 0, "name"),
        copies=copies if kind in {"HTTPRoute", "GRPCRoute"} and group.startswith("gateway") else None,
        rows=(
            (None, Acceptance.UNREPORTED),
            (parents(_said("Accepted", "True"), _said("ResolvedRefs", "True")), Acceptance.ACCEPTED),
            (parents(_said("Accepted", "True", 0), _said("ResolvedRefs", "True")), Acceptance.PENDING),
            (parents(_said("Accepted", "False"), _said("ResolvedRefs", "True")), Acceptance.REFUSED),
        ),
    )


def _virtual_service(variant: str, spec: Object, rule: str, at: str, names: tuple[str, str]) -> Sample:
    backends = spec[at][0]["route"]
    destinations = backends[2]["destination"], backends[0]["destination"]
    return Sample(
        kind="VirtualService",
        variant=variant,
        api_version="networking.istio.io/v1",
        object_kind="VirtualService",
        content={"spec": {"hosts": ["shop.example"], "gateways": ["gateway"], **spec}},
        baseline=("spec", at, 0, "route", 1, "weight"),
        candidate=("spec", at, 0, "route", 2, "weight"),
        third=("spec", at, 0, "route", 0, "weight"),
        rule=rule,
        names=names,
        absent=0,
        frame=("spec", "hosts", 0),
        copies=_istio_copies(*destinations) if at == "http" else None,
        rows=((None, Acceptance.UNREPORTED),),
    )


def _istio_copies(candidate: Object, other: Object) -> Copies:
    return Copies(
        entries=("spec", "http", 0, "mirrors"),
        entry={"destination": candidate, "percentage": {"value": 25}},
        others=({"destination": other, "percentage": {"value": 0.5}},),
        everything=({"percentage": None},),
    )


def _destinations(*destinations: Object) -> list[Object]:
    weights = (7, 90, 10)
    return [{"destination": one, "weight": weight} for one, weight in zip(destinations, weights, strict=True)]


_HOSTS = _destinations(
    {"host": "other", "port": {"number": 80}},
    {"host": "shop"},
    {"host": "shop-canary.NAMESPACE.svc.cluster.local", "port": {"number": 80}},
)
_SUBSETS = _destinations(
    {"host": "shop", "subset": "other"}, {"host": "shop", "subset": "stable"}, {"host": "shop", "subset": "canary"}
)


def _nginx(kind: str, routes: str, variant: str, route: Object, at: Path, rule: str, action: Object) -> Sample:
    upstreams = [
        {"name": "stable", "service": "shop", "port": 80},
        {"name": "fresh", "service": "shop-canary", "port": 80},
    ]
    splits = [{"weight": 90, "action": {"pass": "stable"}}, {"weight": 10, "action": action}]
    held = (
        {"splits": splits}
        if variant != "matches"
        else {
            "action": {"pass": "stable"},
            "matches": [{"conditions": [{"header": "x-test", "value": "yes"}], "splits": splits}],
        }
    )
    return Sample(
        kind=kind,
        variant=variant,
        api_version="k8s.nginx.org/v1",
        object_kind=kind,
        content={"spec": {"host": "shop.example", "upstreams": upstreams, routes: [{**route, **held}]}},
        baseline=("spec", routes, 0, *at, "splits", 0, "weight"),
        candidate=("spec", routes, 0, *at, "splits", 1, "weight"),
        rule=rule,
        absent=None,
        total=100,
        frame=("spec", "host"),
        rows=(
            (None, Acceptance.UNREPORTED),
            ({"state": "Valid", "message": "ok"}, Acceptance.ACCEPTED),
            ({"state": "Warning", "message": "ok"}, Acceptance.ACCEPTED),
            ({"state": "Invalid", "message": "no"}, Acceptance.REFUSED),
        ),
    )


def _ingress(kind: str, variant: str, service: str, annotations: Mapping[str, str], **more: Any) -> Sample:  # noqa: ANN401
    backend = {"service": {"name": service, "port": {"number": 80}}}
    rules = [{"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    content = {
        "metadata": {"annotations": {"example.com/note": "keep me", **annotations}},
        "spec": {"ingressClassName": "any", "rules": rules},
    }
    return Sample(
        kind=kind,
        variant=variant,
        api_version="networking.k8s.io/v1",
        object_kind="Ingress",
        content=content,
        frame=("spec", "ingressClassName"),
        rows=((None, Acceptance.UNREPORTED),),
        **more,
    )


def _canary(kind: str, prefix: str, total: int | None = None) -> Sample:
    more = {f"{prefix}/canary-weight-total": str(total)} if total else {}
    return _ingress(
        kind,
        f"{prefix} of {total or 100}",
        "shop-canary",
        {f"{prefix}/canary": "true", f"{prefix}/canary-weight": "10", f"{prefix}/rewrite-target": "/", **more},
        candidate=("metadata", "annotations", f"{prefix}/canary-weight"),
        rule="canary",
        found=((total or 100) - 10, 10),
        absent=0,
        total=total or 100,
        text=True,
    )


_ALB = "alb.ingress.kubernetes.io/actions.everyone"


def _alb(variant: str, text: str, *keys: str) -> Sample:
    config, groups, weight = keys
    return _ingress(
        "ALBIngress",
        variant,
        "everyone",
        {_ALB: text, "alb.ingress.kubernetes.io/scheme": "internal"},
        inside=_ALB,
        baseline=(config, groups, 1, weight),
        candidate=(config, groups, 2, weight),
        third=(config, groups, 0, weight),
        rule="everyone",
        absent=None,
    )


_ALB_LOWER = (
    '{"type":"forward", "forwardConfig": {"targetGroups":[\n'
    '  {"targetGroupARN":"arn:other","weight":7}, {"serviceName":"shop","servicePort":"80","weight":90},\n'
    '  {"serviceName":"shop-canary","servicePort":80,"weight": 10 }],"note":"\\u00e9","targetGroupStickinessConfig":{"enabled":false}}}'
)
_ALB_UPPER = (
    '{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupName":"other","Weight":7},'
    '{"ServiceName":"shop","ServicePort":"80","Weight":90},{"ServiceName":"shop-canary","ServicePort":"80","Weight":10}]}}'
)


def _flag(variant: str, targeting: Object, at: Path) -> Sample:
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False, "third": None},
        "defaultVariant": "off",
        "targeting": targeting,
    }
    return Sample(
        kind="FeatureFlag",
        variant=variant,
        api_version="core.openfeature.dev/v1beta1",
        object_kind="FeatureFlag",
        content={"spec": {"flagSpec": {"flags": {"another": {**flag, "targeting": {}}, "new-shop": flag}}}},
        baseline=("spec", "flagSpec", "flags", "new-shop", "targeting", *at, 1, 1),
        candidate=("spec", "flagSpec", "flags", "new-shop", "targeting", *at, 2, 1),
        third=("spec", "flagSpec", "flags", "new-shop", "targeting", *at, 3, 1),
        rule="new-shop",
        names=("off", "on"),
        frame=("spec", "flagSpec", "flags", "new-shop", "defaultVariant"),
        rows=((None, Acceptance.UNREPORTED),),
    )


_FRACTIONS: list[Any] = [{"cat": [{"var": "email"}]}, ["off", 90], ["on", 10], ["third", 7]]


def _list_of(
    kind: str,
    api_version: str,
    spec: Object,
    at: Path,
    rule: str,
    *,
    weight: str = "weight",
    **more: Any,  # noqa: ANN401
) -> Sample:
    """A list in which a third backend comes first."""
    more = {"object_kind": kind, "rows": ((None, Acceptance.UNREPORTED),), **more}
    return Sample(
        kind=kind,
        api_version=api_version,
        content={"spec": spec},
        baseline=("spec", *at, 1, weight),
        candidate=("spec", *at, 2, weight),
        third=("spec", *at, 0, weight),
        rule=rule,
        **more,
    )


def _three(**names: tuple[Any, Any, Any]) -> list[Object]:
    weights = (7, 90, 10)
    return [
        {**{key: values[place] for key, values in names.items()}, "weight": weight}
        for place, weight in enumerate(weights)
    ]


def _kuma(name: str) -> Object:
    return {"kind": "MeshService", "port": 80, "weight": 1, "labels": {"kuma.io/display-name": name}}


_NAMES = ("other", "shop", "shop-canary")
_PORTS = (80, 80, 80)
SAMPLES = (
    _gateway("HTTPRoute", hostnames=["shop.example"]),
    _gateway("GRPCRoute", hostnames=["shop.example"]),
    _gateway("TCPRoute"),
    _gateway("TLSRoute", hostnames=["shop.example"]),
    _gateway("HTTPRoute", "policy.linkerd.io/v1beta3", hostnames=["shop.example"]),
    _virtual_service("http", {"http": [{"name": "all", "timeout": "5s", "route": _HOSTS}]}, "all", "http", ("shop", "shop-canary")),
    _virtual_service("http subsets", {"http": [{"route": _SUBSETS, "retries": {"attempts": 2}}]}, "#0", "http", ("shop#stable", "shop#canary")),
    _virtual_service("tls", {"tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": _HOSTS}]}, "#tls.0", "tls", ("shop", "shop-canary")),
    _virtual_service("tcp", {"tcp": [{"match": [{"port": 9000}], "route": _HOSTS}]}, "#tcp.0", "tcp", ("shop", "shop-canary")),
    _list_of(
        "TraefikService", "traefik.io/v1alpha1",
        {"weighted": {"sticky": {"cookie": {"name": "arm"}}, "services": _three(name=_NAMES, port=_PORTS)}},
        ("weighted", "services"), "weighted", status=False, frame=("spec", "weighted", "sticky", "cookie", "name"),
    ),
    _list_of(
        "HTTPProxy", "projectcontour.io/v1",
        {"virtualhost": {"fqdn": "shop.example"}, "routes": [{"conditions": [{"prefix": "/"}], "services": _three(name=_NAMES, port=_PORTS)}]},
        ("routes", 0, "services"), "#0", variant="routes", absent=0, frame=("spec", "virtualhost", "fqdn"),
        copies=Copies(
            ("spec", "routes", 0, "services"), {"name": "shop-canary", "port": 80, "mirror": True, "weight": 25},
            ({"name": "other", "port": 81, "mirror": True, "weight": 3},), alone=False, everything=({"weight": 0}, {"weight": None}),
        ),
        rows=(
            ({"currentStatus": "valid", "description": "ok", "conditions": [_said("Valid", "True")]}, Acceptance.ACCEPTED),
            ({"currentStatus": "valid", "description": "ok", "conditions": [_said("Valid", "True", 0)]}, Acceptance.PENDING),
            ({"currentStatus": "invalid", "description": "no", "conditions": [_said("Valid", "False")]}, Acceptance.REFUSED),
        ),
    ),
    _list_of(
        "HTTPProxy", "projectcontour.io/v1",
        {"virtualhost": {"fqdn": "shop.example", "tls": {"passthrough": True}}, "tcpproxy": {"services": _three(name=_NAMES, port=_PORTS)}},
        ("tcpproxy", "services"), "tcpproxy", variant="tcpproxy", absent=0, frame=("spec", "virtualhost", "fqdn"),
    ),
    _alb("as the controller writes", _ALB_LOWER, "forwardConfig", "targetGroups", "weight"),
    _alb("as Argo Rollouts writes", _ALB_UPPER, "ForwardConfig", "TargetGroups", "Weight"),
    _nginx("VirtualServer", "routes", "splits", {"path": "/"}, (), "/", {"pass": "fresh"}),
    _nginx("VirtualServer", "routes", "proxy", {"path": "/"}, (), "/", {"proxy": {"upstream": "fresh", "rewritePath": "/x"}}),
    _nginx("VirtualServer", "routes", "matches", {"path": "/"}, ("matches", 0), "#matches.0.0", {"pass": "fresh"}),
    _nginx("VirtualServerRoute", "subroutes", "splits", {"path": "/shop"}, (), "/shop", {"pass": "fresh"}),
    _list_of(
        "ApisixRoute", "apisix.apache.org/v2",
        {"ingressClassName": "apisix", "http": [{"name": "all", "match": {"paths": ["/*"]}, "backends": _three(serviceName=_NAMES, servicePort=_PORTS)}]},
        ("http", 0, "backends"), "all", absent=None, frame=("spec", "ingressClassName"),
        rows=(
            (None, Acceptance.UNREPORTED),
            ({"conditions": [_said("Accepted", "True")]}, Acceptance.ACCEPTED),
            ({"conditions": [_said("Accepted", "True", 0)]}, Acceptance.PENDING),
            ({"conditions": [_said("Accepted", "False")]}, Acceptance.REFUSED),
        ),
    ),
    _list_of(
        "MeshHTTPRoute", "kuma.io/v1alpha1",
        {"targetRef": {"kind": "Mesh"}, "to": [{"targetRef": {"kind": "MeshService", "labels": {"kuma.io/display-name": "shop"}}, "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "default": {"backendRefs": _three(kind=("MeshService",) * 3, port=_PORTS, labels=tuple({"kuma.io/display-name": name} for name in _NAMES))},
        }]}]},
        ("to", 0, "rules", 0, "default", "backendRefs"), "#0.0", status=False, has_absent=False,
        copies=Copies(
            ("spec", "to", 0, "rules", 0, "default", "filters"),
            {"type": "RequestMirror", "requestMirror": {"percentage": 25, "backendRef": _kuma("shop-canary")}},
            (
                {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}},
                {"type": "RequestMirror", "requestMirror": {"percentage": "0.5", "backendRef": _kuma("other")}},
            ),
            everything=({"requestMirror": {"backendRef": _kuma("shop-canary")}},),
        ),
        frame=("spec", "to", 0, "rules", 0, "matches", 0, "path", "value"),
    ),
    Sample(
        kind="ServiceSplitter", api_version="consul.hashicorp.com/v1alpha1", object_kind="ServiceSplitter",
        content={"spec": {"splits": [{"weight": 99.5}, {"weight": 0.5, "service": "shop-canary", "requestHeaders": {"set": {"x": "y"}}}]}},
        baseline=("spec", "splits", 0, "weight"), candidate=("spec", "splits", 1, "weight"),
        rule="splits", found=(9950, 50), absent=0, total=10000, scale=100, frame=("spec", "splits", 1, "requestHeaders", "set", "x"),
        rows=(
            (None, Acceptance.UNREPORTED),
            ({"conditions": [_said("Synced", "True", None)], "lastSyncedTime": "2100-01-01T00:00:00Z"}, Acceptance.ACCEPTED),
            ({"conditions": [_said("Synced", "True", None)], "lastSyncedTime": "2000-01-01T00:00:00Z"}, Acceptance.PENDING),
            ({"conditions": [_said("Synced", "False", None)], "lastSyncedTime": "2100-01-01T00:00:00Z"}, Acceptance.REFUSED),
        ),
    ),
    _list_of(
        "ServiceSplitter", "consul.hashicorp.com/v1alpha1",
        {"splits": [{"weight": 10, "serviceSubset": "other"}, {"weight": 80, "serviceSubset": "v1"}, {"weight": 10, "serviceSubset": "v2"}]},
        ("splits",), "splits", variant="subsets", names=("shop#v1", "shop#v2"), found=(8000, 1000), absent=0, scale=100,
        frame=("spec", "splits", 0, "serviceSubset"),
    ),
    Sample(
        kind="OpenShiftRoute", api_version="route.openshift.io/v1", object_kind="Route",
        content={"spec": {
            "host": "shop.example", "to": {"kind": "Service", "name": "shop", "weight": 90}, "port": {"targetPort": "http"},
            "alternateBackends": [{"kind": "Service", "name": "other", "weight": 7}, {"kind": "Service", "name": "shop-canary", "weight": 10}],
        }},
        baseline=("spec", "to", "weight"), candidate=("spec", "alternateBackends", 1, "weight"), third=("spec", "alternateBackends", 0, "weight"),
        rule="route", absent=100, has_absent=False, frame=("spec", "host"),
        rows=(
            (None, Acceptance.UNREPORTED),
            ({"ingress": [{"host": "shop.example", "conditions": [{"type": "Admitted", "status": "True"}]}]}, Acceptance.ACCEPTED),
            ({"ingress": [{"host": "shop.example", "conditions": [{"type": "Admitted", "status": "False", "reason": "Told"}]}]}, Acceptance.REFUSED),
        ),
    ),
    _canary("NginxIngress", "nginx.ingress.kubernetes.io"),
    _canary("NginxIngress", "nginx.ingress.kubernetes.io", 1000),
    _canary("HigressIngress", "higress.io"),
    _canary("HigressIngress", "nginx.ingress.kubernetes.io"),
    Sample(
        kind="Mapping", api_version="getambassador.io/v3alpha1", object_kind="Mapping",
        content={"spec": {"hostname": "*", "prefix": "/", "service": "https://shop-canary.NAMESPACE:443", "weight": 10, "timeout_ms": 4000}},
        candidate=("spec", "weight"), rule="mapping", absent=None, total=100, frame=("spec", "prefix"), rows=((None, Acceptance.UNREPORTED),),
    ),
    _flag("whole", {"fractional": _FRACTIONS}, ("fractional",)),
    _flag("nested", {"if": [{"==": [{"var": "tier"}, "gold"]}, "on", {"fractional": _FRACTIONS}]}, ("if", 2, "fractional")),
    _list_of(
        "Split.tidegate.test", "tidegate.test/v1",
        {"note": "keep me", "traffic": [{"revisionName": "other", "percent": 7}, {"revisionName": "shop", "percent": 90}, {"revisionName": "shop-canary", "percent": 10}]},
        ("traffic",), "weights", weight="percent", object_kind="Split", absent=None, frame=("spec", "note"),
        names=("/spec/traffic/[revisionName=shop]/percent", "/spec/traffic/[revisionName=shop-canary]/percent"),
    ),
)  # fmt: skip
