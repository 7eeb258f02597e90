"""Numbers and instants that no run could have, written into status by somebody: a breach is answered all the same, and as soon."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

import pytest

from tests.simulated.counted import ABSOLUTE, WORSE, counted
from tests.simulated.scaled import BUSY, Scaled
from tests.simulated.scraped import Stage
from tests.simulated.shop import Shop, spec
from tests.simulated.test_scale_to_zero import Sticky
from tidegate.api.commands import Action
from tidegate.core.model.answers import Vector
from tidegate.simulation.runner import Runner

LONG: Final = [{"name": "canary", "weight": 10, "duration": "1h"}, {"name": "half", "weight": 50, "duration": "1h"}]
BRIEF: Final = [{"name": "canary", "weight": 10, "duration": "10s"}, {"name": "half", "weight": 50, "duration": "1h"}]
LASTING: Final = [{"metric": "errors", "max": "5%", "for": "20s"}]

Path: TypeAlias = tuple[str | int, ...]
Breach: TypeAlias = Callable[[], object]
Story: TypeAlias = Callable[[], Awaitable[tuple[Shop, Runner, Breach]]]
"""A run under way, and what makes its candidate breach a limit."""

NUMBERS: Final = {int: (-(10**12), 2**63 - 1), float: (-1e12, 1e308)}
INSTANTS: Final = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
IS_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT")
NOT_READ: Final = {"conditions", "history", "checkpoints"}


async def _under_way(seconds: float, **changes: object) -> tuple[Shop, Runner, Breach]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, "guards": LASTING, **changes}))
    await runner.run_until(shop.clock.now() + seconds)
    return shop, runner, lambda: shop.values.update(candidate=0.5)


async def plain() -> tuple[Shop, Runner, Breach]:
    return await _under_way(70)


async def pending() -> tuple[Shop, Runner, Breach]:
    shop, runner, breach = await plain()
    breach()
    await runner.run_until(shop.clock.now() + 11)
    return shop, runner, breach


async def shared() -> tuple[Shop, Runner, Breach]:
    shop, runner, breach = await plain()
    shop.values.update(candidate=0.5, baseline=0.5)
    await runner.run_until(shop.clock.now() + 70)
    shop.values["baseline"] = 0.0
    return shop, runner, breach


async def without_data() -> tuple[Shop, Runner, Breach]:
    shop, runner, breach = await _under_way(30)
    shop.answer = lambda _query, _now: Vector(())
    await runner.run_until(shop.clock.now() + 60)
    shop.answer = None
    return shop, runner, breach


async def with_sessions() -> tuple[Shop, Runner, Breach]:
    sticky = Sticky(steps=LONG, guards=LASTING)
    await sticky.passes(40)
    return sticky.shop, sticky.runner, lambda: sticky.shop.values.update(candidate=0.5)


async def scaled() -> tuple[Shop, Runner, Breach]:
    made = Scaled(guards=[*LASTING, BUSY], steps=LONG)
    await made.passes(40)
    made.shop.values["candidate"] = 0.02
    await made.passes(25)
    return made.shop, made.runner, lambda: made.shop.values.update(candidate=0.5)


async def with_jobs() -> tuple[Shop, Runner, Breach]:
    jobs = {"RunStart": {"cronJob": "start", "deadline": "10m"}, "Revert": {"cronJob": "undo"}}
    return await _under_way(60, hooks=[{"name": when.lower(), "when": when, "job": job} for when, job in jobs.items()])


async def at_a_gate() -> tuple[Shop, Runner, Breach]:
    gate = {"approvals": [{"name": "lead"}, {"name": "service-owner"}]}
    shop, runner, breach = await _under_way(60, steps=[BRIEF[0], BRIEF[1] | {"gate": gate}])
    shop.command(Action.APPROVE, approval="lead")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 20)
    return shop, runner, breach


async def counting() -> tuple[Shop, Runner, Breach]:
    stage = Stage(counted(WORSE, ABSOLUTE))
    stage.source.shares(stage.start, baseline=0.002, candidate=0.002)
    await stage.until(600)
    return stage.shop, stage.runner, lambda: stage.source.shares(stage.shop.clock.now(), candidate=0.5)


STORIES: Final[dict[Story, float]] = {
    plain: 35,
    pending: 35,
    shared: 35,
    without_data: 35,
    with_sessions: 35,
    scaled: 35,
    with_jobs: 35,
    at_a_gate: 35,
    counting: 190,  # a test that is begun anew takes a few windows of a minute
}
"""Seconds from the breach to weight 0, at most."""


def leaves(node: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if isinstance(node, dict):
        for key, below in node.items():
            if key not in NOT_READ:
                yield from leaves(below, (*path, key))
    elif isinstance(node, list):
        for place, below in enumerate(node):
            yield from leaves(below, (*path, place))
    else:
        yield path, node


def others(value: object) -> tuple[object, ...]:
    """What no run could have in its place."""
    if isinstance(value, str):
        return INSTANTS if IS_INSTANT.match(value) else ()
    return NUMBERS.get(type(value), ())


def stored(shop: Shop) -> Any:  # noqa: ANN401  (JSON)
    return json.loads(json.dumps(shop.cluster.rollouts["checkout"].status))


async def to_zero(story: Story, path: Path, other: object, seconds: float) -> bool:
    """Whether the weight is 0 so soon after a breach, where somebody has written another value into status."""
    shop, runner, breach = await story()
    runner.stop()
    status = stored(shop)
    node = status
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = other
    shop.cluster.put_rollout(replace(shop.cluster.rollouts["checkout"], status=status))
    runner.restart()
    await runner.run_until(shop.clock.now() + 15)
    breach()
    await runner.run_until(shop.clock.now() + seconds, lambda: shop.weight == 0)
    return shop.weight == 0


@pytest.mark.parametrize("story", STORIES)
async def test_a_breach_is_answered_whatever_number_or_instant_the_status_has(story: Story) -> None:
    status = stored((await story())[0])
    tried = [(path, other) for path, value in leaves(status) for other in others(value)]
    if story is counting:  # each takes as long as all of another story's
        tried = [one for one in tried if "evidence" in one[0] or one[0][-1] == "trafficSince"]
    late = [(path, other) for path, other in tried if not await to_zero(story, path, other, STORIES[story])]
    assert len(tried) > 10
    assert not late
