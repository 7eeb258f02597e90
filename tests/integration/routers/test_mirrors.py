"""Mirrors on a real API server: one entry comes and goes, everything else stays as it is to the byte."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.router_samples import SAMPLES
from tests.contract.router_samples.sample import Copies, Object, Sample
from tests.integration.routers.conftest import Stage
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.routers import BY_KIND, RouteCaches, routers
from tidegate.adapters.routers.shapes.weighted_lists import WeightedLists
from tidegate.api.rollout.traffic import WITH_MIRRORS
from tidegate.ports.errors import Conflict, Rejected
from tidegate.ports.protocols import Manager

MIRRORING = [sample for sample in SAMPLES if sample.copies is not None]


@pytest.fixture(params=MIRRORING, ids=str)
def sample(request: pytest.FixtureRequest) -> Sample:
    found: Sample = request.param
    return found


@pytest.fixture
def copies(sample: Sample) -> Copies:
    assert sample.copies is not None
    return sample.copies


def test_there_is_a_sample_of_every_kind_that_mirrors() -> None:
    assert {sample.kind for sample in MIRRORING} == set(WITH_MIRRORS)


def with_entries(item: Object, copies: Copies, *entries: Object) -> Object:
    """A copy with further entries in the list."""
    made = copy.deepcopy(item)
    *way, last = copies.entries
    node: Any = made
    for key in way:
        node = node[key]
    if entries:
        node[last] = [*(node.get(last) or []), *entries]
    return made


def listed(item: Object, copies: Copies) -> list[Object]:
    """What stands in the list."""
    node: Any = item
    for key in copies.entries:
        node = node[key]
    return list(node)


def changed(entry: Object, change: Object) -> Object:
    return {key: value for key, value in {**entry, **change}.items() if value is not None}


@pytest.mark.parametrize("others", [True, False], ids=["beside others", "alone"])
async def test_one_entry_is_added_changed_and_removed_and_all_else_stays(
    stage: Stage, sample: Sample, copies: Copies, *, others: bool
) -> None:
    item = with_entries(sample.item(stage.namespace), copies, *(copies.others if others else ()))
    before = (await stage.put(sample, item))["spec"]
    route = await stage.route(sample)
    assert (route.pairs[0].mirror, route.pairs[0].cannot_mirror) == (0, "")
    entry = _in(stage, copies.entry)
    for percent in (25, 100, 1, 25):
        mirrored = await stage.router.write(route, {}, Manager.FORWARD, {sample.rule: percent})
        assert (mirrored.pairs[0].mirror, mirrored.pairs[0].identity) == (percent, route.pairs[0].identity)
        assert mirrored.pairs == route.pairs
        route = mirrored
    assert (await stage.now(sample))["spec"] == with_entries({"spec": before}, copies, entry)["spec"]
    removed = await stage.router.write(route, {}, Manager.REVERT, {sample.rule: 0})
    assert (removed.pairs[0].mirror, removed.reverted_by_us) == (0, True)
    assert (await stage.now(sample))["spec"] == before


async def test_a_revert_removes_the_mirror_in_the_write_of_the_weights(
    stage: Stage, sample: Sample, copies: Copies
) -> None:
    before = await stage.put(sample, with_entries(sample.item(stage.namespace), copies, _in(stage, copies.entry)))
    route = await stage.route(sample)
    assert route.pairs[0].mirror == 25
    total = sum(sample.found)
    written = await stage.router.write(route, {sample.rule: (total, 0)}, Manager.REVERT, {sample.rule: 0})
    after = await stage.now(sample)
    assert (written.pairs[0].candidate, written.pairs[0].mirror) == (0, 0)
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert sample.numbers(after) == (total, 0)


async def test_what_somebody_made_of_the_list_meanwhile_refuses_all_but_a_revert(
    stage: Stage, sample: Sample, copies: Copies
) -> None:
    entry = _in(stage, copies.entry)
    await stage.put(sample, with_entries(sample.item(stage.namespace), copies, entry))
    route = await stage.route(sample)
    moved = with_entries(sample.item(stage.namespace), copies, copies.others[-1], entry)
    await stage.replace(sample, moved)
    with pytest.raises(Conflict):
        await stage.router.write(route, {}, Manager.FORWARD, {sample.rule: 50})
    written = await stage.router.write(route, {}, Manager.REVERT, {sample.rule: 0})
    assert written.pairs[0].mirror == 0
    assert listed(await stage.now(sample), copies)[-1] == copies.others[-1]


async def test_an_entry_that_copies_everything_is_read_so(stage: Stage, sample: Sample, copies: Copies) -> None:
    entries = [changed(_in(stage, copies.entry), change) for change in copies.everything]
    for entry in entries:
        item = with_entries(sample.item(stage.namespace), copies, entry)
        await (stage.put(sample, item) if entry is entries[0] else stage.replace(sample, item))
        assert (await stage.route(sample)).pairs[0].mirror == 100


async def test_several_entries_of_ours_become_one_and_then_none(stage: Stage, sample: Sample, copies: Copies) -> None:
    entry = _in(stage, copies.entry)
    item = with_entries(sample.item(stage.namespace), copies, entry, *copies.others, entry)
    await stage.put(sample, item)
    route = await stage.route(sample)
    assert route.pairs[0].mirror == 50
    route = await stage.router.write(route, {}, Manager.FORWARD, {sample.rule: 25})
    assert route.pairs[0].mirror == 25
    await stage.router.write(route, {}, Manager.FORWARD, {sample.rule: 0})
    assert listed(await stage.now(sample), copies)[-len(copies.others) :] == list(copies.others)


async def test_an_api_server_that_does_not_know_the_percentage_refuses_the_mirror(
    stage: Stage, api: Api, sample: Sample
) -> None:
    """It would leave the field out, and the entry would copy every request."""
    before = await stage.put(sample)
    row = BY_KIND[sample.kind]
    assert isinstance(row.shape, WeightedLists)
    unknown = [
        replace(one, mirrors=replace(one.mirrors, percent=f"{one.mirrors.percent}OfAnother")) if one.mirrors else one
        for one in row.shape.rules
    ]
    row = replace(row, shape=replace(row.shape, rules=tuple(unknown)))
    with pytest.raises(Rejected, match="unknown field"):
        await routers(api, RouteCaches([row])).write(await stage.route(sample), {}, Manager.FORWARD, {sample.rule: 25})
    assert (await stage.now(sample))["spec"] == before["spec"]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.variant in {"tls", "tcpproxy"}], ids=str)
async def test_a_rule_of_connections_cannot_mirror(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    route = await stage.route(sample)
    assert route.pairs[0].cannot_mirror
    with pytest.raises(Rejected, match="could be mirrored"):
        await stage.router.write(route, {}, Manager.FORWARD, {sample.rule: 25})


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.variant == "http"], ids=str)
async def test_istios_older_mirror_is_not_put_beside_the_list(stage: Stage, sample: Sample) -> None:
    item = sample.item(stage.namespace)
    item["spec"]["http"][0]["mirror"] = {"host": "other"}
    await stage.put(sample, item)
    assert (await stage.route(sample)).pairs[0].cannot_mirror.startswith("it has `mirror`")


def _in(stage: Stage, entry: Object) -> Object:
    """The entry, in the stage's namespace."""
    made: Object = json.loads(json.dumps(entry).replace("NAMESPACE", stage.namespace))
    return made
