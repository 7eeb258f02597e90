"""HTTPRoutes, GRPCRoutes, Services and pods turned into Envoy's words, and into the routes' status: pure, no I/O.

Honoured: hostnames; matches by path, header (so cookie too), query, method (exact, prefix, regular expression); weights;
the filters ResponseHeaderModifier, of rules and of their backends, and RequestMirror with a percentage, of rules. Other filters,
time-outs and TLS are not: no test of the operator needs them.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from lab import pods
from lab.mirror import key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.api import Object
    from lab.mirror import Key

CONTROLLER = "tidegate.dev/lab-gateway"
GATEWAY = ("gateway", "lab")  # namespace, name
GATEWAY_CLASS = "lab"


def cluster_name(service: Key) -> str:
    """How Envoy's stats call a Service."""
    return "/".join(service)


def is_ours(route: Object, parent: Object) -> bool:
    """Whether a parentRef names the lab's gateway."""
    namespace = parent.get("namespace", route["metadata"]["namespace"])
    return parent.get("kind", "Gateway") == "Gateway" and (namespace, parent["name"]) == GATEWAY


def clusters(services: Iterable[Object]) -> list[Object]:
    """One for each Service with a selector."""
    return [{"name": cluster_name(key(service))} for service in services if service["spec"].get("selector")]


def endpoints(services: Iterable[Object], all_pods: Iterable[Object]) -> list[Object]:
    """The addresses of the ready pods of each Service."""
    ready = [pod for pod in all_pods if pods.is_ready(pod) and pod["status"].get("podIP")]
    return [_assignment(service, ready) for service in services if service["spec"].get("selector")]


def _assignment(service: Object, ready: list[Object]) -> Object:
    namespace, selector = service["metadata"]["namespace"], service["spec"]["selector"].items()
    chosen = [
        pod["status"]["podIP"]
        for pod in ready
        if pod["metadata"]["namespace"] == namespace and selector <= pod["metadata"].get("labels", {}).items()
    ]
    hosts = [
        {"endpoint": {"address": {"socket_address": {"address": ip, "port_value": pods.PORT}}}} for ip in sorted(chosen)
    ]
    return {"cluster_name": cluster_name(key(service)), "endpoints": [{"lb_endpoints": hosts}]}


def virtual_hosts(routes: Iterable[Object]) -> list[Object]:
    """One for each hostname, the rules of all its routes in the order of precedence that the Gateway API sets."""
    hosts: dict[str, list[tuple[tuple[int, ...], Object]]] = {}
    for route in sorted(routes, key=lambda r: (r["metadata"]["creationTimestamp"], key(r))):
        if any(is_ours(route, parent) for parent in route["spec"].get("parentRefs", [])):
            for host in route["spec"].get("hostnames", ["*"]):
                hosts.setdefault(host, []).extend(_entries(route))
    return [
        {"name": host, "domains": _domains(host), "routes": [entry for _, entry in sorted(found, key=lambda f: f[0])]}
        for host, found in sorted(hosts.items())
    ]


def _domains(host: str) -> list[str]:
    return ["*"] if host == "*" else [host, f"{host}:*"]


def _entries(route: Object) -> list[tuple[tuple[int, ...], Object]]:
    """Each match of each rule, with its rank: the smaller is tried first."""
    found = []
    for rule in route["spec"].get("rules", []):
        for match in rule.get("matches", [{}]):
            plain = _grpc_as_http(match) if route["kind"] == "GRPCRoute" else match
            found.append((_rank(plain), {"match": _match(plain), **_action(route, rule)}))
    return found


def _rank(match: Object) -> tuple[int, ...]:
    path = match.get("path", {})
    exact = 0 if path.get("type") == "Exact" else 1
    method = 0 if "method" in match else 1
    return (
        exact,
        -len(path.get("value", "/")),
        method,
        -len(match.get("headers", [])),
        -len(match.get("queryParams", [])),
    )


def _grpc_as_http(match: Object) -> Object:
    """A gRPC call is a POST to /service/method."""
    method = match.get("method", {})
    if "service" not in method:
        return {"headers": match.get("headers", [])}
    whole = {"type": "Exact", "value": f"/{method['service']}/{method['method']}"}
    path = whole if "method" in method else {"type": "PathPrefix", "value": f"/{method['service']}"}
    return {"path": path, "headers": match.get("headers", [])}


def _match(match: Object) -> Object:
    headers = [{"name": h["name"], "string_match": _string(h)} for h in match.get("headers", [])]
    if "method" in match:
        headers.append({"name": ":method", "string_match": {"exact": match["method"]}})
    query = [{"name": q["name"], "string_match": _string(q)} for q in match.get("queryParams", [])]
    return {**_path(match.get("path", {})), "headers": headers, "query_parameters": query}


