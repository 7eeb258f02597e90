"""A crowd whose operator is killed: at any moment of a release, of a revert and of its conclusions."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.simulated.crowded import INTERVAL, WEIGHT, Crowd, crowd
from tests.simulated.test_crowds import Busy
from tidegate.core.run.ending import CALM, CROWD_CALM, CROWD_SPREAD

COUNT: Final = 40
GUARDS: Final = [{"metric": "errors", "max": "5%"}]
DOWN: Final = 1.0
"""Seconds without a process."""
START: Final = 5.0
"""Seconds in which a new process looks at all of them, on an API server that is as busy as theirs."""


async def replaced(made: Crowd) -> None:
    await made.kill()
    await made.passes(DOWN)
    made.start()


def outcomes(made: Crowd) -> Counter[tuple[str, ...]]:
    """How often each history of runs is there."""
    histories = (made.shop.cluster.rollouts[name].status.get("history", ()) for name in made.names)
    return Counter(tuple(run["outcome"] for run in history) for history in histories)


def shares(made: Crowd, name: str) -> list[int]:
    """The candidate's weights on its route, one after the other."""
    writes = (one for one in made.shop.cluster.history if one.route == f"HTTPRoute/{name}")
    return [one.rules[0][f"{name}-canary"] for one in writes]


@pytest.mark.parametrize("after", [0.3, 2.0, 5.0, 11.0, 17.0])
async def test_a_release_goes_on_where_it_was(after: float) -> None:
    async with crowd(COUNT, Busy().takes, guards=GUARDS) as made:
        await made.passes(after)
        await replaced(made)
        await made.passes(120, lambda: made.weights() == {WEIGHT})
        assert made.weights() == {WEIGHT}
        assert {made.shop.cluster.rollouts[name].status["runs"] for name in made.names} == {1}, "no run began twice"


@pytest.mark.parametrize("after", [0.2, 3.0, 6.5, 9.5, 12.0, 30.0, 36.0])
async def test_a_revert_is_over_an_interval_after_the_new_process_began(after: float) -> None:
    async with crowd(COUNT, Busy().takes, guards=GUARDS) as made:
        await made.passes(120, lambda: made.weights() == {WEIGHT})
        await made.passes(2 * INTERVAL)
        made.sick.append(made.shop.clock.now())
        await made.passes(after)
        await replaced(made)
        assert await made.passes(60, lambda: made.weights() == {0}) <= INTERVAL + START
        await made.passes(CROWD_CALM + 2 * (CALM + CROWD_SPREAD) + INTERVAL, lambda: made.phases() == {"Reverted"})
        assert made.phases() == {"Reverted"}
        assert outcomes(made) == {("Reverted",): COUNT}, "each once"
        assert all(shares(made, name) == [0, WEIGHT, 0] for name in made.names), "none was raised again"


@pytest.mark.parametrize("after", [0.5, 2.0, 4.0, 6.5, 9.0])
async def test_a_breach_that_was_answered_is_reverted_although_its_answer_is_gone_with_the_process(
    after: float,
) -> None:
    """Each is reverted or goes on: none stays in between, and none is raised again after it was at 0."""
    async with crowd(COUNT, Busy().takes, guards=GUARDS) as made:
        await made.passes(120, lambda: made.weights() == {WEIGHT})
        await made.passes(2 * INTERVAL)
        made.sick.append(made.shop.clock.now())
        await made.passes(after)
        made.sick.clear()
        await replaced(made)
        await made.passes(CROWD_CALM + 2 * (CALM + CROWD_SPREAD) + INTERVAL)
        found = Counter(
            (tuple(shares(made, name)), str(made.shop.cluster.rollouts[name].status["phase"])) for name in made.names
        )
        assert set(found) <= {((0, WEIGHT, 0), "Reverted"), ((0, WEIGHT), "Progressing")}
        assert found[(0, WEIGHT, 0), "Reverted"] > 0
