"""Who waits takes turns: whoever had one least recently goes first, whether it waited all the time or came again."""

from __future__ import annotations

import pytest

from tidegate.adapters.taking_turns import REMEMBERED, TakingTurns


def test_owners_take_turns_and_their_items_come_in_order() -> None:
    waiting: TakingTurns[int] = TakingTurns()
    for owner, item in (("a", 1), ("a", 2), ("b", 3), ("c", 4)):
        waiting.put(owner, item)
    assert [waiting.pop() for _ in range(4)] == [1, 3, 4, 2]
    assert not waiting


def test_who_gave_up_and_comes_again_has_kept_its_place() -> None:
    waiting: TakingTurns[int] = TakingTurns()
    waiting.put("a", 1)
    waiting.put("b", 2)
    waiting.pop()
    waiting.discard("b", 2)
    waiting.put("a", 3)
    waiting.put("b", 4)
    assert waiting.pop() == 4


def test_who_comes_for_the_first_time_is_behind_all_who_wait() -> None:
    waiting: TakingTurns[int] = TakingTurns()
    for owner in ("a", "b", "c"):
        waiting.put(owner, 1)
        waiting.pop()
    waiting.put("c", 2)
    waiting.put("new", 3)
    waiting.put("newer", 4)
    waiting.put("a", 5)
    assert [waiting.pop() for _ in range(4)] == [5, 2, 3, 4]


def test_a_turn_that_came_too_late_has_not_been_had() -> None:
    waiting: TakingTurns[int] = TakingTurns()
    for owner in ("a", "b", "a", "b"):
        waiting.put(owner, 1)
        waiting.pop()
    waiting.give_back("b")
    waiting.put("a", 2)
    waiting.put("b", 3)
    assert waiting.pop() == 3


@pytest.mark.parametrize("served", [True, False])
def test_owners_are_not_remembered_for_ever(*, served: bool) -> None:
    waiting: TakingTurns[int] = TakingTurns()
    for number in range(REMEMBERED + 10):
        waiting.put(str(number), number)
        if served:
            waiting.pop()
        else:
            waiting.discard(str(number), number)
    assert max(len(waiting._turns), len(waiting._before)) <= REMEMBERED  # noqa: SLF001  (what must stay small)
