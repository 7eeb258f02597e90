"""How much of a Rollout's status its memory may take: what is remembered is never dropped, so what could be is bounded."""

from __future__ import annotations

from typing import Final

MAX_SERIES: Final = 64
"""More series of one metric than this are an error: each is evaluated, and remembered while it is beyond a limit."""

LONGEST_LABELS: Final = 120
"""Characters of a series' labels that are kept: a user agent or a path among the values would fill status."""

MOST_CLOCKS: Final = 64
"""Series of all guards together whose time beyond a limit is remembered."""

MEMORY: Final = 48 * 1024
"""Bytes, as JSON, that what depends on the spec may take. The rest of 64 KiB is for what does not: conditions and their words,
routes, and the template that a promotion replaces."""

A_STEP: Final = 120
"""Bytes of a step that has begun."""
AN_APPROVAL: Final = 2700
"""Bytes of an approval, with the longest name of a person and `LONGEST_SAYING` characters of what that one said."""
LONGEST_SAYING: Final = 100
"""Characters of the reason of an approval that are kept."""
KEPT_JOBS: Final = 8
"""Jobs that have ended and on which nothing rests any more, kept for the record."""
LONGEST_CAUSE: Final = 200
"""Characters of why a Job was started, and of how it failed, that are kept."""
A_JOB: Final = 1700
"""Bytes of a Job."""
A_GUARD: Final = 260
"""Bytes of a guard that is not ok, its message and clocks aside."""
A_CLOCK: Final = LONGEST_LABELS + 75
"""Bytes of one clock."""
A_METRIC: Final = 420
"""Bytes of a metric without an answer, of both kinds, their messages aside."""
A_GROUPING: Final = MAX_SERIES * 9 + 120
"""Bytes of the groups of a metric with `by`."""
SEGMENT_LABELS: Final = 40
"""Characters of the labels of a segment that a test on counts keeps, a digest of longer ones aside."""

A_COHORT: Final = 800
"""Bytes of a cohort with its weights and, where it was taken back, the words of the breach, in memory and for people."""

A_TEST: Final = 950
"""Bytes of a test on counts; one against a limit takes `A_LIMIT` more."""
SEGMENTS: Final = 13_500
"""Bytes of a test on counts by segment; one against a limit takes `SEGMENTS_LIMIT` more."""
SEGMENTS_LIMIT: Final = 3_000
EXCLUDED: Final = 3
"""Versions that keep what they exclude: the one under test, the released and the rejected one."""
A_LIMIT: Final = 250
