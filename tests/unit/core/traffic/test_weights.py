from __future__ import annotations

from decimal import Decimal

import pytest

from tidegate.api.rollout.status import PairStatus
from tidegate.api.values.scalars import Weight
from tidegate.core.model.world import RulePair
from tidegate.core.traffic import weights


def pair(baseline: int, candidate: int, *, alone: bool = True) -> RulePair:
    return RulePair("#0", baseline, candidate, alone)


@pytest.mark.parametrize(
    ("why", "percent", "now", "total", "wanted"),
    [
        ("alone it gets a sum of its own", "10", pair(1, 0), 100, (90, 10)),
        ("a fraction needs a finer sum", "0.5", pair(1, 0), 1000, (995, 5)),
        ("rounding goes down: never more than asked", "0.5", pair(1, 0), 100, (100, 0)),
        ("a third of seven is two", "33", pair(7, 0, alone=False), 100, (5, 2)),
        ("beside other backends the pair's sum stays", "10", pair(200, 0, alone=False), 100, (180, 20)),
        ("all of it", "100", pair(3, 0, alone=False), 100, (0, 3)),
        ("nothing", "0", pair(50, 50), 100, (100, 0)),
    ],
)
def test_numbers(why: str, percent: str, now: RulePair, total: int, wanted: tuple[int, int]) -> None:
    assert weights.numbers(Decimal(percent), now, total) == wanted, why


@pytest.mark.parametrize("total", [3, 7, 100, 1000])
@pytest.mark.parametrize("percent", [1, 2.5, 10, 33, 99])
def test_the_share_is_never_above_what_was_asked(total: int, percent: float) -> None:
    asked = Decimal(str(percent))
    baseline, candidate = weights.numbers(asked, pair(total, 0, alone=False), total)
    assert weights.share(pair(baseline, candidate)) <= asked


@pytest.mark.parametrize(
    ("steps", "total"),
    [(["1", "50"], 100), (["0.5", "50"], 1000), (["0.125", "1"], 100_000), (["10.0"], 100), ([], 100)],
)
def test_the_sum_is_as_fine_as_the_finest_step(steps: list[str], total: int) -> None:
    assert weights.finest(Weight.parse(step).percent for step in steps) == total


@pytest.mark.parametrize(
    ("why", "now", "before", "wanted"),
    [
        ("the sum found comes back", pair(90, 10), PairStatus(rule="#0", baseline=1, candidate=0), (1, 0)),
        (
            "all of the pair's sum is the baseline's",
            pair(90, 10),
            PairStatus(rule="#0", baseline=70, candidate=30),
            (100, 0),
        ),
        (
            "beside others the sum stays",
            pair(180, 20, alone=False),
            PairStatus(rule="#0", baseline=200, candidate=0),
            (200, 0),
        ),
        ("a rule never seen keeps its sum", pair(90, 10), None, (100, 0)),
        ("a baseline is never left at 0", pair(0, 0), None, (1, 0)),
    ],
)
def test_restored(why: str, now: RulePair, before: PairStatus | None, wanted: tuple[int, int]) -> None:
    assert weights.restored(now, [before] if before else []) == wanted, why


def found(rule: str, identity: str, baseline: int) -> PairStatus:
    return PairStatus(rule=rule, identity=identity, baseline=baseline, candidate=0)


@pytest.mark.parametrize(
    ("why", "rules", "before", "sums"),
    [
        ("in their places", ["#0 a", "#1 b"], [found("#0", "a", 37), found("#1", "b", 7)], [37, 7]),
        ("two rules changed places", ["#0 b", "#1 a"], [found("#0", "a", 37), found("#1", "b", 7)], [7, 37]),
        ("one was put before them", ["#0 c", "#1 a", "#2 b"], [found("#0", "a", 37), found("#1", "b", 7)], [100, 37, 7]),
        ("the first was removed", ["#0 b"], [found("#0", "a", 37), found("#1", "b", 7)], [7]),
        ("two that are alike are told apart by place", ["#0 a", "#1 a"], [found("#0", "a", 37), found("#1", "a", 7)], [37, 7]),
        ("a named rule keeps its sum when it is edited", ["main c"], [found("main", "a", 37)], [37]),
        ("a status without identities goes by place", ["#0 a", "#1 b"], [found("#0", "", 37), found("#1", "", 7)], [37, 7]),
        ("a router without identities goes by place", ["#0 ", "#1 "], [found("#0", "a", 37), found("#1", "b", 7)], [37, 7]),
    ],
)  # fmt: skip
def test_a_rule_without_a_name_is_known_by_what_it_says(
    why: str, rules: list[str], before: list[PairStatus], sums: list[int]
) -> None:
    pairs = [RulePair(rule, 90, 10, alone=True, identity=identity) for rule, _, identity in (one.partition(" ") for one in rules)]  # fmt: skip
    assert [weights.restored(one, before) for one in pairs] == [(total, 0) for total in sums], why


def limited(most: int, fixed: int | None = None) -> RulePair:
    return RulePair("#0", 100, 0, alone=True, fixed=fixed, most=most)


@pytest.mark.parametrize(
    ("why", "percents", "now", "total"),
    [
        ("a percent of a million", ("1",), limited(1_000_000), 100),
        ("thousandths", ("0.001", "5"), limited(1_000_000), 100_000),
        ("of 256 the smallest that is exact", ("0.5", "5"), limited(256), 200),
        ("where none is exact the largest", ("0.1",), limited(999), 900),
        ("what the router demands", ("0.5",), limited(100, fixed=100), 100),
    ],
)
def test_the_sum_of_a_pair_that_is_alone(why: str, percents: tuple[str, ...], now: RulePair, total: int) -> None:
    assert weights.sum_alone(map(Decimal, percents), now) == total, why


def test_a_revert_restores_the_sum_that_the_router_demands() -> None:
    before = PairStatus(rule="#0", baseline=99, candidate=0)
    assert weights.restored(limited(100, fixed=100), [before]) == (100, 0)


@pytest.mark.parametrize(
    ("why", "percent", "now", "refused"),
    [
        ("five backends cannot say 10%", "10", pair(5, 0, alone=False), True),
        ("they can say 20%", "20", pair(5, 0, alone=False), False),
        ("a miss by less than a tenth of what was asked is tolerated", "33", pair(100, 0, alone=False), False),
        ("25 of a sum of 7 is 1.75: more than a tenth short", "25", pair(7, 0, alone=False), True),
        ("alone it may be rescaled", "0.1", pair(1, 0), False),
        ("of 256 there are no tenths of a percent", "0.1", limited(256), True),
        ("a half of one percent is 1 of 200", "0.5", limited(256), False),
        ("a sum of 100 has no halves", "0.5", limited(100, fixed=100), True),
        ("a sum of 100 has whole percents", "7", limited(100, fixed=100), False),
        ("0 is always possible", "0", pair(5, 0, alone=False), False),
    ],
)
def test_inexpressible(why: str, percent: str, now: RulePair, refused: bool) -> None:  # noqa: FBT001
    assert weights.inexpressible(Decimal(percent), now, weights.sum_alone([Decimal(percent)], now)) is refused, why


@pytest.mark.parametrize(
    ("now", "wanted", "order"),
    [
        (pair(9, 1), (90, 10), 0),
        (pair(995, 5), (100, 0), 1),
        (pair(99, 1), (90, 10), -1),
        (pair(0, 0), (90, 10), -1),
        (pair(0, 1), (0, 100), 0),
    ],
)
def test_shares_are_compared_whatever_the_sums(now: RulePair, wanted: tuple[int, int], order: int) -> None:
    assert weights.compare(now, wanted) == order
