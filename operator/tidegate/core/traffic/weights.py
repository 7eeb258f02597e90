"""Weights: from a share in percent to the two numbers of a rule, and back. Rounding goes down: never more than asked."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal

from tidegate.api.rollout.status import PairStatus
from tidegate.api.values.scalars import Weight
from tidegate.core.model.world import RulePair

HUNDRED = Decimal(100)


def resolution(weights: Iterable[Weight]) -> int:
    """The sum a pair that is alone in its rule gets: 100, or larger when a step asks for finer."""
    return finest(weight.percent for weight in weights)


def finest(percents: Iterable[Decimal]) -> int:
    """The smallest sum of 100 or more that expresses all of these percentages exactly."""
    decimals = max((-int(percent.normalize().as_tuple().exponent) for percent in percents), default=0)
    return int(100 * 10 ** max(decimals, 0))


def numbers(weight: Decimal, pair: RulePair, total_alone: int) -> tuple[int, int]:
    """(baseline, candidate) for a share of `weight` percent.

    Args:
        weight: the candidate's share, percent.
        pair: the rule as it is; beside other backends its sum is kept.
        total_alone: the sum for a pair that is alone in its rule.
    """
    total = total_alone if pair.alone else pair.total
    candidate = int((total * weight / HUNDRED).to_integral_value(ROUND_FLOOR))
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


def inexpressible(weight: Decimal, pair: RulePair) -> bool:
    """Whether the pair's sum, which must stay, misses `weight` by more than a tenth of it."""
    if pair.alone or weight == 0:
        return False
    exact = pair.total * weight / HUNDRED
    return exact - exact.to_integral_value(ROUND_FLOOR) > exact / 10
