"""A rule is found again under another name by all that it says, on every kind of route whose rules have names."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.contract.router_samples import SAMPLES
from tests.contract.router_samples.sample import Object, Sample
from tidegate.adapters.routers import BY_KIND
from tidegate.adapters.routers.row import Router
from tidegate.adapters.routers.shapes.weighted_lists import WeightedLists
from tidegate.adapters.routers.views import route_of
from tidegate.core.model.world import Route, TargetRef


def _shape(sample: Sample) -> WeightedLists | None:
    row = BY_KIND.get(sample.kind)
    return row.shape if isinstance(row, Router) and isinstance(row.shape, WeightedLists) else None


def _named(sample: Sample, *, matched: bool) -> bool:
    shape = _shape(sample)
    named = shape is not None and any(rules.name and rules.matched is matched for rules in shape.rules)
    return named and not sample.rule.startswith("#")


LABELLED = [sample for sample in SAMPLES if _named(sample, matched=False)]
MATCHED = [sample for sample in SAMPLES if _named(sample, matched=True)]


def _renamed(item: Object, rule: str, to: str) -> Object:
    """The object with another name of a rule, wherever that stands."""

    def changed(node: Any) -> Any:  # noqa: ANN401  (JSON)
        if isinstance(node, list):
            return [changed(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {key: to if key in {"name", "path"} and one == rule else changed(one) for key, one in node.items()}

    return {**copy.deepcopy(item), "spec": changed(item["spec"])}


def _mirroring(sample: Sample, item: Object) -> Object:
    """The object with what copies a quarter of the requests, where its rules can have that."""
    made = copy.deepcopy(item)
    if sample.copies is not None:
        *way, last = sample.copies.entries
        node: Any = made
        for key in way:
            node = node[key]
        node[last] = [*(node.get(last) or []), sample.copies.entry]
    return made


def _read(sample: Sample, item: Object, known: tuple[tuple[str, str], ...] = ()) -> Route:
    row = BY_KIND[sample.kind]
    assert isinstance(row, Router)
    item["metadata"] |= {"uid": "uid", "generation": 1, "resourceVersion": "1"}
    ref = TargetRef("NAMESPACE", sample.kind, "shop", *sample.names, (sample.rule,), known)
    return route_of(row.view(item), ref)


def _known(route: Route) -> tuple[tuple[str, str], ...]:
    return tuple((pair.rule, pair.identity) for pair in route.pairs)


def test_there_are_samples_of_rules_with_names() -> None:
    assert {sample.kind for sample in LABELLED} >= {"HTTPRoute", "GRPCRoute", "VirtualService", "ApisixRoute"}
    assert {sample.kind for sample in MATCHED} == {"VirtualServer", "VirtualServerRoute"}


@pytest.mark.parametrize("sample", LABELLED, ids=str)
def test_it_is_found_with_its_weights_and_its_mirror_whatever_those_are(sample: Sample) -> None:
    before = sample.item("NAMESPACE")
    known = _known(_read(sample, before))
    assert len(known) == 1
    after = _mirroring(sample, before)
    route = _read(sample, sample.with_numbers(_renamed(after, sample.rule, "another"), 60, 40), known)
    assert dict(route.renamed) == {"another": sample.rule}
    assert route.missing_rules == (sample.rule,), "nothing is raised until the Rollout names it"
    assert f"rule another is rule {sample.rule} under another name" in route.missing_because
    (pair,) = route.pairs
    assert (pair.rule, pair.numbers, pair.mirror) == ("another", (60, 40), 25 if sample.copies is not None else 0)
    assert set(route.handle.places) == {"another"}, "a write finds it"


@pytest.mark.parametrize("sample", LABELLED, ids=str)
def test_without_what_was_recorded_or_beside_the_named_one_it_is_another_rule(sample: Sample) -> None:
    item = sample.item("NAMESPACE")
    known = _known(_read(sample, item))
    renamed = _renamed(item, sample.rule, "another")
    assert not _read(sample, renamed).pairs
    assert not _read(sample, renamed, ((sample.rule, "another identity"),)).pairs
    rules = next(key for key, value in renamed["spec"].items() if any(_is(one, "another") for one in _list(value)))
    renamed["spec"][rules] = [*item["spec"][rules], *renamed["spec"][rules]]
    both = _read(sample, renamed, known)
    assert ([pair.rule for pair in both.pairs], dict(both.renamed)) == ([sample.rule], {})


@pytest.mark.parametrize("sample", LABELLED, ids=str)
def test_one_that_says_the_same_beside_it_is_seen_where_the_rollout_does_not_name_it(sample: Sample) -> None:
    item = sample.item("NAMESPACE")
    assert not _read(sample, item).twins
    copy_of_it = _renamed(item, sample.rule, "another")
    rules = next(key for key, value in copy_of_it["spec"].items() if any(_is(one, "another") for one in _list(value)))
    item["spec"][rules] = [*item["spec"][rules], *copy_of_it["spec"][rules]]
    assert _read(sample, item).twins == {sample.rule}
    row = BY_KIND[sample.kind]
    assert isinstance(row, Router)
    both = TargetRef("NAMESPACE", sample.kind, "shop", *sample.names, (sample.rule, "another"))
    assert not route_of(row.view(item), both).twins, "each is known by its name"


@pytest.mark.parametrize("sample", MATCHED, ids=str)
def test_where_the_name_is_what_requests_are_matched_by_another_name_is_another_rule(sample: Sample) -> None:
    item = sample.item("NAMESPACE")
    known = _known(_read(sample, item))
    route = _read(sample, _renamed(item, sample.rule, "/another"), known)
    assert (route.pairs, dict(route.renamed)) == ((), {})


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is(rule: object, name: str) -> bool:
    return isinstance(rule, dict) and rule.get("name") == name
