from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tidegate.adapters.routers import ROUTERS
from tidegate.adapters.routers.views import route_of
from tidegate.core.model.world import Acceptance, RulePair, TargetRef

REF = TargetRef("shop", "HTTPRoute", "web", "web", "web-canary")
PARENT = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}


def route(*backends: dict[str, Any], **parts: Any) -> dict[str, Any]:  # noqa: ANN401
    spec = {"parentRefs": [PARENT], "rules": [{"backendRefs": list(backends)}], **parts.pop("spec", {})}
    return {"metadata": {"uid": "u", "generation": 4, "namespace": "shop", **parts}, "spec": spec}


def reported(*conditions: tuple[str, str, int | None], parent: dict[str, Any] = PARENT) -> dict[str, Any]:
    said = [
        {"type": kind, "status": status, "message": "why", **({} if seen is None else {"observedGeneration": seen})}
        for kind, status, seen in conditions
    ]
    return {"parentRef": parent, "controllerName": "x", "conditions": said}


def pairs(*backends: dict[str, Any]) -> tuple[RulePair, ...]:
    return route_of(view(route(*backends)), REF).pairs


view = ROUTERS[0].view
WEB, CANARY = {"name": "web", "weight": 90}, {"name": "web-canary", "weight": 10}


@pytest.mark.parametrize(
    ("case", "backends", "found"),
    [
        ("the two alone", [WEB, CANARY], (90, 10, True)),
        ("beside another", [WEB, CANARY, {"name": "other"}], (90, 10, False)),
        ("a missing weight is 1", [{"name": "web"}, CANARY], (1, 10, True)),
        ("named in full", [{**WEB, "group": "", "kind": "Service", "namespace": "shop"}, CANARY], (90, 10, True)),
    ],
)
def test_a_rule_with_both_services_is_a_pair(case: str, backends: list[Any], found: tuple[int, int, bool]) -> None:
    assert pairs(*backends) == (RulePair("#0", found[0], found[1], alone=found[2]),), case


@pytest.mark.parametrize(
    ("case", "other"),
    [
        ("a Service of another namespace", {"namespace": "elsewhere"}),
        ("another kind", {"kind": "ServiceImport", "group": "multicluster.x-k8s.io"}),
        ("another group", {"group": "example.com"}),
    ],
)
def test_what_only_looks_like_the_service_is_not_it(case: str, other: dict[str, str]) -> None:
    assert pairs(WEB, {**CANARY, **other}) == (), case


def test_a_service_named_twice_in_a_rule_is_said_and_not_guessed() -> None:
    found = route_of(view(route(WEB, CANARY, {**CANARY, "port": 81})), REF)
    assert (found.pairs, found.missing_rules) == ((), ("#0",))
    assert found.missing_because == "rule #0 has 2 backends web-canary, and which of them has the weight is ambiguous"


@pytest.mark.parametrize("rules", [(), ("everyone",)])
def test_a_like_named_service_of_another_namespace_is_named_with_it(rules: tuple[str, ...]) -> None:
    raw = route()
    raw["spec"]["rules"] = [{"name": "everyone", "backendRefs": [WEB, {**CANARY, "namespace": "staging"}]}]
    found = route_of(view(raw), replace(REF, rules=rules))
    assert (found.pairs, found.missing_rules) == ((), rules)
    assert found.missing_because == "rule everyone has web-canary of namespace staging, not of shop"


@pytest.mark.parametrize(("weight", "said"), [(100, True), (0, False)])
def test_a_rule_that_is_missing_names_the_one_that_may_have_been_it(weight: int, said: bool) -> None:  # noqa: FBT001
    raw = route()
    raw["spec"]["rules"] = [{"name": "people", "backendRefs": [WEB, {**CANARY, "weight": weight}]}]
    found = route_of(view(raw), replace(REF, rules=("staff",)))
    words = "rule people, which is not in spec.traffic, gives web-canary weight 100, and no revert changes that: name the rule there, or change it by hand"
    assert (found.pairs, found.missing_rules, found.missing_because) == ((), ("staff",), words if said else "")
    raw["spec"]["rules"].append({"name": "staff", "backendRefs": [WEB, CANARY]})
    assert route_of(view(raw), replace(REF, rules=("staff",))).missing_because == "", "a rule of its own"


