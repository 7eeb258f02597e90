"""The registry of routers, and what is made of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers import BY_KIND, EVERY, ROUTERS, RouteCaches, enabled, page
from tidegate.adapters.routers.router import ObjectRouter
from tidegate.adapters.routers.shapes.one_number import CanaryAnnotations, OneField
from tidegate.adapters.routers.shapes.shape import MirroringShape, Shape
from tidegate.adapters.routers.shapes.weighted_lists import WeightedLists
from tidegate.api.rollout.traffic import WITH_MIRRORS, WITH_SUBSETS, WITHOUT_RULES, RouteKind, TrafficTarget
from tidegate.core.model.claims import claim_of_raw, pair
from tidegate.core.model.world import RolloutObject, TargetRef, Unknown
from tidegate.handlers import Caches, Intake, takes_of
from tidegate.runtime.settings import Settings, SettingsError
from tidegate.runtime.settings_file import parse

ROOT = Path(__file__).parents[3]


def test_every_kind_of_the_api_has_one_row_and_custom_has_none() -> None:
    assert [row.kind for row in ROUTERS] == list(BY_KIND)
    assert {row.kind for row in EVERY} == set(RouteKind) - {RouteKind.CUSTOM}


def test_the_page_is_made_of_the_rows() -> None:
    assert (ROOT / "docs/routers.md").read_text() == page.as_markdown()


def test_what_the_api_takes_fits_the_rows() -> None:
    shapes = {row.kind: row.shape for row in ROUTERS}
    subsets = {kind for kind, shape in shapes.items() if isinstance(shape, WeightedLists) and shape.naming.subset}
    single = {
        kind
        for kind, shape in shapes.items()
        if isinstance(shape, CanaryAnnotations | OneField)
        or (isinstance(shape, WeightedLists) and len(shape.rules) == 1 and shape.rules[0].label)
    }
    mirroring = {row.kind for row in ROUTERS if isinstance(row.shape, MirroringShape) and _mirrors(row.shape)}
    assert mirroring == WITH_MIRRORS
    assert subsets == WITH_SUBSETS
    assert single == WITHOUT_RULES - {RouteKind.CUSTOM, RouteKind.REPLICA_RATIO}


def _mirrors(shape: Shape) -> bool:
    return isinstance(shape, WeightedLists) and any(rules.mirrors is not None for rules in shape.rules)


def test_the_installation_grants_what_the_standard_routers_need() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy/cluster/rbac.yaml").read_text())
    rules = [rule for item in documents if item["kind"] == "ClusterRole" for rule in item["rules"]]
    granted = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needed = {(one.group, one.resource, verb) for row in enabled() for one in row.grants for verb in one.verbs}
    assert needed
    assert needed <= granted


def test_only_enabled_kinds_are_watched_and_several_routers_share_the_stream_of_one_kind_of_object() -> None:
    class Woken:
        seen: list[tuple[str, ...]] = []  # noqa: RUF012  (of one test)

        def rollout_changed(self, *what: str) -> None:
            self.seen.append(what)

        def object_changed(self, *what: str) -> None:
            self.seen.append(what)

    woken = Woken()
    caches = Caches(routes=RouteCaches(enabled(["NginxIngress", "ALBIngress"])))
    takes = takes_of(Intake(caches, woken))
    (resource,) = {resource for resource in takes if resource.kind == "Ingress"}
    assert not any("Route" in taken.kind for taken in takes)
    metadata = {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "5", "generation": 1}
    takes[resource]("ADDED", {"metadata": {**metadata, "annotations": {"nginx.ingress.kubernetes.io/canary": "true"}}})
    assert woken.seen == [("NginxIngress", "shop", "web"), ("ALBIngress", "shop", "web")]
    assert [len(caches.routes[kind]) for kind in caches.routes] == [1, 1]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"routers": ["HTTPRoutes"]}, "routers.0: write 'HTTPRoute', 'GRPCRoute'"),
        ({"routers": ["Custom"]}, "routers.0: kinds for 'kind: Custom' are described one by one, under 'custom'"),
        ({"custom": [{"group": "a.b", "versions": ["1"], "kind": "X", "plural": "xs", "weights": ["spec.x"]}]}, "custom.0.versions.0: write it like v1 or v1beta1"),
        ({"custom": [{"group": "a.b", "kind": "X", "plural": "xs", "weights": ["spec.x"]}]}, "custom.0.versions: is required"),
        ({"custom": [{"group": "a.b", "versions": ["v1"], "kind": "X", "plural": "xs", "weights": ["metadata.x"]}]}, "custom.0.weights.0: write a place below spec, such as spec.traffic[*].percent"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_meant_is_refused(written: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        parse(written, "file")


def test_by_default_the_standard_routers_are_enabled() -> None:
    assert Settings().routers == ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")


TARGETS: tuple[dict[str, Any], ...] = (
    {"kind": "HTTPRoute", "name": "web"},
    {"kind": "VirtualService", "name": "web", "backends": {"baseline": {"name": "apex", "subset": "v1"}, "candidate": {"subset": "v2"}}},
    {"kind": "FeatureFlag", "name": "web", "backends": {"baseline": {"name": "off"}, "candidate": {}}},
    {"kind": "Custom", "name": "web", "custom": {"group": "a.b", "kind": "X", "baseline": "/spec/a", "candidate": "/spec/b"}},
    {"kind": "ReplicaRatio", "name": "web", "replicaRatio": {"total": 10}},
)  # fmt: skip


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target["kind"]))
def test_a_claim_read_from_another_rollouts_text_names_what_its_own_tick_writes(target: dict[str, Any]) -> None:
    arms = {arm: {"deployment": name, "service": name} for arm, name in (("baseline", "web"), ("candidate", "canary"))}
    rollout = RolloutObject("shop", "web", "u", 1, "1", 0.0, deleting=False, finalizers=(), spec={**arms, "traffic": [target]}, status={})  # fmt: skip
    parsed = TrafficTarget.model_validate(target)
    own = pair(parsed.router, "web", *parsed.named(*(RouteArm(name, name) for name in ("web", "canary"))))
    read = claim_of_raw(rollout)
    assert read.unreadable == ()
    assert own in read.claim.things
    assert own.startswith(f"{parsed.router}/web")


class RouteArm(NamedTuple):
    deployment: str
    service: str


def test_one_service_whose_pods_are_the_weight_belongs_to_one_rollout_whatever_the_deployments() -> None:
    assert pair("ReplicaRatio", "web", "a", "b") == pair("ReplicaRatio", "web", "c", "d")
    assert pair("HTTPRoute", "web", "a", "b") != pair("HTTPRoute", "web", "c", "d")


class Answering:
    """An API server with one object."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw

    async def get(self, *_: object) -> dict[str, Any]:
        return self._raw


