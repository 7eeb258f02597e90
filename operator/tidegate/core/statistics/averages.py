"""Is the candidate's average above the baseline's? A sequential test on sums and counts, without buckets.

In each window the logarithm of the candidate's average is compared with what the baseline's should be now: its level over the past
hours, of which the last minutes are left out so that a fault does not teach the test that it is normal, or its average over the last
minutes, or in this window where that is unusual, whichever is highest. So an incident of both arms is nobody's fault, and a baseline
that is a little fast or slow for a minute is none of the candidate's. Differences are taken to follow Student's t with three degrees of
freedom, whose heavy tails bear single spikes; their scale is learnt from how much the baseline's average differs from block to block,
and, for an average that drifts over longer times, from quarter of an hour to quarter of an hour: the variance that sums of
autocorrelated values have (M. Bartlett, 1950; the ratio of both is A. Lo and A. C. MacKinlay's variance ratio, 1988). A
window adds the logarithm of the likelihood ratio of a shift against the largest that is tolerated. Its mean is 1 there and less where the
candidate is below it, so the product stays a supermartingale; it is mixed over shifts, and over the window in which the harm began
(change_point.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.core.statistics import change_point
from tidegate.core.statistics.dispersion import BLOCK
from tidegate.core.statistics.windows import Sums

SHIFTS: Final = (1.25, 1.6, 2.5, 5.0, 12.0, 40.0)
"""Averages that are looked for, as multiples of the largest that is tolerated."""
_LOG_SHIFTS: Final = tuple(map(math.log, SHIFTS))
SECOND: Final = 1
"""Place of the shift by which people are told since when there is evidence of a regression."""

CAUTIOUS: Final = 0.3
"""What is taken for the scale of an average's logarithm from one window to the next, where nothing is known yet."""
PRIOR: Final = 1.0
"""As how many pairs of windows that counts: what a segment shows by itself soon outweighs it."""
LEAST: Final = 0.02
"""No scale is smaller: two arms are never so alike."""
MOST: Final = 1.0
"""What the square of one difference may say at most."""

WIDE: Final = 3
"""Blocks of a wide one, a quarter of an hour."""

TAILS: Final = 0.9
"""The scale of Student's t as a multiple of the standard deviation: from 0.8 on the likelihood ratio's mean is at most 1 for normal
differences as well."""

GUARD: Final = 3
"""Blocks, a quarter of an hour, of which the baseline's past is not made yet."""
REMEMBERED: Final = 72.0
"""Blocks that its level rests on, at most: six hours."""


@dataclass(frozen=True)
class Steps:
    """What neighbouring values differ by."""

    squares: float = 0.0
    """Half the squared differences, as a window's, added up."""
    pairs: float = 0.0
    """How many there are."""
    last: float = math.nan
    """The value before."""

    def after(self, value: float, windows: float) -> Steps:
        """With a further value, the mean of so many windows.

        What neighbouring values differ by is put down to their windows: as if those differed by so much more, each by itself.
        """
        if math.isnan(self.last):
            return replace(self, last=value)
        square = min((value - self.last) ** 2 / 2 * windows, MOST)
        return Steps(self.squares + square, self.pairs + 1, value)


@dataclass(frozen=True)
class Wide:
    """What neighbouring blocks of `WIDE` times the length differ by."""

    steps: Steps = Steps()
    total: float = 0.0
    """Of the logarithms in the one that is being filled."""
    blocks: float = 0.0
    """How many they are."""

    def after(self, value: float, windows: float) -> Wide:
        """With the logarithm of a further block's average; `windows`: how many a block has."""
        total, blocks = self.total + value, self.blocks + 1
        if blocks < WIDE:
            return replace(self, total=total, blocks=blocks)
        return Wide(self.steps.after(total / blocks, windows * WIDE))

    @property
    def square(self) -> float:
        """The square of a window's scale by them, less its standard error: they are few; 0 while that is all of it."""
        squares, pairs = self.steps.squares, self.steps.pairs
        return squares / pairs * (1 - math.sqrt(2 / pairs)) if pairs > 2 else 0.0


