"""Fair shares of a source, on a clock of the test's own: who waits how long beside which neighbours."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field

import pytest

from tidegate.adapters.prometheus.fair_queue import REMEMBERED, FairQueue, Turn

DEADLINE = 10.0
"""Seconds until whoever asked gives up."""
HANGS = math.inf


@dataclass
class Query:
    """One query and what became of it."""

    rollout: str
    asked: float
    seconds: float
    """How long the source takes for it."""
    what: str = "errors"
    began: float | None = None
    ended: float | None = None
    outcome: str = ""
    """`answered`, `cut`, `timed out` or `cancelled`."""

    @property
    def waited(self) -> float:
        assert self.began is not None, self
        return self.began - self.asked


@dataclass
class Source:
    """A source with so many slots, and the queue before it, on virtual time."""

    slots: int = 16
    deadline: float = DEADLINE
    now: float = 0.0
    queries: list[Query] = field(default_factory=list)
    most: int = 0
    """The most that ran at the same time."""

    def __post_init__(self) -> None:
        self.queue = FairQueue(self.slots, lambda: self.now)
        self._events: list[tuple[float, int, Query, str]] = []
        self._turns: dict[int, Turn] = {}
        self._order = itertools.count()
        self._running = 0

    def ask(self, rollout: str, seconds: float, what: str = "errors", *, gives_up: float = 0.0) -> Query:
        query = Query(rollout, self.now, seconds, what)
        self.queries.append(query)

        def start() -> None:
            query.began = self.now
            self._running += 1
            self.most = max(self.most, self._running)
            self._at(self.now + seconds, query, "answered")

        def cut(_: float) -> None:
            self._running -= 1
            query.outcome, query.ended = "cut", self.now

        self._at(self.now + self.deadline, query, "timed out")
        if gives_up:
            self._at(self.now + gives_up, query, "cancelled")
        self._turns[id(query)] = self.queue.enter(rollout, what, start, cut)
        return query

    def run(self, until: float) -> None:
        while True:
            wait = self.queue.wait()
            look = self.now + wait + 1e-6 if wait is not None else math.inf
            due = self._events[0][0] if self._events else math.inf
            if min(look, due) > until:
                self.now = until
                return
            if look < due:
                self.now = look
                self.queue.look()
                continue
            self.now, _, query, outcome = heapq.heappop(self._events)
            self._end(query, outcome)

    def _at(self, when: float, query: Query, outcome: str) -> None:
        if when < math.inf:
            heapq.heappush(self._events, (when, next(self._order), query, outcome))

    def _end(self, query: Query, outcome: str) -> None:
        if query.outcome:
            return
        query.outcome, query.ended = outcome, self.now
        self._running -= query.began is not None
        turn = self._turns[id(query)]
        self.queue.leave(turn, timed_out=outcome == "timed out", cancelled=outcome == "cancelled")


def beside(
    source: Source, neighbours: int, seconds: float, *, many: int = 1, every: float = 10.0, rounds: int = 6
) -> float:
    """The longest that one quick query a second of ours waits beside neighbours that ask every `every` seconds."""
    ours: list[Query] = []
    for second in range(round(rounds * every)):
        if second % round(every) == 0:
            for neighbour in range(neighbours):
                for number in range(many):
                    source.ask(f"bad-{neighbour}", seconds, f"metric-{number}")
        source.run(second + 0.5)
        ours.append(source.ask("ours", 0.01))
        source.run(second + 1.0)
    source.run(source.now + 20)
    assert all(one.outcome == "answered" for one in ours)
    assert source.most <= source.slots
    return max(one.waited for one in ours)


@pytest.mark.parametrize("seconds", [HANGS, 30.0, 7.0, 2.0])
@pytest.mark.parametrize("neighbours", [8, 16, 40, 200])
def test_neighbours_that_hang_delay_a_quick_query_by_a_second_at_most_once_they_are_known(
    neighbours: int, seconds: float
) -> None:
    source = Source()
    for number in range(4):  # eight a second are found to be slow
        for neighbour in range(neighbours):
            source.ask(f"bad-{neighbour}", seconds, "metric-0")
        source.run(30.0 * (number + 1))
    begin = source.now
    ours: list[Query] = []
    for second in range(60):
        if second % 10 == 0:
            for neighbour in range(neighbours):
                source.ask(f"bad-{neighbour}", seconds, "metric-0")
        source.run(begin + second + 0.5)
        ours.append(source.ask("ours", 0.01))
        source.run(begin + second + 1.0)
    assert max(one.waited for one in ours) <= 1.01


@pytest.mark.parametrize("neighbours", [8, 16])
def test_so_many_that_hang_delay_even_the_first_query_by_a_second_at_most(neighbours: int) -> None:
    assert beside(Source(), neighbours, HANGS) <= 1.01


def test_beside_forty_that_are_not_known_yet_the_first_query_waits_for_some_batches_of_half_the_slots() -> None:
    """Each batch is cut off after a second: 24 of 40 wait, 8 places become free a second."""
    assert beside(Source(), 40, HANGS) <= 4.01


@pytest.mark.parametrize("every", [1.0, 10.0])
def test_one_neighbour_with_many_queries_takes_turns_with_us(every: float) -> None:
    assert beside(Source(), 1, 0.5, many=32, every=every, rounds=12) <= 0.51


def test_one_neighbour_with_many_hanging_queries_is_one_neighbour() -> None:
    assert beside(Source(), 1, HANGS, many=32) <= 1.01


@pytest.mark.parametrize("seconds", [0.999, 1.5])
def test_eight_neighbours_that_take_about_a_second_each_second_delay_us_by_a_second_at_most(seconds: float) -> None:
    assert beside(Source(), 8, seconds, many=2, every=1.0, rounds=30) <= 1.01


def test_queries_given_up_by_those_who_ask_every_second_count_as_stuck() -> None:
    """A Rollout judged every second gives its query less than a second: it must not begin as quick each time."""
    source = Source()
    waited = []
    for second in range(30):
        for neighbour in range(40):
            source.ask(f"bad-{neighbour}", HANGS, gives_up=0.9)
        ours = source.ask("ours", 0.01)
        source.run(second + 1.0)
        waited.append(ours.waited)
    assert max(waited[5:]) <= 0.01


@pytest.mark.parametrize("life", [0.76, 0.95])
def test_a_source_that_is_asked_five_times_what_it_can_answer_answers_everybody_in_turn(life: float) -> None:
    """A hundred Rollouts ask each second, at instants of their own; the source answers twenty of them in that time."""
    source = Source(slots=1)
    seconds, rollouts = 40, 100
    for instant in range(seconds * rollouts):
        source.ask(f"rollout-{instant % rollouts}", 0.05, gives_up=life)
        source.run((instant + 1) / rollouts)
    answered: dict[str, list[float]] = {}
    for one in source.queries:
        if one.outcome == "answered":
            answered.setdefault(one.rollout, [0.0]).append(one.ended or 0.0)
    assert len(answered) == rollouts
    waits = [after - before for times in answered.values() for before, after in itertools.pairwise([*times, seconds])]
    assert max(waits) <= 11.0, "the share of each would be every fifth second, were none lost"
    assert sum(map(len, answered.values())) - rollouts >= 0.6 * seconds / 0.05, "what it can do is not lost on the late"


def test_a_query_that_is_given_up_soon_although_it_began_at_once_has_had_its_turn() -> None:
    source = Source(slots=1)
    for half in range(120):
        source.ask("bad", HANGS, gives_up=0.45)
        if half % 2 == 0:
            for rollout in range(20):
                source.ask(f"r{rollout}", 0.01, gives_up=0.95)
        source.run((half + 1) / 2)
    assert {query.outcome for query in source.queries if query.rollout != "bad"} == {"answered"}


def test_a_source_where_every_query_is_slow_answers_everybody() -> None:
    source = Source(deadline=60.0)
    for _ in range(10):
        begin = source.now
        for rollout in range(30):
            source.ask(f"r{rollout}", 3.0)
        source.run(begin + 20.0)
    source.run(source.now + 60)
    later = [query for query in source.queries if query.asked >= 60]
    assert {query.outcome for query in later} == {"answered"}, "once they are known nobody is cut off"
    assert max(query.waited for query in later) <= 30 * 3.0 / 8 + 0.1


def test_a_query_that_takes_its_time_gets_its_turn_beside_others_that_hang() -> None:
    source = Source()
    ours: list[Query] = []
    for _ in range(12):
        begin = source.now
        for neighbour in range(40):
            source.ask(f"bad-{neighbour}", HANGS)
        ours.append(source.ask("ours", 2.0))
        source.run(begin + 10.0)
    source.run(source.now + 20)
    assert [one.outcome for one in ours[3:]] == ["answered"] * 9
    assert max(one.waited for one in ours[3:]) <= 1.01


def test_slow_queries_get_their_turn_although_quick_ones_never_cease() -> None:
    source = Source(slots=8)
    source.ask("slow", 2.0)
    source.run(5.0)
    for tick in range(100):
        for rollout in range(30):
            source.ask(f"r{rollout}", 0.5)
        if tick == 10:
            slow = source.ask("slow", 2.0)
        source.run(5.0 + (tick + 1) * 1.0)
    assert slow.outcome == "answered"


def test_nobody_is_cut_off_as_long_as_nobody_waits() -> None:
    source = Source()
    for rollout in range(16):
        source.ask(f"r{rollout}", 9.0)
    source.run(20)
    assert {query.outcome for query in source.queries} == {"answered"}


def test_of_those_that_are_only_slow_the_last_is_cut_off_for_the_others_have_come_farther() -> None:
    source = Source(slots=4)
    slow = []
    for rollout in range(4):
        slow.append(source.ask(f"r{rollout}", 3.0))
        source.run(source.now + 0.1)
    source.run(2.0)
    assert source.ask("ours", 0.01).waited == 0
    source.run(5.0)
    assert [one.outcome for one in slow] == ["answered", "answered", "answered", "cut"]


def test_where_every_query_is_slow_most_slots_are_used() -> None:
    """Half would be idle: a source, or an operator, that is short of time must not be made slower still."""
    source = Source(deadline=60.0)
    for rollout in range(60):
        source.ask(f"r{rollout}", 2.0)
    source.run(60.0)
    begin = source.now
    asked = [source.ask(f"r{rollout}", 2.0) for rollout in range(60)]
    source.run(begin + 60.0)
    assert max(one.ended or math.inf for one in asked) - begin <= 60 / 14 * 2.0 + 2.1


def test_the_longest_running_is_cut_off_and_only_as_many_as_must_be() -> None:
    source = Source(slots=4)
    slow = []
    for rollout in range(4):
        slow.append(source.ask(f"r{rollout}", HANGS))
        source.run(source.now + 0.1)
    source.run(5.0)
    first = source.ask("ours", 0.01)
    assert first.waited == 0
    assert [one.outcome for one in slow] == ["cut", "", "", ""]
    source.run(6.0)
    assert [one.outcome for one in slow] == ["cut", "", "", ""], "there is room enough now"


def test_a_source_with_one_slot_serves_a_quick_query_beside_one_that_hangs() -> None:
    source = Source(slots=1)
    hanging = source.ask("bad", HANGS)
    ours = source.ask("ours", 0.01)
    source.run(1.5)
    assert (hanging.outcome, ours.outcome) == ("cut", "answered")
    source.ask("bad", HANGS)
    source.run(3.0)
    again = source.ask("ours", 0.01)
    source.run(3.5)
    assert again.waited == 0


def test_a_query_that_is_quick_again_is_taken_for_quick_again() -> None:
    source = Source(slots=2)
    source.ask("once", 2.0)
    source.run(3.0)
    source.ask("once", 0.01)
    source.run(4.0)
    for rollout in ("a", "b"):
        source.ask(rollout, HANGS)
    source.run(10.0)
    assert source.ask("once", 0.01).waited == 0


def test_the_quick_metrics_of_a_rollout_do_not_pay_for_its_slow_one() -> None:
    source = Source(slots=4)
    for _ in range(3):
        source.ask("ours", HANGS, "heavy")
        source.run(source.now + DEADLINE)
    for neighbour in range(8):
        source.ask(f"bad-{neighbour}", HANGS)
    source.run(source.now + 3.5)
    assert source.ask("ours", 0.01, "light").waited == 0


def test_a_query_nobody_waits_for_any_more_gives_its_place_up() -> None:
    source = Source(slots=1)
    source.ask("a", 0.5)
    waiting = source.ask("b", 0.5, gives_up=0.1)
    last = source.ask("c", 0.5)
    source.run(5.0)
    assert waiting.began is None
    assert last.waited == pytest.approx(0.5)


def test_the_queries_of_one_rollout_are_asked_in_the_order_they_came() -> None:
    source = Source(slots=1)
    asked = [source.ask("a", 0.1, f"metric-{number}") for number in range(5)]
    source.run(5.0)
    begins = [query.began or 0.0 for query in asked]
    assert begins == sorted(begins)


def test_slow_queries_are_not_remembered_for_ever() -> None:
    source = Source(slots=256)
    for rollout in range(REMEMBERED + 100):
        source.ask(f"r{rollout}", HANGS, gives_up=1.0)
        source.run(source.now + 1.0)
    assert len(source.queue._known) == REMEMBERED  # noqa: SLF001  (what must stay small)
