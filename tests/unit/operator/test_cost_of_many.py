"""Guarantee 11 on the operator's own adapters: what a Rollout costs does not depend on how many there are beside it."""

from __future__ import annotations

import asyncio
import cProfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.unit.operator.api_server import Request
from tests.unit.operator.fleet import NEW, Fleet, fleet
from tests.unit.operator.virtual_loop import in_virtual_time
from tidegate.reconcile.tick import RESYNC

FEW, MANY = 8, 64
INTERVAL = 30
"""Seconds between two evaluations."""
CYCLE = int(RESYNC)
"""Seconds that are counted over: each run is read live once and recorded once."""
MORE = 1.15
"""Of a Rollout's work among many, against the same among few: what belongs to none of them weighs a little less there."""
OF_A_REVERT = [
    ("patch", "httproutes"),
    ("patch", "rollouts"),
    ("create", "events"),
    ("get", "httproutes"),
    ("patch", "rollouts"),
    ("patch", "rollouts"),
    ("create", "events"),
]
"""The weights, and beside them that the run ends; the look whether they stand; that it has ended; the finalizer. And two Events."""


class Work(NamedTuple):
    """What one Rollout costs, on the average of all."""

    requests: dict[tuple[str, str], float]
    """By verb and kind, of those about one object."""
    calls: float
    """Of the operator's own functions."""
    queries: float
    parsed: float


@contextmanager
def counted(made: Fleet, into: list[Work]) -> Iterator[None]:
    """Counts what the Rollouts of a fleet cost meanwhile."""
    made.forget()
    profile = cProfile.Profile()
    with profile:
        yield
    codes = ((one.code, one.callcount) for one in profile.getstats())
    calls = sum(times for code, times in codes if "/tidegate/" in getattr(code, "co_filename", ""))
    about_one = Counter((one.verb, one.plural) for one in made.server.requests if one.verb in {"get", "patch"})
    count = len(made.names)
    requests = {what: times / count for what, times in about_one.items()}
    into.append(Work(requests, calls / count, made.source.asked.total() / count, len(made.parsed) / count))


async def _work(count: int) -> list[Work]:
    """Of the start of the runs, of a cycle in which nothing happens, and of the end of all by a breach."""
    found: list[Work] = []
    async with fleet(count, interval=f"{INTERVAL}s") as made:
        await asyncio.sleep(60)
        with counted(made, found):
            made.release(NEW)
            await made.until(lambda: all(made.status(name).get("step", {}).get("reached") for name in made.names))
        await asyncio.sleep(RESYNC)
        with counted(made, found):
            await asyncio.sleep(CYCLE)
        with counted(made, found):
            made.source.sick.update(f"shop/{name}" for name in made.names)
            await made.until(lambda: made.phases() == {"Reverted"})
    return found


def test_what_a_run_costs_from_its_start_to_its_revert_does_not_grow_with_the_number_of_runs() -> None:
    """A look of each at the specs of all others, which there once was, is found by the calls of functions alone."""
    of_few, of_many = (in_virtual_time(_work(count)) for count in (FEW, MANY))
    for few, many in zip(of_few, of_many, strict=True):
        assert many.calls <= MORE * few.calls
        assert sum(many.requests.values()) <= MORE * sum(few.requests.values())
        assert many.queries <= MORE * few.queries
    start, run, end = of_many
    assert start.parsed <= 1, "a spec is parsed once, whatever reads it"
    assert run.parsed == end.parsed == 0
    assert (
        run.requests
        == of_few[1].requests
        == {
            ("get", "rollouts"): 1,
            ("get", "httproutes"): 1,
            ("get", "deployments"): 2,
            ("get", "services"): 2,
            ("patch", "rollouts"): 1,
        }
    )
    assert run.queries == CYCLE / INTERVAL
    assert sum(end.requests.values()) <= len(OF_A_REVERT)


async def _one_breaches(count: int) -> tuple[list[Request], float]:
    """The requests that belong to the one, and the seconds from the evaluation that decided to the weight 0."""
    async with fleet(count, NEW, interval=f"{INTERVAL}s") as made:
        name = made.names[count // 2]
        await made.until(lambda: all(made.status(one).get("step", {}).get("reached") for one in made.names))
        await asyncio.sleep(INTERVAL)
        made.forget()
        made.source.sick.add(f"shop/{name}")
        began = asyncio.get_running_loop().time()
        await made.until(lambda: made.weight(name) == 0)
        taken = asyncio.get_running_loop().time() - began
        await made.until(lambda: made.status(name)["phase"] == "Reverted")
        await asyncio.sleep(INTERVAL)
        assert all(made.weight(one) == made.status(one)["weight"]["observed"] for one in made.names)
        about = [one for one in made.server.requests if one.name in {name, f"{name}-canary"}]
        return [*about, *(one for one in made.server.requests if one.plural == "events")], taken


def test_a_revert_costs_the_same_few_requests_beside_many_and_comes_with_the_evaluation() -> None:
    for count in (FEW, MANY):
        requests, taken = in_virtual_time(_one_breaches(count))
        assert sorted((one.verb, one.plural) for one in requests) == sorted(OF_A_REVERT)
        assert taken <= INTERVAL + 1
