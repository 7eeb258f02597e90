"""Samples in Prometheus' exposition format, two scrapes of each target: our own numbers under the systems' own names.

They are written after each system's documentation, source and published scrapes, not taken from a running one.

In every one of them the baseline counts 200 requests from the first scrape to the second, 10 of them errors, and the
candidate 40, 8 of them errors; the baseline's durations lie between 50 and 100 ms, the candidate's between 100 and 500.
Beside them stand series that belong to neither and are mostly errors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Recording:
    """What one target said at two instants."""

    labels: dict[str, str]
    """The scrape's own."""
    scrapes: tuple[str, ...]


def recordings(name: str) -> list[Recording]:
    """The targets of one file."""
    _, *targets = (SAMPLES / f"{name}.prom").read_text().split("# target ")
    return [_recording(text) for text in targets]


def _recording(text: str) -> Recording:
    labels, _, rest = text.partition("\n")
    scrapes = (part.partition("\n")[2] for part in rest.split("# scrape ")[1:])
    return Recording(json.loads(labels), tuple(scrapes))
