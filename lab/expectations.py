"""What the demo's two stories must come to, each expectation in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.stories import Story, Stretch

SIGMAS = 5.0  # a split this far off is no chance: once in 1.7 million
LEAST = 50  # requests below which a split says nothing
TO_ZERO = 12.0
"""Seconds from the first bad answer to weight 0, at most: 1 s scrape, 1 s interval, and the time until 5 % of the 8 s
window is bad (at 50 % weight and 30 % errors about 1.5 s), each with room for a busy machine."""


def broken(stories: Sequence[Story]) -> list[str]:
    """The expectations that were not met, in words."""
    good, bad = stories
    return [
        *_promoted(good),
        *_reverted(bad),
        *(word for story in stories for word in splits(story.title, story.stretches)),
    ]


def _promoted(story: Story) -> Iterator[str]:
    if story.outcome != "Succeeded":
        yield f"{story.title}: ended {story.outcome} ({story.message}), expected Succeeded"
    if not story.baseline_image.endswith(":v2"):
        yield f"{story.title}: the baseline runs {story.baseline_image}, expected v2"
    if story.weights != [0, 10, 50, 0]:
        yield f"{story.title}: the candidate's weights were {story.weights}, expected 0, 10, 50, 0"
    if story.failed:
        yield f"{story.title}: requests failed: {story.failed}, expected none"


def _reverted(story: Story) -> Iterator[str]:
    if story.outcome != "Reverted":
        yield f"{story.title}: ended {story.outcome} ({story.message}), expected Reverted"
    if not story.baseline_image.endswith(":v2"):
        yield f"{story.title}: the baseline runs {story.baseline_image}, expected v2 untouched"
    if story.weights != [0, 10, 50, 0]:
        yield f"{story.title}: the candidate's weights were {story.weights}, expected 0, 10, 50, 0"
    others = {version: count for version, count in story.failed.items() if version != "v3"}
    if others:
        yield f"{story.title}: requests failed on others than the bad candidate: {others}"
    if story.seconds_to_zero is None or story.seconds_to_zero > TO_ZERO:
        yield f"{story.title}: {story.seconds_to_zero} s from the first bad answer to weight 0, expected at most {TO_ZERO}"


def splits(title: str, stretches: Sequence[Stretch]) -> Iterator[str]:
    """The stretches in which the candidate's share of the requests is too far off its weight to be chance, in words."""
    for stretch in stretches:
        if stretch.requests >= LEAST and abs(stretch.reached - _expected(stretch)) > SIGMAS * _deviation(stretch):
            yield (
                f"{title}: at weight {stretch.weight:g}% the candidate got {stretch.measured:.1f}% of "
                f"{stretch.requests} requests"
            )


def _expected(stretch: Stretch) -> float:
    return stretch.requests * stretch.weight / 100


def _deviation(stretch: Stretch) -> float:
    share = stretch.weight / 100
    return max(math.sqrt(stretch.requests * share * (1 - share)), 1.0)
