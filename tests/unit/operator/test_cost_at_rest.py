"""Guarantee 10 on the operator's own adapters: a Rollout at rest costs nothing, and a quiet evaluation makes no request."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from tests.unit.operator.fleet import INTERVAL, NEW, SAME, Fleet, deployment, fleet
from tests.unit.operator.virtual_loop import in_virtual_time
from tidegate.handlers.resync import EVERY as RESYNC_EVERY
from tidegate.handlers.standing import EVERY as LOOK_EVERY
from tidegate.reconcile.tick import RESYNC

HOURS = 6
SETTLED = 900.0
"""Seconds after which nothing is left to be done."""
HEARTBEAT = 300
"""Seconds between two status writes of a run in which nothing changes: how long it was watched survives a restart."""


async def idle(_: Fleet) -> None:
    """The candidate runs the baseline's version."""


async def reverted(made: Fleet) -> None:
    made.release(NEW)
    await made.until(lambda: all(made.weight(name) for name in made.names))
    made.source.sick.update(f"shop/{name}" for name in made.names)
    await made.until(lambda: made.phases() == {"Reverted"})
    made.source.sick.clear()


async def succeeded(made: Fleet) -> None:
    made.release(NEW)
    await made.until(lambda: made.phases() == {"Promoting"})
    for name in made.names:
        made.server.put("deployments", deployment(name, NEW))
    await made.until(lambda: made.phases() == {"Succeeded"})


async def aborted(made: Fleet) -> None:
    made.release(NEW)
    await made.until(lambda: all(made.weight(name) for name in made.names))
    for name in made.names:
        made.command(name, "Abort")
    await made.until(lambda: not any("run" in made.status(name) for name in made.names))


ENDS = {"Idle": idle, "Reverted": reverted, "Succeeded": succeeded, "Aborted": aborted}


class Counted(NamedTuple):
    """What was counted over hours."""

    requests: Counter[tuple[str, str]]
    writes: int
    queries: int
    parsed: int
    tasks: int
    threads: int
    due: int
    """Rollouts of which the scheduler knows an instant at which to look."""


async def _rest(count: int, end: Callable[[Fleet], Awaitable[None]]) -> Counted:
    steps = [{"name": "canary", "weight": 10, "duration": "30s" if end is succeeded else "30d"}]
    async with fleet(count, SAME, steps=steps) as made:
        await end(made)
        await asyncio.sleep(SETTLED)
        made.forget()
        await asyncio.sleep(HOURS * 3600)
        assert not any("run" in made.status(name) for name in made.names)
        return Counted(
            made.server.count(),
            len(made.server.writes()),
            made.source.asked.total(),
            len(made.parsed),
            len(asyncio.all_tasks()),
            threading.active_count(),
            made.due,
        )


@pytest.mark.parametrize("end", ENDS)
def test_rollouts_at_rest_ask_nothing_write_nothing_and_wait_for_nothing(end: str) -> None:
    found = in_virtual_time(_rest(20, ENDS[end]))
    assert (found.writes, found.queries, found.parsed, found.due) == (0, 0, 0, 0)


def test_what_the_operator_asks_for_at_rest_does_not_depend_on_how_many_rollouts_there_are() -> None:
    """One list of Rollouts and one of commands every five minutes, and the question whether Rollouts can be listed."""
    few, many = (in_virtual_time(_rest(count, idle)) for count in (1, 100))
    assert few == many
    seconds = HOURS * 3600
    lists = seconds // RESYNC_EVERY
    assert dict(many.requests) == {
        ("list", "rollouts"): lists + seconds // LOOK_EVERY,
        ("list", "rolloutcommands"): lists,
    }


async def _quiet() -> None:
    """From one heartbeat to the next, and then over an hour."""
    async with fleet(5, NEW) as made:
        await made.until(lambda: all(made.status(name).get("step", {}).get("reached") for name in made.names))
        await made.until(
            lambda: all(made.status(name)["run"]["watched"] > HEARTBEAT for name in made.names), 2 * RESYNC
        )
        made.forget()
        await asyncio.sleep(3600)
        per_rollout = Counter(one.name for one in made.server.writes())
        assert set(per_rollout) == set(made.names), "nothing is written but the status of each"
        assert max(per_rollout.values()) <= 3600 / HEARTBEAT
        assert set(made.source.asked.values()) == {3600 // INTERVAL}, (
            "one query at each evaluation: the limit is absolute"
        )
        live = Counter(one.name for one in made.server.requests if (one.verb, one.plural) == ("get", "rollouts"))
        assert max(live.values()) <= 3600 / RESYNC + 1


def test_a_run_in_which_nothing_happens_is_recorded_once_in_five_minutes_and_read_live_as_often() -> None:
    in_virtual_time(_quiet())