@dataclass(frozen=True)
class Past:
    """The baseline's average as it was, in logarithms."""

    steps: Steps = Steps()
    """From block to block."""
    level: float = 0.0
    """Mean over the blocks that are older than the guard."""
    blocks: float = 0.0
    """How many they are."""
    guard: tuple[float, ...] = ()
    """The blocks since, oldest first."""
    open: tuple[float, float] = (0.0, 0.0)
    """Requests and their sum in the block that is being filled."""
    filled: float = 0.0
    """Seconds of it."""
    wide: Wide = Wide()

    def after(self, requests: float, total: float, seconds: float) -> Past:
        """With what was counted in a further window of so many seconds."""
        block = (self.open[0] + requests, self.open[1] + total)
        filled = self.filled + seconds
        if filled < BLOCK - 1e-6:
            return replace(self, open=block, filled=filled)
        return replace(self, open=(0.0, 0.0), filled=0.0).after_blocks([block], seconds)

    def after_blocks(self, blocks: Iterable[tuple[float, float]], window: float) -> Past:
        """With whole blocks of the past, as (requests, sum), oldest first; `window`: seconds of a window of the test.

        Windows themselves are not compared: an average that wanders within minutes differs little from one of them to the next.
        """
        found = self
        windows = max(BLOCK / window, 1.0)
        for requests, total in blocks:
            if requests <= 0 or total <= 0:
                continue
            value = math.log(total / requests)
            steps, wide = found.steps.after(value, windows), found.wide.after(value, windows)
            found = replace(found, steps=steps, wide=wide).with_block(value)
        return found

    def with_block(self, value: float) -> Past:
        """With the logarithm of a further block's average."""
        waiting = (*self.guard, value)
        if len(waiting) <= GUARD:
            return replace(self, guard=waiting)
        blocks = min(self.blocks + 1, REMEMBERED)
        return replace(self, level=self.level + (waiting[0] - self.level) / blocks, blocks=blocks, guard=waiting[1:])

    @property
    def scale(self) -> float:
        """Of the logarithm of the baseline's average, from window to window.

        A variance that grows from blocks to wide ones is taken to grow by as much again over times as many times longer.
        """
        square = (PRIOR * CAUTIOUS**2 + self.steps.squares) / (PRIOR + self.steps.pairs)
        grown = max(self.wide.square / square, 1.0) if square > 0 else 1.0
        return max(math.sqrt(square) * grown, LEAST)

    def lately(self, sums: Sums, seconds: float) -> float:
        """The logarithm of the baseline's average over the last minutes: the open block with this window, and the one before."""
        requests, total = self.open[0] + sums.baseline, self.open[1] + sums.baseline_sum
        value = math.log(total / requests)
        filled = min((self.filled + seconds) / BLOCK, 1.0)
        return value if math.isnan(self.steps.last) else filled * value + (1 - filled) * self.steps.last


def growth(sums: Sums, past: Past, margin: float, seconds: float) -> Sequence[float]:
    """What a window adds to the logarithm of the evidence for each of `SHIFTS`.

    Args:
        sums: requests and sums of both arms.
        past: the baseline's, before this window.
        margin: tolerated excess as a ratio: 0.2 for 20 %.
        seconds: of the window.

    Returns: zeros where an arm has no requests; none is above what one window may say (change_point.py).
    """
    if min(sums.baseline, sums.baseline_sum, sums.candidate, sums.candidate_sum) <= 0:
        return (0.0,) * len(SHIFTS)
    mine = math.log(sums.candidate_sum / sums.candidate)
    square = past.scale**2
    # With fewer requests an average is noisier where requests differ, and is not where the service does: the mean of both.
    spread = square * math.sqrt(max(sums.baseline / sums.candidate, 1.0))
    reference, uncertain = expected(sums, past, seconds)
    return _growth(mine - reference, TAILS * math.sqrt(spread + square * uncertain), margin)


def expected(sums: Sums, past: Past, seconds: float) -> tuple[float, float]:
    """What the logarithm of the baseline's average should be in a window, by what is known of it; arguments as for `growth`.

    Returns: the logarithm, and its variance as a multiple of a window's.
    """
    now, lately = math.log(sums.baseline_sum / sums.baseline), past.lately(sums, seconds)
    if not past.blocks:
        return now, 1.0
    reference = max((past.level, 1 / past.blocks), (lately, min(seconds / BLOCK, 1.0)))
    return max(reference, (now, 1.0)) if now > past.level + past.scale else reference


def suspicious(sums: Sums, past: Past, margin: float) -> bool:
    """Whether windows like this one may become evidence: the candidate is above what is tolerated by any of the references."""
    if min(sums.baseline, sums.baseline_sum, sums.candidate, sums.candidate_sum) <= 0:
        return False
    now = math.log(sums.baseline_sum / sums.baseline)
    lowest = min(now, past.level) if past.blocks else now
    return math.log(sums.candidate_sum / sums.candidate) > math.log1p(margin) + lowest


def _growth(difference: float, scale: float, margin: float) -> Sequence[float]:
    bound = math.log1p(margin)
    null = 2 * math.log1p(((difference - bound) / scale) ** 2 / 3)
    found = []
    for shift in _LOG_SHIFTS:
        away = (difference - bound - shift) / scale
        found.append(min(null - 2 * math.log1p(away**2 / 3), change_point.MOST))
    return found


@dataclass(frozen=True)
class Averages:
    """The test: the candidate's average against the baseline's."""

    margin: float
    """Tolerated excess as a ratio: 0.2 for 20 %."""
    logs: Sequence[float] = ()
    """The evidence for each shift (change_point.py)."""
    counted: int = 0
    """Windows so far."""

    def after(self, grown: Sequence[float]) -> Averages:
        """With a further window that adds this (`growth`)."""
        logs = change_point.after(self.logs, self.counted, [grown])
        return replace(self, logs=logs, counted=self.counted + 1)

    @property
    def evidence(self) -> float:
        """Ln E against the null."""
        return change_point.log_evidence(self.logs, self.counted)

    def reweighted(self) -> Averages:
        """From status version 1 or 2 (change_point.py)."""
        return replace(self, logs=change_point.reweighted(self.logs, self.counted))
