"""Weights: from a share in percent to the two numbers of a rule, and back. Rounding goes down: never more than asked."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal

from tidegate.api.rollout.status import PairStatus
from tidegate.core.model.world import MOST, RulePair

HUNDRED = Decimal(100)


def sum_alone(percents: Iterable[Decimal], pair: RulePair) -> int:
    """The sum that `pair` gets where it is alone in its rule: the one its router demands, else the finest it takes."""
    return pair.fixed if pair.fixed is not None else finest(percents, pair.most)


def finest(percents: Iterable[Decimal], most: int = MOST) -> int:
    """The smallest sum of 100 or more that expresses all of these percentages exactly.

    Args:
        percents: 0-100.
        most: the largest number the router takes; where no sum up to it is exact, the largest multiple of 100 that is not above it.
    """
    wanted = list(percents)
    decimals = max((-int(percent.normalize().as_tuple().exponent) for percent in wanted), default=0)
    found = int(100 * 10 ** max(decimals, 0))
    if found <= most:
        return found
    hundreds = max(most // 100, 1)
    exact = (100 * k for k in range(1, hundreds + 1) if all(k * percent == int(k * percent) for percent in wanted))
    return next(exact, 100 * hundreds)


def numbers(weight: Decimal, pair: RulePair, total_alone: int) -> tuple[int, int]:
    """(baseline, candidate) for a share of `weight` percent.

    Args:
        weight: the candidate's share, percent.
        pair: the rule as it is; beside other backends its sum is kept.
        total_alone: the sum for a pair that is alone in its rule.
    """
    total = total_alone if pair.alone else pair.total
    candidate = int((total * weight / HUNDRED).to_integral_value(ROUND_FLOOR))
    candidate = min(candidate, total - pair.least)
    return total - candidate, candidate


def found_of(pair: RulePair, found: Iterable[PairStatus]) -> PairStatus | None:
    """What was found in this rule before the first write: an unnamed rule is known by what it says, not by where it stands."""
    known = list(found)
    alike = [one for one in known if one.identity and one.identity == pair.identity]
    named = [one for one in alike or known if one.rule == pair.rule]
    if named and (alike or not (named[0].identity and pair.identity) or not pair.rule.startswith("#")):
        return named[0]
    return alike[0] if alike else None


def restored(pair: RulePair, found: Iterable[PairStatus]) -> tuple[int, int]:
    """(baseline, candidate) that put everything back: the sum that was found, all of it the baseline's."""
    before = found_of(pair, found)
    if pair.fixed is not None and pair.alone:
        return pair.fixed, 0
    if before is not None and pair.alone:
        return max(before.baseline + before.candidate, 1), 0
    return max(pair.total, 1), 0


def share(pair: RulePair) -> Decimal:
    """The candidate's share of the pair, percent; 0 for a pair without any weight."""
    return HUNDRED * pair.candidate / pair.total if pair.total else Decimal(0)


def compare(pair: RulePair, wanted: tuple[int, int]) -> int:
    """How the candidate's share on the route stands to the wanted numbers: 1 more, 0 the same, -1 less."""
    have, want = pair.candidate * sum(wanted), wanted[1] * max(pair.total, 1)
    return (have > want) - (have < want)


def inexpressible(weight: Decimal, pair: RulePair, total_alone: int) -> bool:
    """Whether the sum that the pair keeps or gets, `total_alone` where it is alone, misses `weight` by more than a tenth of it."""
    if weight == 0:
        return False
    exact = (total_alone if pair.alone else pair.total) * weight / HUNDRED
    return exact - exact.to_integral_value(ROUND_FLOOR) > exact / 10
