"""The rollouts that are simulated. Requests are the candidate's; with its share of 5 % the whole service has twenty times as many."""

from __future__ import annotations

import math

from tests.bench.decisions.traffic import DAY, Cell

SLOW = 0.5
"""Requests a second to the candidate of a service with 10 a second: 360 in 12 minutes."""
LATE = 120
"""Minutes until a late harm begins; the run then goes on for an hour."""

_RATES = (100.0, 10.0, 1.0, SLOW, 0.05)

STEADY = tuple(
    Cell(f"{rate:g}/s, {100 * base:g} % errors", rate, base=base) for rate in _RATES for base in (0.005, 0.009)
)
PEEKING = Cell("24 h of looks, 0.5/s", SLOW, minutes=DAY)
WAVE = Cell("daily wave in traffic and rate, 24 h, 0.5/s", SLOW, wave=True, minutes=DAY)
SHARED = (
    Cell("shared incident: both arms 5 times as bad, 0.5/s", SLOW, shared=5),
    Cell("shared incident, 10/s", 10, shared=5),
)
SHARED_HALVES = Cell("shared incident, 10/s, share of 50 %", 10, share=0.5, shared=5)
COLD = (
    Cell("cold pods: 3 times as bad for 3 min, 0.5/s", SLOW, ratio=3, worse_until=3),
    Cell("cold pods, 10/s", 10, ratio=3, worse_until=3),
)
NOISY = (
    Cell("noisy arms: rates vary by 30 %, 10/s", 10, noise=0.3),
    Cell("noisy arms, 100/s", 100, noise=0.3),
)
CLUMPED = (
    *(Cell(f"errors in clumps of {size:g}, 2/s, half of the traffic", 2, share=0.5, clump=size) for size in (2, 4, 8)),
    Cell("errors in clumps of 4, 0.5/s", SLOW, clump=4),
    Cell("errors in clumps of 4, 10/s", 10, clump=4),
    Cell("0.1 % errors in clumps of 4, 2/s, half of the traffic", 2, base=0.001, share=0.5, clump=4),
    Cell("retry storms in 1 minute of 30, 10/s", 10, storms=1 / 30),
)
SPIKED = (
    Cell("30 % errors in 1 minute of 100, 0.5/s", SLOW, spikes=0.01),
    Cell("30 % errors in 1 minute of 100, 10/s", 10, spikes=0.01),
)
HEALTHY = (*STEADY, PEEKING, WAVE, *SHARED, SHARED_HALVES, *COLD, *NOISY, *CLUMPED, *SPIKED)


def _harms(rate: float) -> tuple[Cell, ...]:
    where = f"{rate:g}/s"
    late = LATE + 60
    return (
        *(Cell(f"{ratio:g} times, {where}", rate, ratio=ratio, healthy=False) for ratio in (1.5, 2, 5, 20)),
        Cell(f"outage, {where}", rate, ratio=math.inf, healthy=False),
        *(
            Cell(f"{ratio:g} times after 2 h, {where}", rate, ratio=ratio, worse_from=LATE, minutes=late, healthy=False)
            for ratio in (1.5, 2, 5, 20)
        ),
        Cell(f"outage after 2 h, {where}", rate, ratio=math.inf, worse_from=LATE, minutes=late, healthy=False),
    )


HARMS = (
    *_harms(SLOW),
    *_harms(10),
    *(
        Cell(f"{ratio:g} times, in clumps of 4, 2/s, half", 2, share=0.5, clump=4, ratio=ratio, healthy=False)
        for ratio in (2, 5, 20)
    ),
)
FIVE_TIMES = f"5 times, {SLOW:g}/s"
OUTAGES = tuple(cell.name for cell in HARMS if cell.name.startswith("outage,"))
LATE_OUTAGES = tuple(cell.name for cell in HARMS if cell.name.startswith("outage after"))

ATTRIBUTED = (SHARED[1], SHARED_HALVES, *(cell for cell in HARMS if cell.name in {FIVE_TIMES, OUTAGES[0]}))
"""What tells apart the ways to say whose fault a breach of the limit is."""
