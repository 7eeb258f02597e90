"""One segment's part of a `regression` of an average: the candidate's against the baseline's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidegate.api.values.scalars import Unit
from tidegate.core.count_tests.state import SegmentState
from tidegate.core.model.value_format import shown
from tidegate.core.statistics.averages import GUARD, SECOND, Averages, Past, Steps, Wide, growth, suspicious
from tidegate.core.statistics.windows import Counted, Sums

NOTHING = Sums(0.0, 0.0, 0.0, 0.0)

BEFORE_WIDE = 19 + GUARD
"""Numbers of a segment in a state of version 1, which had no wide blocks."""


@dataclass(frozen=True)
class AverageSegment:
    """See `Segment` (protocol.py). It never changes."""

    test: Averages
    unit: Unit
    since: float
    """Since when there is evidence of a regression, epoch seconds."""
    since_then: Sums = NOTHING
    """The requests since."""
    height: float = 0.0
    """The evidence for it (accumulators.py, `Suspicion`)."""
    counts: Sums = NOTHING
    past: Past = Past()  # noqa: RUF009  (frozen)

    def learnt(self, blocks: Iterable[tuple[float, float]], seconds: float) -> AverageSegment:
        """With blocks of the baseline's past; `seconds`: of a window."""
        return replace(self, past=self.past.after_blocks(blocks, seconds))

    def warming_up(self, window: Counted, end: float, seconds: float) -> AverageSegment:
        """With a window that is not compared; the baseline's average is learnt all the same."""
        window = _sums(window)
        learnt = self.past.after(window.baseline, window.baseline_sum, seconds)
        return replace(self, since=end, since_then=NOTHING, height=0.0, past=learnt)

    def after(self, window: Counted, end: float, seconds: float) -> AverageSegment:
        """With a further window, of so many seconds, that ended at `end` (epoch seconds)."""
        window = _sums(window)
        grown = growth(window, self.past, self.test.margin, seconds)
        height = self.height + grown[SECOND]
        rising = height > 0
        return replace(
            self,
            test=self.test.after(grown),
            counts=self.counts.plus(window),
            since=self.since if rising else end,
            since_then=self.since_then.plus(window) if rising else NOTHING,
            height=max(height, 0.0),
            past=self.past.after(window.baseline, window.baseline_sum, seconds),
        )

    def anew(self, end: float) -> AverageSegment:
        """Begun anew at `end` (epoch seconds), as what the line asks is over; what is known of the baseline stays."""
        fresh = replace(self.test, logs=(), counted=0)
        return replace(self, test=fresh, counts=NOTHING, since=end, since_then=NOTHING, height=0.0)

    @property
    def evidence(self) -> float:
        """Ln E against what the line asks."""
        return self.test.evidence

    @property
    def lately(self) -> Sums:
        """The requests since there is evidence of a regression; all where there is none."""
        return self.since_then if not self.since_then.empty else self.counts

    @property
    def compares(self) -> bool:
        """Whether both arms have had requests."""
        return self.counts.baseline > 0 and self.counts.candidate > 0

    def fails(self, window: Counted) -> bool:
        """Always: a window without a regression is evidence against one, so none is waited for."""
        del window
        return True

    def told(self, counts: Counted) -> str:
        """Such as `180ms over 1200 requests, the baseline's 95ms over 22800`."""
        sums = _sums(counts)
        baseline, candidate = sums.values
        mine = f"{shown(candidate or 0.0, self.unit)} over {sums.candidate:.0f} requests"
        return f"{mine}, the baseline's {shown(baseline or 0.0, self.unit)} over {sums.baseline:.0f}"

    def ahead(self, window: Counted) -> float:
        """Windows like this one until something else may be shown: one while they may become evidence of a regression, else none."""
        return 1.0 if suspicious(_sums(window), self.past, self.test.margin) else math.inf

    @property
    def notes(self) -> str:
        """None."""
        return ""

    def state(self, start: float) -> SegmentState:
        """As status keeps it; instants as seconds since `start`."""
        past = self.past
        guard = (*past.guard, *(math.nan,) * GUARD)[:GUARD]
        numbers = (
            *_four(self.counts),
            self.since - start,
            self.height,
            *_four(self.since_then),
            past.steps.squares,
            past.steps.pairs,
            past.steps.last,
            past.level,
            past.blocks,
            *guard,
            *past.open,
            past.filled,
            self.test.counted,
            past.wide.steps.squares,
            past.wide.steps.pairs,
            past.wide.steps.last,
            past.wide.total,
            past.wide.blocks,
        )
        return SegmentState(numbers, tuple(self.test.logs))

    def remembering(self, state: SegmentState, start: float) -> AverageSegment:
        """The same line's, from what status keeps: as `state` gave it.

        Raises:
            ValueError: it is not as `state` gives it.
        """
        if len(state.numbers) not in {BEFORE_WIDE, BEFORE_WIDE + 5}:
            raise ValueError(f"{len(state.numbers)} numbers of a segment")
        since, height, *lately = state.numbers[4:10]
        squares, pairs, last, level, blocks, *rest = state.numbers[10:]
        guard, (requests, total, filled, counted, *wide) = rest[:GUARD], rest[GUARD:]
        known = tuple(one for one in guard if not math.isnan(one))
        known_wide = Wide(Steps(*wide[:3]), *wide[3:])
        past = Past(Steps(squares, pairs, last), level, blocks, known, (requests, total), filled, known_wide)
        test = replace(self.test, logs=tuple(state.logs), counted=int(counted))
        return AverageSegment(test, self.unit, start + since, Sums(*lately), height, Sums(*state.numbers[:4]), past)

    def reweighted(self) -> AverageSegment:
        """As `Segment`'s."""
        return replace(self, test=self.test.reweighted())


def _sums(window: Counted) -> Sums:
    if not isinstance(window, Sums):
        raise TypeError("an average is tested on sums")
    return window


def _four(sums: Sums) -> tuple[float, float, float, float]:
    return sums.baseline, sums.baseline_sum, sums.candidate, sums.candidate_sum
