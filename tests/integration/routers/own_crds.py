"""Definitions of ours for kinds whose own are in no package registry: the fields that weights need, with the projects' types and bounds.

With `TIDEGATE_CRDS` set to a folder, the projects' own files in it are used instead, where they are there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
FOLDER = os.environ.get("TIDEGATE_CRDS", "")

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _weight(default: int | None, most: int) -> Schema:
    bounds: Schema = {"type": "integer", "minimum": 0, "maximum": most}
    return bounds if default is None else {**bounds, "default": default}


def crd(group: str, kind: str, plural: str, spec: Schema, versions: tuple[str, ...], *, status: bool = True) -> Schema:
    """A definition; the first version is stored."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": not place,
                    **({"subresources": {"status": {}}} if status else {}),
                    "schema": {"openAPIV3Schema": _object(spec=spec, **({"status": FREE} if status else {}))},
                }
                for place, version in enumerate(versions)
            ],
        },
    }


_ACTION = _object(**{"pass": TEXT, "proxy": _object(upstream=TEXT, rewritePath=TEXT)})
_SPLIT = _object(weight=WHOLE, action=_ACTION)
_MATCH = _object(conditions=_list(FREE), splits=_list(_SPLIT), action=_ACTION)
_NGINX_ROUTE = _object(path=TEXT, action=_ACTION, splits=_list(_SPLIT), matches=_list(_MATCH))
_UPSTREAMS = _list(_object(name=TEXT, service=TEXT, port=WHOLE))
_TO = _object(
    ("kind", "name"),
    kind={**TEXT, "enum": ["Service", ""], "default": "Service"},
    name={**TEXT, "minLength": 1},
    weight={**_weight(100, 256), "format": "int32"},
)
_LINKERD_BACKEND = _object(
    ("name",), group={**TEXT, "default": ""}, kind={**TEXT, "default": "Service"}, name=TEXT, namespace=TEXT, port=WHOLE,
    weight={**_weight(1, 1_000_000), "format": "int32"},
)  # fmt: skip
_KUMA_BACKEND = _object(
    ("kind",), kind=TEXT, name=TEXT, namespace=TEXT, port=WHOLE, weight=_weight(1, 2**32 - 1),
    labels={"type": "object", "additionalProperties": TEXT}, tags={"type": "object", "additionalProperties": TEXT},
)  # fmt: skip
_KUMA_FILTER = _object(
    ("type",),
    type=TEXT,
    requestHeaderModifier=FREE,
    requestMirror=_object(("backendRef",), backendRef=_KUMA_BACKEND, percentage={"x-kubernetes-int-or-string": True}),
)
_FLAG = _object(("state", "variants", "defaultVariant"), state=TEXT, variants=FREE, defaultVariant=TEXT, targeting=FREE)

OWN = {
    "nginx.org_virtualservers.yaml": crd(
        "k8s.nginx.org", "VirtualServer", "virtualservers", _object(host=TEXT, upstreams=_UPSTREAMS, routes=_list(_NGINX_ROUTE)), ("v1",)
    ),
    "nginx.org_virtualserverroutes.yaml": crd(
        "k8s.nginx.org", "VirtualServerRoute", "virtualserverroutes", _object(host=TEXT, upstreams=_UPSTREAMS, subroutes=_list(_NGINX_ROUTE)), ("v1",)
    ),
    "apisix.apache.org_apisixroutes.yaml": crd(
        "apisix.apache.org", "ApisixRoute", "apisixroutes",
        _object(ingressClassName=TEXT, http=_list(_object(("name", "match"), name=TEXT, match=FREE, priority=WHOLE, backends=_list(
            _object(("serviceName", "servicePort"), serviceName=TEXT, servicePort={"x-kubernetes-int-or-string": True}, subset=TEXT, weight=WHOLE)
        )))), ("v2",),
    ),
    "kuma.io_meshhttproutes.yaml": crd(
        "kuma.io", "MeshHTTPRoute", "meshhttproutes",
        _object(targetRef=FREE, to=_list(_object(targetRef=FREE, rules=_list(_object(matches=_list(FREE), default=_object(filters=_list(_KUMA_FILTER), backendRefs=_list(_KUMA_BACKEND))))))),
        ("v1alpha1",), status=False,
    ),
    "consul.hashicorp.com_servicesplitters.yaml": crd(
        "consul.hashicorp.com", "ServiceSplitter", "servicesplitters",
        _object(splits=_list(_object(weight={"type": "number"}, service=TEXT, serviceSubset=TEXT, namespace=TEXT, requestHeaders=FREE))), ("v1alpha1",),
    ),
    "route.openshift.io_routes.yaml": crd(
        "route.openshift.io", "Route", "routes",
        _object(host=TEXT, to=_TO, port=FREE, tls=FREE, alternateBackends={**_list(_TO), "maxItems": 3, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "kind"]}), ("v1",),
    ),
    "core.openfeature.dev_featureflags.yaml": crd(
        "core.openfeature.dev", "FeatureFlag", "featureflags", _object(flagSpec=_object(flags={"type": "object", "additionalProperties": _FLAG})), ("v1beta1",)
    ),
    "policy.linkerd.io_httproutes.yaml": crd(
        "policy.linkerd.io", "HTTPRoute", "httproutes",
        _object(parentRefs=_list(FREE), hostnames=_list(TEXT), rules=_list(_object(matches=_list(FREE), timeouts=FREE, backendRefs=_list(_LINKERD_BACKEND)))), ("v1beta3", "v1beta2"),
    ),
    "getambassador.io_mappings.yaml": crd(
        "getambassador.io", "Mapping", "mappings", _object(hostname=TEXT, prefix=TEXT, service=TEXT, weight=WHOLE, timeout_ms=WHOLE), ("v3alpha1",)
    ),
    "serving.knative.dev_services.yaml": crd(
        "serving.knative.dev", "Service", "services", _object(template=FREE, traffic=_list(_object(revisionName=TEXT, percent=WHOLE, tag=TEXT))), ("v1",)
    ),
    "tidegate.test_splits.yaml": crd(
        "tidegate.test", "Split", "splits", _object(note=TEXT, traffic=_list(_object(revisionName=TEXT, percent=WHOLE, tag=TEXT))), ("v1",)
    ),
}  # fmt: skip
"""By the names of the projects' files."""


def definitions() -> list[Schema]:
    """The definitions to install."""
    found: list[Schema] = []
    for name, own in OWN.items():
        theirs = Path(FOLDER) / name
        if FOLDER and theirs.is_file():
            found += [item for item in yaml.safe_load_all(theirs.read_text()) if item]
        else:
            found.append(own)
    return found
