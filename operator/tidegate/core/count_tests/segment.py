"""One segment's part of a test on counts: its requests, its evidence, and the dispersion of its errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from tidegate.api.values.scalars import Unit
from tidegate.core.count_tests.state import SegmentState
from tidegate.core.model.value_format import digits, shown
from tidegate.core.statistics.accumulators import BY_HALF, NONE, Compared, Limited, Suspicion, together
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.usual import Pending, Usual
from tidegate.core.statistics.windows import Counted, Window

CLUSTERED = 1.5
"""A dispersion from which errors are said to be clustered."""

BEFORE_USUAL = 22
"""Numbers of a segment in a state of version 1, which had no usual rate."""


@dataclass(frozen=True)
class Segment:
    """The candidate against the baseline and, where the line has a limit, against that. It never changes."""

    compared: Compared
    suspicion: Suspicion
    limited: Limited | None = None
    counts: Window = NONE
    dispersion: Dispersion = Dispersion()  # noqa: RUF009  (frozen)
    floor: float = 0.0
    """A share below which the candidate's does not act."""

    def learnt(self, blocks: Iterable[tuple[float, float]], seconds: float) -> Segment:
        """With blocks of the baseline's past, as (requests, bad ones); `seconds`: of a window."""
        del seconds
        return replace(self, dispersion=self.dispersion.after_blocks(blocks))

    def warming_up(self, window: Counted, end: float, seconds: float) -> Segment:
        """With a window that is not compared; the baseline's errors are learnt from all the same."""
        window = _requests(window)
        return replace(
            self,
            suspicion=Suspicion(end, NONE),
            dispersion=self.dispersion.after(window.baseline, window.baseline_bad, seconds),
        )

    def after(self, window: Counted, end: float, seconds: float) -> Segment:
        """With a further window, of so many seconds, that ended at `end` (epoch seconds)."""
        window = _requests(window)
        factor = self.dispersion.factor
        test = self.limited or self.compared
        growths, compared, known = test.growths([window], factor), self.compared, None
        if self.limited is None:
            rate = max(self.dispersion.usual.rate, self.floor)
            compared, growth = compared.lasting(window, growths[0], rate, factor)
            known = growths = [growth]
        gain = growths[0][0 if test.coarse else BY_HALF]
        return replace(
            self,
            compared=compared.after([window], factor, known),
            limited=self.limited.after([window], factor, growths) if self.limited is not None else None,
            counts=together([self.counts, window]),
            suspicion=self.suspicion.after(gain, window, end),
            dispersion=self.dispersion.after(window.baseline, window.baseline_bad, seconds),
        )

    def anew(self, end: float) -> Segment:
        """Begun anew at `end` (epoch seconds), as what the line asks is over; the dispersion stays."""
        if self.limited is not None:
            fresh = replace(self.limited, logs=(), counted=0)
            return replace(self, limited=fresh, counts=NONE, suspicion=Suspicion(end, NONE))
        blank = (0.0,) * len(self.compared.profile)
        fresh_one = replace(self.compared, logs=(), counted=0, profile=blank, null=0.0, pending=Pending())
        return replace(self, compared=fresh_one, counts=NONE, suspicion=Suspicion(end, NONE))

    @property
    def evidence(self) -> float:
        """Ln E against what the line asks."""
        return (self.limited or self.compared).evidence

    @property
    def lately(self) -> Window:
        """The requests since there is evidence of a regression; all where there is none."""
        return self.suspicion.counts if self.suspicion.counts != NONE else self.counts

    def told(self, counts: Counted) -> str:
        """Such as `34 of 1200 (2.83%) were bad, of the baseline's 41 of 22800 (0.18%)`."""
        counts = _requests(counts)
        baseline, candidate = counts.values
        first = f"{counts.candidate_bad:.0f} of {counts.candidate:.0f}"
        second = f"{counts.baseline_bad:.0f} of {counts.baseline:.0f}"
        first += f" ({shown(candidate, Unit.RATIO)})" if candidate is not None else ""
        second += f" ({shown(baseline, Unit.RATIO)})" if baseline is not None else ""
        return f"{first} were bad, of the baseline's {second}"

    def fails(self, window: Counted) -> bool:
        """Whether the candidate had a bad request in a window."""
        return _requests(window).candidate_bad > 0

    @property
    def since(self) -> float:
        """Since when there is evidence of a regression, epoch seconds."""
        return self.suspicion.since

    @property
    def notes(self) -> str:
        """The dispersion of its errors, where they are clustered."""
        known = self.dispersion
        clustered = known.pairs and known.factor >= CLUSTERED
        return f"; errors are clustered, dispersion {digits(known.factor, 2)}" if clustered else ""

    @property
    def compares(self) -> bool:
        """Whether both arms have had requests."""
        return self.counts.baseline > 0 and self.counts.candidate > 0

    def state(self, start: float) -> SegmentState:
        """As status keeps it; instants as seconds since `start`."""
        one, limited = self.suspicion, self.limited or Limited(0.5)
        learnt, usual, pending = self.dispersion, self.dispersion.usual, self.compared.pending
        numbers = (
            *_four(self.counts),
            one.since - start,
            one.height,
            *_four(one.counts),
            learnt.squares,
            learnt.pairs,
            *learnt.last,
            *learnt.open,
            learnt.filled,
            self.compared.counted,
            self.compared.null,
            limited.counted,
            len(self.compared.logs),
            len(limited.logs),
            usual.requests,
            usual.bad,
            usual.blocks,
            len(pending.credit),
        )
        logs = (*self.compared.logs, *limited.logs, *pending.credit, *pending.gained, *self.compared.profile)
        return SegmentState(numbers, logs)

    def remembering(self, state: SegmentState, start: float) -> Segment:
        """The same line's, from what status keeps: as `state` gave it.

        Raises:
            ValueError: it is not as `state` gives it.
        """
        if not all(map(math.isfinite, state.numbers)):
            raise ValueError("numbers of a segment that are none")
        numbers, logs = iter(state.numbers), iter(state.logs)
        counts = Window(*_take(numbers, 4))
        since, height = _take(numbers, 2)
        suspicion = Suspicion(start + since, Window(*_take(numbers, 4)), height)
        squares, pairs, last, last_bad, open_, open_bad, filled = _take(numbers, 7)
        compared_windows, null, limited_windows, compared_logs, limited_logs = _take(numbers, 5)
        *usual, places = _take(numbers, 4) if len(state.numbers) > BEFORE_USUAL else (0.0,) * 4
        compared = replace(
            self.compared,
            logs=_take(logs, int(compared_logs)),
            counted=int(compared_windows),
            null=null,
        )
        limited = _take(logs, int(limited_logs))
        pending = Pending(_take(logs, int(places)), _take(logs, int(places)))
        compared = replace(compared, pending=pending, profile=tuple(logs))
        return replace(
            self,
            compared=compared,
            suspicion=suspicion,
            limited=replace(self.limited, logs=limited, counted=int(limited_windows)) if self.limited else None,
            counts=counts,
            dispersion=Dispersion(squares, pairs, (last, last_bad), (open_, open_bad), filled, Usual(*usual)),
        )

    def reweighted(self) -> Segment:
        """From status version 1 or 2, whose later starts had other weights."""
        limited = self.limited.reweighted() if self.limited is not None else None
        return replace(self, compared=self.compared.reweighted(), limited=limited)


def _requests(window: Counted) -> Window:
    if not isinstance(window, Window):
        raise TypeError("a share is tested on requests and bad ones")
    return window


def _four(counts: Window) -> tuple[float, float, float, float]:
    return counts.baseline, counts.baseline_bad, counts.candidate, counts.candidate_bad


def _take(numbers: Iterator[float], count: int) -> tuple[float, ...]:
    found = tuple(islice(numbers, count))
    if len(found) < count:
        raise ValueError("numbers of a segment that are missing")
    return found