def test_beside_a_pair_another_namespaces_service_is_nobodys_business() -> None:
    found = route_of(view(route(WEB, CANARY, {**CANARY, "namespace": "staging"})), REF)
    assert (len(found.pairs), found.missing_rules, found.missing_because) == (1, (), "")


def identities(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and identity of each pair."""
    return [(one.rule, one.identity) for one in route_of(view(route(spec={"rules": list(rules)})), REF).pairs]


def test_the_identity_of_a_rule_moves_with_it_and_not_with_its_weights() -> None:
    api, rest = ({"matches": [{"path": {"value": path}}], "backendRefs": [WEB, CANARY]} for path in ("/api", "/"))
    (first, of_api), (second, of_rest) = identities(api, rest)
    assert of_api != of_rest
    assert identities(rest, api) == [(first, of_rest), (second, of_api)], "they changed places"
    assert identities({"backendRefs": [WEB]}, api, rest) == [("#1", of_api), ("#2", of_rest)], "one was put before them"
    raised = {**api, "backendRefs": [{**WEB, "weight": 50}, {**CANARY, "weight": 50}]}
    assert identities(raised, rest) == [(first, of_api), (second, of_rest)], "weights are no part of it"
    edited = {**api, "matches": [{"path": {"value": "/api/v2"}}]}
    assert identities(edited, rest)[0][1] not in {of_api, of_rest}


MIXED = [("Accepted", "True", 4), ("ResolvedRefs", "True", 4)]


@pytest.mark.parametrize(
    ("case", "parents", "acceptance"),
    [
        ("nobody reports", [], Acceptance.UNREPORTED),
        ("both are true of this generation", [reported(*MIXED)], Acceptance.ACCEPTED),
        ("said of the generation before", [reported(("Accepted", "True", 3), ("ResolvedRefs", "True", 4))], Acceptance.PENDING),
        ("one is not said yet", [reported(("Accepted", "True", 4))], Acceptance.PENDING),
        ("one is unknown", [reported(("Accepted", "Unknown", 4), ("ResolvedRefs", "True", 4))], Acceptance.PENDING),
        ("one is false", [reported(("Accepted", "True", 4), ("ResolvedRefs", "False", 4))], Acceptance.REFUSED),
        ("a refusal of the generation before is none", [reported(("Accepted", "False", 3), ("ResolvedRefs", "True", 4))], Acceptance.PENDING),
        ("a controller that names no generation is believed", [reported(("Accepted", "True", None), ("ResolvedRefs", "True", None))], Acceptance.ACCEPTED),
        ("a policy controller's entry is no gateway's", [reported(*MIXED), reported(("PolicyAffected", "True", 4))], Acceptance.ACCEPTED),
        ("nor is a stale one of it", [reported(*MIXED), reported(("PolicyAffected", "True", 2))], Acceptance.ACCEPTED),
        ("a policy controller alone reports nothing", [reported(("PolicyAffected", "True", 4))], Acceptance.UNREPORTED),
        ("nor does an entry without conditions", [reported()], Acceptance.UNREPORTED),
        ("of two controllers on one gateway one is enough", [reported(*MIXED), reported(("Accepted", "False", 4), ("ResolvedRefs", "True", 4))], Acceptance.ACCEPTED),
        ("one that has stopped is no matter beside it", [reported(("Accepted", "True", 2), ("ResolvedRefs", "True", 2)), reported(*MIXED)], Acceptance.ACCEPTED),
        ("two that both refuse", [reported(("Accepted", "False", 4), ("ResolvedRefs", "True", 4))] * 2, Acceptance.REFUSED),
        ("one that refuses and one that lags", [reported(("Accepted", "False", 4), ("ResolvedRefs", "True", 4)), reported(("Accepted", "True", 3), ("ResolvedRefs", "True", 3))], Acceptance.PENDING),
        ("what one says of Accepted and another of ResolvedRefs is not put together", [reported(("Accepted", "True", 4)), reported(("ResolvedRefs", "True", 4))], Acceptance.PENDING),
        ("accepted in part, rules were dropped", [reported(*MIXED, ("PartiallyInvalid", "True", 4))], Acceptance.REFUSED),
        ("accepted in part before, whole now", [reported(*MIXED, ("PartiallyInvalid", "True", 3))], Acceptance.ACCEPTED),
        ("wholly valid, and said so", [reported(*MIXED, ("PartiallyInvalid", "False", 4))], Acceptance.ACCEPTED),
        ("a report on a gateway no longer named does not count", [reported(*MIXED), reported(("Accepted", "False", 4), parent={"name": "former"})], Acceptance.ACCEPTED),
    ],
)  # fmt: skip
def test_what_gateways_say_is_put_together(case: str, parents: list[Any], acceptance: Acceptance) -> None:
    raw = {**route(WEB, CANARY), "status": {"parents": parents}}
    assert view(raw).acceptance is acceptance, case


@pytest.mark.parametrize(
    ("second", "acceptance"),
    [
        ([("Accepted", "False", 4), ("ResolvedRefs", "True", 4)], Acceptance.REFUSED),
        ([("Accepted", "True", 3), ("ResolvedRefs", "True", 4)], Acceptance.PENDING),
        (MIXED, Acceptance.ACCEPTED),
    ],
)
def test_of_several_gateways_the_least_content_counts(second: list[Any], acceptance: Acceptance) -> None:
    other = {**PARENT, "name": "second"}
    raw = route(WEB, CANARY, spec={"parentRefs": [PARENT, other]})
    for order in (
        [reported(*MIXED), reported(*second, parent=other)],
        [reported(*second, parent=other), reported(*MIXED)],
    ):
        assert view({**raw, "status": {"parents": order}}).acceptance is acceptance


def test_our_revert_is_known_by_its_manager_on_the_rules_and_nothing_else() -> None:
    def ours(manager: str, fields: dict[str, Any]) -> bool:
        return view(route(WEB, CANARY, managedFields=[{"manager": manager, "fieldsV1": fields}])).reverted_by_us

    assert ours("tidegate-revert", {"f:spec": {"f:rules": {}}})
    assert not ours("tidegate-revert", {"f:metadata": {}})
    assert not ours("tidegate", {"f:spec": {"f:rules": {}}})


def test_a_refusal_names_the_gateway_its_controller_and_its_words() -> None:
    parents = [reported(("Accepted", "True", 4), ("ResolvedRefs", "False", 4))]
    found = view({**route(WEB, CANARY), "status": {"parents": parents}})
    assert found.acceptance_message == "gateway gateway (x): ResolvedRefs is False: why"


def test_a_refusal_of_contour_names_its_errors_not_the_message_that_points_there() -> None:
    errors = [{"type": "ListenerError", "status": "True", "reason": "Why", "message": "no HTTP listener configured"}]
    condition = {"type": "Valid", "status": "False", "message": "see Errors for details", "errors": errors}
    proxy = {"metadata": {"uid": "u", "generation": 4, "namespace": "shop"}, "status": {"conditions": [condition]}}
    found = next(one for one in ROUTERS if one.kind == "HTTPProxy").view(proxy)
    assert found.acceptance is Acceptance.REFUSED
    assert found.acceptance_message == "Valid is False: no HTTP listener configured"


def test_a_service_as_parent_reports_like_a_gateway() -> None:
    mesh = {"group": "", "kind": "Service", "name": "web", "port": 80}
    raw = route(WEB, CANARY, spec={"parentRefs": [mesh]})
    assert view(raw).acceptance is Acceptance.UNREPORTED
    for status, acceptance in (("True", Acceptance.ACCEPTED), ("False", Acceptance.REFUSED)):
        said = reported(("Accepted", status, 4), ("ResolvedRefs", "True", 4), parent=mesh)
        assert view({**raw, "status": {"parents": [said]}}).acceptance is acceptance
    other = reported(("Accepted", "False", 4), parent={**mesh, "port": 81})
    assert view({**raw, "status": {"parents": [other]}}).acceptance is Acceptance.UNREPORTED


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_a_rule_whose_sessions_stay_is_told_of_with_its_field(kind: str) -> None:
    row = next(one for one in ROUTERS if one.kind == kind)
    staying = route(
        spec={"rules": [{"name": "main", "backendRefs": [WEB, CANARY], "sessionPersistence": {"type": "Cookie"}}]}
    )
    other = route(
        spec={
            "rules": [{"backendRefs": [WEB, CANARY]}, {"backendRefs": [WEB], "sessionPersistence": {"type": "Cookie"}}]
        }
    )
    assert route_of(row.view(staying), REF).sticky == "rule main has sessionPersistence"
    assert route_of(row.view(other), REF).sticky == "", "a rule that is not managed is not our business"
