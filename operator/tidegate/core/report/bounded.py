"""The report as JSON within a size: what is left out first when it is too large, and that it is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.api.report import Report

LARGEST: Final = 64 * 1024
"""Bytes of a report in a ConfigMap, as JSON."""


def as_text(report: Report, largest: int | None = LARGEST) -> str:
    """The report as JSON.

    Args:
        report: the whole.
        largest: bytes; the evidence of the oldest checkpoints goes first, then those checkpoints, then the oldest of the timeline.
            `None`: any number.
    """
    for smaller in _smaller(report) if largest is not None else (report,):
        text = smaller.model_dump_json(by_alias=True, exclude_none=True)
        if largest is None or len(text.encode()) <= largest:
            return text
    bare = report.model_copy(
        update={"checkpoints": (), "timeline": (), "limits": (), "jobs": (), "approvals": (), "gate": None}
    )
    return _said(bare, "all but the outcome").model_dump_json(by_alias=True, exclude_none=True)


def _smaller(report: Report) -> Iterator[Report]:
    yield report
    number = len(report.checkpoints)
    for kept in (number // 2, number // 4, 1, 0):
        cut = number - kept
        bare = tuple(one.model_copy(update={"findings": ()}) for one in report.checkpoints[:cut])
        yield _said(
            report.model_copy(update={"checkpoints": (*bare, *report.checkpoints[cut:])}),
            f"the evidence of the {cut} oldest checkpoints",
        )
    yield _said(report.model_copy(update={"checkpoints": ()}), f"all {number} checkpoints")
    lines = report.timeline[-40:]
    yield _said(
        report.model_copy(update={"checkpoints": (), "timeline": lines}),
        f"all {number} checkpoints and all but the last {len(lines)} lines of the timeline",
    )


def _said(report: Report, what: str) -> Report:
    words = f"Left out, so that the report fits into {LARGEST // 1024} KiB: {what}."
    return report.model_copy(update={"left_out": (*report.left_out, words)})