DEEP = "[" * 200_000
BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "a status of another type": ("HTTPRoute", {"status": {"parents": "x"}, "spec": {"parentRefs": [{}]}}),
    "an entry of another type": ("HTTPProxy", {"status": {"conditions": ["x"]}, "spec": {}}),
    "a service of another type": ("NginxIngress", {"spec": {"rules": "x"}}),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
async def test_an_object_that_is_not_what_its_kind_says_is_unknown(case: str) -> None:
    kind, content = BROKEN[case]
    annotations = {"nginx.ingress.kubernetes.io/canary": "true"}
    metadata = {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "1", "annotations": annotations}
    api: Any = Answering({"metadata": {**metadata, "generation": 1}, **content})
    router = ObjectRouter(BY_KIND[kind], api, Cache(), WriteAccess())
    found = await router.read(TargetRef("shop", kind, "web", "a", "b"), fresh=True)
    assert isinstance(found, Unknown), case
    assert found.reason.startswith(f"{kind}/web does not match the schema of its kind"), found.reason


def test_json_nested_without_end_in_an_annotation_is_no_action() -> None:
    annotations = {"alb.ingress.kubernetes.io/actions.all": DEEP}
    metadata = {"name": "web", "namespace": "shop", "uid": "u", "generation": 1, "annotations": annotations}
    assert BY_KIND["ALBIngress"].view({"metadata": metadata, "spec": {}}).rules == ()
