"""What must be true of every router, on a real API server: only the two numbers change, nothing is lost, a revert gets through."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.router_samples import SAMPLES
from tests.contract.router_samples.sample import Object, Sample
from tests.integration.routers.conftest import ROWS, Stage
from tidegate.core.model.world import ABSENT, MOST, Acceptance, Route, RulePair, Unknown
from tidegate.core.traffic import weights
from tidegate.ports.errors import Conflict, Missing
from tidegate.ports.protocols import Manager

WRITES = 20
STATUSES = 60
"""Statuses a second."""
TOLD = 10
"""Statuses that are written meanwhile, at least."""


@pytest.fixture(params=SAMPLES, ids=str)
def sample(request: pytest.FixtureRequest) -> Sample:
    found: Sample = request.param
    return found


def test_every_row_has_a_sample() -> None:
    assert {row.kind for row in ROWS} == {sample.kind for sample in SAMPLES}


async def test_the_pair_is_found_beside_a_third_backend(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    for route in (await stage.route(sample), await stage.route(sample, sample.rule)):
        (pair,) = route.pairs
        assert (pair.rule, pair.baseline, pair.candidate) == (sample.rule, *sample.found)
        assert pair.alone == (not sample.third)
        assert pair.fixed in {None, sample.total or 10000}
        assert (route.missing_rules, route.reverted_by_us) == ((), False)


async def test_another_name_is_no_backend(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    ref = stage.ref(sample)
    for name in ("shop-canary-2", "canary", f"{ref.candidate}#another", "/spec/replicas"):
        other = await stage.router.read(type(ref)(ref.namespace, ref.kind, ref.name, ref.baseline, name), fresh=True)
        assert isinstance(other, Route)
        assert other.pairs == ()


async def test_a_write_changes_the_two_numbers_and_nothing_else(stage: Stage, sample: Sample) -> None:
    before = await stage.put(sample)
    total = sum(sample.found)
    numbers = (total - total // 4, total // 4)
    written = await stage.router.write(await stage.route(sample), {sample.rule: numbers}, Manager.FORWARD)
    after = await stage.now(sample)
    assert (written.pairs[0].baseline, written.pairs[0].candidate) == numbers == sample.numbers(after)
    assert _foreign(sample, after) == _foreign(sample, before)
    assert after["metadata"].get("annotations", {}).keys() == before["metadata"].get("annotations", {}).keys()
    if sample.inside:
        text = before["metadata"]["annotations"][sample.inside]
        assert after["metadata"]["annotations"][sample.inside] == text.replace("90", "75").replace(
            "10 }", "25 }"
        ).replace('"Weight":10', '"Weight":25')


async def test_the_sum_is_kept_in_each_single_write(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    versions: list[Object] = []
    route = await stage.route(sample)
    for weight in ("50", "100", "0"):
        (pair,) = route.pairs
        numbers = weights.numbers(Decimal(weight), pair, weights.sum_alone([Decimal(weight)], pair))
        route = await stage.router.write(route, {sample.rule: numbers}, Manager.FORWARD)
        versions.append(await stage.now(sample))
    sums = [sum(number or 0 for number in sample.numbers(item)) for item in versions]
    assert sums == [sample.total or sum(sample.found) if sample.third or sample.total else 100] * 3
    assert [item["metadata"]["resourceVersion"] for item in versions] == sorted(
        {item["metadata"]["resourceVersion"] for item in versions}, key=int
    )


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.has_absent], ids=str)
async def test_a_missing_weight_has_the_routers_meaning_and_is_written_all_the_same(
    stage: Stage, sample: Sample
) -> None:
    item = sample.with_numbers(sample.item(stage.namespace), None, None)
    await stage.put(sample, item)
    found = await stage.router.read(stage.ref(sample), fresh=True)
    if sample.absent is None:
        assert isinstance(found, Unknown)
        return
    assert isinstance(found, Route)
    (pair,) = found.pairs
    rest = sample.absent if sample.baseline else (sample.total or 0) - sample.absent
    even = sample.kind == "HTTPProxy" and not sample.third
    assert (pair.baseline, pair.candidate) == ((1, 1) if even else (rest * 1, sample.absent))
    total = sample.total or 100
    await stage.router.write(found, {sample.rule: (total - total // 4, total // 4)}, Manager.FORWARD)
    assert sample.numbers(await stage.now(sample)) == (total - total // 4, total // 4)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.text], ids=str)
async def test_a_number_that_is_none_is_unknown_and_not_0(stage: Stage, sample: Sample) -> None:
    item = sample.item(stage.namespace)
    item["metadata"]["annotations"][sample.candidate[-1]] = "ten"
    await stage.put(sample, item)
    found = await stage.router.read(stage.ref(sample), fresh=True)
    assert isinstance(found, Unknown)
    assert "'ten'" in found.reason


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.text], ids=str)
async def test_a_number_that_is_none_meanwhile_refuses_the_write(stage: Stage, sample: Sample) -> None:
    await stage.put(sample, sample.with_numbers(sample.item(stage.namespace), sum(sample.found), 0))
    route = await stage.route(sample)
    item = await stage.now(sample)
    item["metadata"]["annotations"][sample.candidate[-1]] = "ten"
    await stage.replace(sample, item)
    for manager in Manager:
        with pytest.raises(Conflict):
            await stage.router.write(route, {sample.rule: (sum(sample.found) - 1, 1)}, manager)


def _asked(route: Route) -> Iterator[tuple[RulePair, Decimal]]:
    for pair in route.pairs:
        for total in {pair.total, 0, 1, pair.fixed or pair.total}:
            changed = RulePair(pair.rule, total, 0, pair.alone, pair.identity, pair.fixed, pair.most)
            yield from ((changed, Decimal(percent)) for percent in ("0", "0.1", "1", "33", "99.9", "100"))


async def test_0_0_is_never_asked_for_and_no_number_is_above_the_most(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    for pair, percent in _asked(await stage.route(sample)):
        total = weights.sum_alone([percent], pair)
        for numbers in (weights.numbers(percent, pair, total), weights.restored(pair, ())):
            assert sum(numbers) > 0 or pair.total == 0
            assert min(numbers) >= 0
            assert max(numbers) <= min(pair.most, MOST) or not pair.alone
        assert weights.restored(pair, ())[0] > 0


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.baseline], ids=str)
async def test_somebody_elses_0_0_is_read_as_what_the_router_makes_of_it(stage: Stage, sample: Sample) -> None:
    item = sample.with_numbers(sample.item(stage.namespace), 0, 0)
    if sample.third:
        item = _with(item, sample, sample.third, 0)
    await stage.put(sample, item)
    (pair,) = (await stage.route(sample)).pairs
    assert (pair.baseline, pair.candidate) == ((1, 1) if sample.kind == "HTTPProxy" else (0, 0))


async def test_drift_up_and_down_is_seen_and_put_back(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    total = sum(sample.found)
    for candidate in (total // 2, 0):
        await stage.set(sample, total - candidate, candidate)
        route = await stage.route(sample)
        assert route.pairs[0].candidate == candidate
        await stage.router.write(route, {sample.rule: sample.found}, Manager.FORWARD)
        assert sample.numbers(await stage.now(sample)) == sample.found


@pytest.mark.parametrize("manager", list(Manager))
async def test_a_write_decided_on_another_pair_is_refused(stage: Stage, sample: Sample, manager: Manager) -> None:
    await stage.put(sample)
    route = await stage.route(sample)
    total = sum(sample.found)
    await stage.set(sample, total - 3, 3)
    with pytest.raises(Conflict):
        await stage.router.write(route, {sample.rule: (total, 0)}, manager)
    assert sample.numbers(await stage.now(sample)) == (total - 3, 3)
    await stage.router.write(await stage.route(sample), {sample.rule: (total, 0)}, manager)


async def test_an_object_that_is_another_now_refuses_all_but_a_revert(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    route = await stage.route(sample)
    total = sum(sample.found)
    await stage.replace(sample, _with(await stage.now(sample), None, sample.frame, "changed"))
    with pytest.raises(Conflict):
        await stage.router.write(route, {sample.rule: (total // 2, total - total // 2)}, Manager.FORWARD)
    if (await stage.route(sample)).pairs[0].identity == route.pairs[0].identity:
        await stage.router.write(route, {sample.rule: (total, 0)}, Manager.REVERT)
        assert sample.numbers(await stage.now(sample)) == (total, 0)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.third], ids=str)
async def test_a_third_backends_new_weight_refuses_no_write(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    route = await stage.route(sample)
    await stage.replace(sample, _with(await stage.now(sample), sample, sample.third, 5))
    await stage.router.write(route, {sample.rule: (sum(sample.found), 0)}, Manager.FORWARD)
    after = await stage.now(sample)
    assert sample.numbers(after) == (sum(sample.found), 0)
    assert sample.number_at(after, sample.third) == 5 * sample.scale


async def test_a_status_written_60_times_a_second_refuses_no_write(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    told, stop = [0], asyncio.Event()

    async def tell() -> None:
        while not stop.is_set():
            told[0] += 1
            await _tell(stage, sample, told[0])
            await asyncio.sleep(1 / STATUSES)

    telling = asyncio.create_task(tell())
    total, writes = sum(sample.found), 0
    try:
        while not telling.done() and (writes < WRITES or told[0] < TOLD):
            writes += 1
            numbers = (total - writes % 2, writes % 2)
            await stage.router.write(await stage.route(sample), {sample.rule: numbers}, Manager.FORWARD)
    finally:
        stop.set()
        await telling
    assert sample.numbers(await stage.now(sample)) == (total - writes % 2, writes % 2)


async def test_the_last_writer_tells_whether_it_was_our_revert(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    total = sum(sample.found)
    before = await stage.route(sample)
    raised = await stage.router.write(before, {sample.rule: (total // 2, total - total // 2)}, Manager.FORWARD)
    assert not raised.reverted_by_us
    reverted = await stage.router.write(raised, {sample.rule: (total, 0)}, Manager.REVERT)
    assert reverted.reverted_by_us
    assert (await stage.route(sample)).reverted_by_us
    assert reverted.generation >= raised.generation >= before.generation
    again = await stage.router.write(reverted, {sample.rule: (total - 1, 1)}, Manager.FORWARD)
    assert not again.reverted_by_us
    back = await stage.router.write(again, {sample.rule: (total, 0)}, Manager.REVERT)
    assert back.reverted_by_us
    await stage.set(sample, total - 2, 2)
    assert not (await stage.route(sample)).reverted_by_us


async def test_what_is_deleted_is_absent_and_a_write_to_it_is_missing(stage: Stage, sample: Sample) -> None:
    item = await stage.put(sample)
    route = await stage.route(sample)
    await stage.hands.delete(item, now=True)
    with pytest.raises(Missing):
        await stage.router.write(route, {sample.rule: (sum(sample.found), 0)}, Manager.REVERT)
    assert await stage.router.read(stage.ref(sample), fresh=True) is ABSENT


async def test_a_missing_backend_leaves_no_pair_and_says_which_rule(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    await stage.route(sample)
    ref = stage.ref(sample)
    gone = type(ref)(ref.namespace, ref.kind, ref.name, ref.baseline, "gone", (sample.rule,))
    found = await stage.router.read(gone, fresh=True)
    assert isinstance(found, Route)
    assert (found.pairs, found.missing_rules) == ((), (sample.rule,))


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.baseline], ids=str)
async def test_a_revert_with_a_backend_gone_meanwhile_writes_nothing(stage: Stage, sample: Sample) -> None:
    """It is decided again, on an object that has no pair: there is nothing that could give the candidate traffic."""
    await stage.put(sample)
    route = await stage.route(sample)
    item = _without_candidate(await stage.now(sample), sample)
    await stage.replace(sample, item)
    with pytest.raises(Conflict):
        await stage.router.write(route, {sample.rule: (sum(sample.found), 0)}, Manager.REVERT)
    assert (await stage.route(sample)).pairs == ()


async def test_what_the_router_says_is_read(stage: Stage, sample: Sample) -> None:
    await stage.put(sample)
    for status, said in sample.rows:
        if status is not None:
            await stage.say(sample, status)
        route = await stage.route(sample)
        assert route.acceptance is said, status
        exact = said is not Acceptance.UNREPORTED and "observedGeneration" in str(status)
        assert (route.settle == 0) == exact
        assert bool(route.acceptance_message) == (said in {Acceptance.PENDING, Acceptance.REFUSED})


async def _tell(stage: Stage, sample: Sample, number: int) -> None:
    """The router writes something: a status, or where there is none something else that is not ours."""
    for status in [status for status, _ in sample.rows if status is not None][:1]:
        told = json.dumps(status).replace("as the test says", f"the {number}th")
        await stage.say(sample, json.loads(told))
    await stage.hands.patch(await stage.now(sample), {"metadata": {"labels": {"told": str(number)}}})


def _foreign(sample: Sample, item: Object) -> Object:
    """What is not the pair's numbers, nor the API server's own bookkeeping."""
    made = sample.with_numbers(item, 0 if sample.baseline else None, 0)
    for key in ("resourceVersion", "generation", "managedFields"):
        made["metadata"].pop(key, None)
    return made


def _with(item: Object, sample: Sample | None, path: tuple[str | int, ...], value: object) -> Object:
    """A copy with one field changed; with `sample`, one of its numbers."""
    if sample is not None and sample.inside:
        other = Sample(**{**sample.__dict__, "baseline": path})
        assert isinstance(value, int)
        return other.with_numbers(item, value, other.numbers(item)[1])
    made = copy.deepcopy(item)
    node: Any = made
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return made


def _without_candidate(item: Object, sample: Sample) -> Object:
    """A copy without the candidate's backend."""
    made = sample.with_numbers(item, *sample.numbers(item))
    if sample.inside:
        return _with(
            made,
            None,
            ("metadata", "annotations", sample.inside),
            made["metadata"]["annotations"][sample.inside].replace("shop-canary", "gone"),
        )
    node: Any = made
    for key in sample.candidate[:-2]:
        node = node[key]
    del node[sample.candidate[-2]]
    return made
