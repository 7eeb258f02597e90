"""Another Rollout's claim: read leniently, kept in an index, and never in anybody's way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.stage import SPEC
from tidegate.adapters.kubernetes.claims import RolloutCache
from tidegate.core.model.claims import claim_of_raw
from tidegate.core.model.world import RolloutObject

WEB = RolloutObject("shop", "web", "u-web", 1, "1", 0.0, deleting=False, finalizers=(), spec=SPEC, status={})
DEPLOYMENTS = {"Deployment/shop", "Deployment/shop-canary"}
PAIR = "HTTPRoute/shop: shop, shop-canary"
TARGET = {"kind": "GRPCRoute", "name": "old", "baseline": "a", "candidate": "b"}
OTHER_RUN = {"id": "1", "spec": json.dumps({**SPEC, "candidate": {"deployment": "next", "service": "next"}})}


def under_way(run: object = OTHER_RUN, **status: object) -> RolloutObject:
    return replace(WEB, status={"run": run, **status})


def test_a_rollout_claims_what_its_spec_names() -> None:
    claim, unreadable = claim_of_raw(WEB)
    assert claim.things == DEPLOYMENTS | {PAIR}
    assert not claim.active
    assert unreadable == ()


def test_a_run_claims_what_its_status_remembers_as_well() -> None:
    claim, unreadable = claim_of_raw(under_way(targets=[TARGET]))
    assert claim.active
    assert claim.things >= DEPLOYMENTS | {PAIR, "GRPCRoute/old: a, b", "Deployment/next", "HTTPRoute/shop: shop, next"}
    assert unreadable == ()


BROKEN: dict[str, tuple[RolloutObject, str]] = {
    "the run's spec is not valid JSON": (under_way({"id": "1", "spec": "{"}), "status.run.spec"),
    "the run's spec is JSON of another kind": (under_way({"id": "1", "spec": "[1]"}), "status.run.spec"),
    "the run's spec is no text": (under_way({"id": "1", "spec": 7}), "status.run.spec"),
    "the run's spec is too deep": (under_way({"id": "1", "spec": "[" * 100_000}), "status.run.spec"),
    "the run is no object": (under_way("yes"), "status.run"),
    "the targets are no list": (under_way(targets={"a": 1}), "status.targets"),
    "a target is no object": (under_way(targets=[3]), "status.targets[0]"),
    "a target lacks its name": (under_way(targets=[TARGET, {"kind": "HTTPRoute"}]), "status.targets[1]"),
    "an arm is no object": (replace(WEB, spec={**SPEC, "candidate": "x"}), "spec.candidate"),
    "the traffic is not a list": (replace(WEB, spec={**SPEC, "traffic": "x"}), "spec.traffic"),
    "the spec is no object": (replace(WEB, spec=[]), "spec"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_claims_nothing_and_is_named(case: str) -> None:
    broken, path = BROKEN[case]
    claim, unreadable = claim_of_raw(broken)
    assert path in unreadable
    assert claim.uid == WEB.uid
    if not path.startswith("spec"):
        assert claim.things >= DEPLOYMENTS | {PAIR}, "what can be read is claimed all the same"


def cache_of(*rollouts: RolloutObject) -> RolloutCache:
    cache = RolloutCache(lambda rollout: rollout.generation)
    for version, rollout in enumerate(rollouts, 1):
        cache.put((rollout.namespace, rollout.name), str(version), rollout, watched=True)
    return cache


def names(cache: RolloutCache, *things: str, namespace: str = "shop", uid: str = "me") -> list[str]:
    return [claim.name for claim in cache.claims.of(namespace, uid, frozenset(things))]


def named(name: str, **changes: Any) -> RolloutObject:  # noqa: ANN401
    return replace(WEB, name=name, uid=f"u-{name}", **changes)


def test_only_those_are_found_that_claim_one_of_the_things_in_the_namespace() -> None:
    elsewhere = {"baseline": {"deployment": "x", "service": "x"}, "candidate": {"deployment": "y", "service": "y"}}
    cache = cache_of(named("a"), named("b"), named("c", spec=elsewhere), named("d", namespace="bank"))
    assert names(cache, PAIR, "Deployment/shop") == ["a", "b"]
    assert names(cache, "Deployment/x") == ["c"]
    assert names(cache, PAIR, namespace="bank") == ["d"]
    assert names(cache, PAIR, uid="u-a") == ["b"]
    assert names(cache, "Deployment/nobody") == []


def test_the_index_follows_edits_and_deletions() -> None:
    cache = cache_of(named("a"))
    moved = {**SPEC, "candidate": {"deployment": "next", "service": "next"}}
    cache.put(("shop", "a"), "5", named("a", generation=2, spec=moved), watched=True)
    assert names(cache, "Deployment/shop-canary", PAIR) == []
    assert names(cache, "Deployment/next") == ["a"]
    cache.drop(("shop", "a"), "4")
    assert names(cache, "Deployment/next") == ["a"], "an older deletion is of another object"
    cache.drop(("shop", "a"), "6")
    assert names(cache, "Deployment/next", "Deployment/shop") == []


def test_an_older_object_moves_no_claim() -> None:
    cache = cache_of(named("a"))
    cache.put(("shop", "a"), "9", named("a", generation=2, spec={}), watched=True)
    cache.put(("shop", "a"), "8", named("a"), watched=False)
    assert names(cache, PAIR) == []


def test_a_run_that_ends_lets_go_of_what_only_it_remembered() -> None:
    running = named("a", status={"run": OTHER_RUN, "targets": [TARGET]})
    cache = cache_of(running)
    assert names(cache, "GRPCRoute/old: a, b", "Deployment/next") == ["a"]
    cache.put(("shop", "a"), "7", replace(running, status={}), watched=True)
    assert names(cache, "GRPCRoute/old: a, b", "Deployment/next") == []


def test_a_write_of_the_status_that_moves_no_claim_reads_nothing_anew() -> None:
    running = named("a", status={"run": OTHER_RUN, "targets": [TARGET]})
    cache = cache_of(running)
    (before,) = cache.claims.of("shop", "me", frozenset({PAIR}))
    for version in range(10, 20):
        again = json.dumps({**running.status, "message": f"step {version}"})
        cache.put(("shop", "a"), str(version), replace(running, status=json.JSONDecoder().decode(again)), watched=True)
    (after,) = cache.claims.of("shop", "me", frozenset({PAIR}))
    assert after is before


def test_a_broken_rollout_is_counted_once_for_what_it_holds() -> None:
    told: list[str] = []
    cache = RolloutCache(lambda rollout: rollout.generation, told.append)
    broken = replace(BROKEN["the run's spec is not valid JSON"][0], uid="u")
    for version in range(1, 5):
        cache.put(("shop", "web"), str(version), broken, watched=True)
    assert told == ["Rollout"]
    cache.put(("shop", "web"), "9", replace(broken, generation=2), watched=True)
    assert told == ["Rollout", "Rollout"]


def test_a_look_up_costs_what_it_finds_not_how_many_there_are() -> None:
    """Else a thousand Rollouts of one namespace, each looking for others, would be a million."""
    many = [
        named(
            f"r{number}",
            spec={"baseline": {"deployment": f"b{number}"}, "candidate": {"deployment": f"c{number}"}},
        )
        for number in range(300)
    ]
    cache = cache_of(*many)
    looked: list[object] = []

    class Counting(dict):  # type: ignore[type-arg]
        def __getitem__(self, key: object) -> object:
            looked.append(key)
            return super().__getitem__(key)

    cache.claims._kept = Counting(cache.claims._kept)  # noqa: SLF001  (what must not be walked)
    assert names(cache, "Deployment/b7", "Deployment/c7") == ["r7"]
    assert looked == [("shop", "r7")]
