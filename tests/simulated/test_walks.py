"""The state machine on long random walks from fixed seeds: every move as likely as any other."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.simulated.machine import Machine
from tests.simulated.machine_moves import ANSWERS, CALLS, EDITS, ERRORS
from tidegate.api.commands import Action

MOVES: dict[str, Callable[[random.Random], dict[str, object]]] = {
    "time_passes": lambda pick: {"seconds": pick.choice([1, 10, 35, 70])},
    "the_clock_leaps": lambda pick: {"seconds": pick.choice([-4000, -30, 7, 90, 4000])},
    "the_operator_restarts": lambda _pick: {},
    "calls_fail": lambda pick: {
        "call": pick.choice(CALLS),
        "error": pick.choice(sorted(ERRORS)),
        "times": pick.randint(1, 4),
        "lost": pick.random() < 0.5,
    },
    "the_operator_dies_at_a_call": lambda pick: {
        "after": pick.randint(0, 12),
        "lost": pick.random() < 0.5,
        "away": pick.choice([0, 20, 60]),
    },
    "a_call_times_out_and_lands_later": lambda pick: {
        "call": pick.choice(["router.write", "workloads.write_template", "store.write_status"]),
        "wait": pick.choice([1, 4]),
    },
    "prometheus_says": lambda pick: {
        "answer": pick.choice(["well", "well", "well", *ANSWERS]),
        "seconds": pick.choice([0, 12, 40]),
        "alone": pick.random() < 0.2,
    },
    "pods_come_and_go": lambda pick: {
        "arm": pick.choice(["checkout", "checkout-canary"]),
        "available": pick.choice([0, 1, None, None]),
    },
    "somebody_writes_the_route": lambda pick: {"candidate": pick.choice([0, 1, 9, 30, 100, None])},
    "the_spec_is_edited": lambda pick: {"edit": pick.choice(["as it was", "as it was", *EDITS])},
    "somebody_commands": lambda pick: {"action": pick.choice([*Action, Action.RESUME, Action.RETRY])},
    "the_candidate_changes": lambda pick: {"image": pick.choice(["shop:v2", "shop:v3"])},
}


@pytest.mark.parametrize("number", range(24))
def test_the_promises_hold_on_a_long_walk(number: int) -> None:
    pick, story = random.Random(number), []  # noqa: S311  (nothing here is secret)
    machine = Machine()
    try:
        for _ in range(60):
            name = pick.choice(sorted(MOVES))
            arguments = MOVES[name](pick)
            story.append(f"machine.{name}(**{arguments})")
            getattr(machine, name)(**arguments)
            machine.promises_hold()
        story.append("machine.teardown()")
    except AssertionError as error:
        machine.loop.close()
        raise AssertionError("\n".join(["machine = Machine()", *story])) from error
    machine.teardown()
