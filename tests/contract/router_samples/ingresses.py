"""Samples of the kinds of ingress controllers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.contract.router_samples.sample import (
    NAMES,
    PORTS,
    Copies,
    Object,
    Path,
    Sample,
    list_of,
    said,
    three,
)
from tidegate.core.model.world import Acceptance


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


SAMPLES = (
    list_of(
        "TraefikService", "traefik.io/v1alpha1",
        {"weighted": {"sticky": {"cookie": {"name": "arm"}}, "services": three(name=NAMES, port=PORTS)}},
        ("weighted", "services"), "weighted", status=False, frame=("spec", "weighted", "sticky", "cookie", "name"),
    ),
    list_of(
        "HTTPProxy", "projectcontour.io/v1",
        {"virtualhost": {"fqdn": "shop.example"}, "routes": [{"conditions": [{"prefix": "/"}], "services": three(name=NAMES, port=PORTS)}]},
        ("routes", 0, "services"), "#0", variant="routes", absent=0, frame=("spec", "virtualhost", "fqdn"),
        copies=Copies(
            ("spec", "routes", 0, "services"), {"name": "shop-canary", "port": 80, "mirror": True, "weight": 25},
            ({"name": "other", "port": 81, "mirror": True, "weight": 3},), alone=False, everything=({"weight": 0}, {"weight": None}),
        ),
        rows=(
            ({"currentStatus": "valid", "description": "ok", "conditions": [said("Valid", "True")]}, Acceptance.ACCEPTED),
            ({"currentStatus": "valid", "description": "ok", "conditions": [said("Valid", "True", 0)]}, Acceptance.PENDING),
            ({"currentStatus": "invalid", "description": "no", "conditions": [said("Valid", "False")]}, Acceptance.REFUSED),
        ),
    ),
    list_of(
        "HTTPProxy", "projectcontour.io/v1",
        {"virtualhost": {"fqdn": "shop.example", "tls": {"passthrough": True}}, "tcpproxy": {"services": three(name=NAMES, port=PORTS)}},
        ("tcpproxy", "services"), "tcpproxy", variant="tcpproxy", absent=0, frame=("spec", "virtualhost", "fqdn"),
    ),
    _alb("as the controller writes", _ALB_LOWER, "forwardConfig", "targetGroups", "weight"),
    _alb("as Argo Rollouts writes", _ALB_UPPER, "ForwardConfig", "TargetGroups", "Weight"),
    _nginx("VirtualServer", "routes", "splits", {"path": "/"}, (), "/", {"pass": "fresh"}),
    _nginx("VirtualServer", "routes", "proxy", {"path": "/"}, (), "/", {"proxy": {"upstream": "fresh", "rewritePath": "/x"}}),
    _nginx("VirtualServer", "routes", "matches", {"path": "/"}, ("matches", 0), "#matches.0.0", {"pass": "fresh"}),
    _nginx("VirtualServerRoute", "subroutes", "splits", {"path": "/shop"}, (), "/shop", {"pass": "fresh"}),
    list_of(
        "ApisixRoute", "apisix.apache.org/v2",
        {"ingressClassName": "apisix", "http": [{"name": "all", "match": {"paths": ["/*"]}, "backends": three(serviceName=NAMES, servicePort=PORTS)}]},
        ("http", 0, "backends"), "all", absent=None, frame=("spec", "ingressClassName"),
        rows=(
            (None, Acceptance.UNREPORTED),
            ({"conditions": [said("Accepted", "True")]}, Acceptance.ACCEPTED),
            ({"conditions": [said("Accepted", "True", 0)]}, Acceptance.PENDING),
            ({"conditions": [said("Accepted", "False")]}, Acceptance.REFUSED),
        ),
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
)  # fmt: skip
