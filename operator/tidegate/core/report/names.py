"""What the ConfigMaps with reports are called: one for each run, found by the Rollout's name and the run's number alone."""

from __future__ import annotations

import hashlib
from typing import Final

LONGEST: Final = 253
"""Characters of an object's name."""
KEPT: Final = 10
"""Reports of a Rollout that are kept: as many as runs in its history."""


def number_of(run: str) -> int:
    """The run's number, the first part of its id; 0 for what is no id."""
    first = run.partition("-")[0]
    return int(first) if first.isdecimal() else 0


def config_map_name(rollout: str, number: int) -> str:
    """Such as `checkout-report-12`; of a very long name the begin, with a digest."""
    end = f"-report-{number}"
    if len(rollout) + len(end) <= LONGEST:
        return rollout + end
    digest = hashlib.sha256(rollout.encode()).hexdigest()[:8]
    return f"{rollout[: LONGEST - len(end) - 9]}-{digest}{end}"