def _path(path: Object) -> Object:
    value = path.get("value", "/")
    match path.get("type", "PathPrefix"):
        case "Exact":
            return {"path": value}
        case "RegularExpression":
            return {"safe_regex": {"regex": value}}
        case _:
            # A Gateway prefix is of whole path elements: /shop is no prefix of /shopping.
            whole = value.rstrip("/")
            return {"path_separated_prefix": whole} if whole else {"prefix": "/"}


def _string(match: Object) -> Object:
    exact = match.get("type", "Exact") == "Exact"
    return {"exact": match["value"]} if exact else {"safe_regex": {"regex": match["value"]}}


def _action(route: Object, rule: Object) -> Object:
    """Weights as written; nothing to send to is a 500, as the Gateway API wants it."""
    shares = [(_backend(route, ref), int(ref.get("weight", 1))) for ref in rule.get("backendRefs", [])]
    if not sum(weight for _, weight in shares):
        return {"direct_response": {"status": 500}}
    weighted = [
        {"name": cluster_name(backend), "weight": weight, **_response_headers(ref)}
        for (backend, weight), ref in zip(shares, rule["backendRefs"], strict=True)
    ]
    missing = "INTERNAL_SERVER_ERROR"
    forward = {"weighted_clusters": {"clusters": weighted}, "cluster_not_found_response_code": missing}
    return {"route": {**forward, **_mirrors(route, rule)}, **_response_headers(rule)}


def _mirrors(route: Object, rule: Object) -> Object:
    """What the RequestMirror filters of a rule copy, and where to."""
    found = [one["requestMirror"] for one in rule.get("filters", []) if one["type"] == "RequestMirror"]
    policies = [
        {
            "cluster": cluster_name(_backend(route, one["backendRef"])),
            "runtime_fraction": {"default_value": {"numerator": one.get("percent", 100), "denominator": "HUNDRED"}},
        }
        for one in found
    ]
    return {"request_mirror_policies": policies} if policies else {}


def _response_headers(of: Object) -> Object:
    """What the ResponseHeaderModifier filters of a rule, or of one of its backends, do to responses."""
    found = [one["responseHeaderModifier"] for one in of.get("filters", []) if one["type"] == "ResponseHeaderModifier"]
    added = [(header, "APPEND_IF_EXISTS_OR_ADD") for one in found for header in one.get("add", [])]
    added += [(header, "OVERWRITE_IF_EXISTS_OR_ADD") for one in found for header in one.get("set", [])]
    removed = [name for one in found for name in one.get("remove", [])]
    add = [{"header": {"key": one["name"], "value": one["value"]}, "append_action": how} for one, how in added]
    return {
        **({"response_headers_to_add": add} if add else {}),
        **({"response_headers_to_remove": removed} if removed else {}),
    }


def _backend(route: Object, ref: Object) -> Key:
    return ref.get("namespace", route["metadata"]["namespace"]), ref["name"]


def status(route: Object, services: Mapping[Key, Object], *, accepted: bool = True) -> Object | None:
    """The status a gateway controller would write; None when what is there says it already.

    Other controllers' entries are kept. `accepted`: False plays a gateway that refuses the route.
    """
    before = (route.get("status") or {}).get("parents") or []
    others = [entry for entry in before if entry["controllerName"] != CONTROLLER]
    ours = [parent for parent in route["spec"].get("parentRefs", []) if is_ours(route, parent)]
    conditions = [_accepted(accepted=accepted), _resolved(route, services)]
    generation = {"observedGeneration": route["metadata"]["generation"]}
    now = {"lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    parents = [
        {
            "parentRef": parent,
            "controllerName": CONTROLLER,
            "conditions": [{**c, **generation, **now} for c in conditions],
        }
        for parent in ours
    ]
    after = others + parents
    return None if _timeless(after) == _timeless(before) else {"parents": after}


def _accepted(*, accepted: bool) -> Object:
    if accepted:
        return {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    return {"type": "Accepted", "status": "False", "reason": "UnsupportedValue", "message": "refused, as told"}


def _resolved(route: Object, services: Mapping[Key, Object]) -> Object:
    backends = [_backend(route, ref) for rule in route["spec"].get("rules", []) for ref in rule.get("backendRefs", [])]
    missing = sorted({cluster_name(backend) for backend in backends if backend not in services})
    if missing:
        message = f"no Service {', '.join(missing)}"
        return {"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": message}
    return {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs", "message": ""}


def _timeless(parents: list[Object]) -> str:
    """Comparable: without times, in one order."""
    bare = [
        {
            **p,
            "conditions": [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in p.get("conditions", [])],
        }
        for p in parents
    ]
    return json.dumps(sorted(bare, key=json.dumps), sort_keys=True)
