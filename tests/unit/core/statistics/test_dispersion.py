"""Do errors come one by one, or in clumps?"""

from __future__ import annotations

from random import Random

import pytest

from tidegate.core.statistics.dispersion import BLOCK, CAUTIOUS, Dispersion


def clumped(size: int, blocks: int, rate: float = 3.0) -> list[tuple[float, float]]:
    """Blocks of 1,000 requests in which clumps of `size` bad ones come, so many a block on average."""
    chance = Random(size)  # noqa: S311  (no secret)
    found = []
    for _ in range(blocks):
        clumps = sum(chance.random() < rate / 1000 for _ in range(1000))
        found.append((1000.0, float(size * clumps)))
    return found


@pytest.mark.parametrize("size", [1, 3, 8])
def test_it_is_the_size_of_a_clump(size: int) -> None:
    assert Dispersion().after_blocks(clumped(size, 2000)).factor == pytest.approx(size, rel=0.15)


def test_what_is_not_known_is_taken_with_caution() -> None:
    assert Dispersion().factor == CAUTIOUS
    assert Dispersion().after_blocks([(1000.0, 0.0)] * 100).factor == CAUTIOUS, "no error says nothing of clumps"
    assert Dispersion().after_blocks([(0.0, 0.0)] * 100).factor == CAUTIOUS
    assert Dispersion().after_blocks([(10.0, 10.0)] * 100).factor == CAUTIOUS


def test_a_rate_that_changes_over_the_day_is_no_dispersion() -> None:
    chance = Random(5)  # noqa: S311  (no secret)
    blocks = []
    for place in range(288):
        rate = 0.002 + 0.008 * place / 288
        blocks.append((10_000.0, float(sum(chance.random() < rate for _ in range(10_000)))))
    assert Dispersion().after_blocks(blocks).factor < 1.4


def test_it_is_never_below_one_and_one_incident_does_not_decide_it() -> None:
    even = Dispersion().after_blocks([(1000.0, 10.0)] * 200)
    assert even.factor == 1.0
    assert even.after_blocks([(1000.0, 900.0)]).factor < 1.1


def test_windows_fill_blocks() -> None:
    found = Dispersion()
    for bad in (1.0, 2.0, 3.0, 4.0, 5.0):
        found = found.after(100.0, bad, BLOCK / 5)
    assert found.last == (500.0, 15.0)
    assert (found.open, found.filled, found.pairs) == ((0.0, 0.0), 0.0, 0.0)
