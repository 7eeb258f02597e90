"""Colours: what is well, what is not, what is waited for. Only for a terminal, and not where NO_COLOR says so."""

from __future__ import annotations

from typing import Final

WELL: Final = "green"
BAD: Final = "red"
OPEN: Final = "yellow"

_TONES: Final = {
    **dict.fromkeys(("Ok", "Pass", "Succeeded", "Idle", "ShownOk"), WELL),
    **dict.fromkeys(("Breached", "Breach", "Reverted", "Reverting", "Invalid", "Aborted", "Regressed", "error"), BAD),
    **dict.fromkeys(("Pending", "Undecided", "Paused", "Waiting", "TooFew", "TooFewRequests", "NotComparable"), OPEN),
    **dict.fromkeys(
        ("MissingData", "NoData", "SourceDown", "Superseded", "Inconclusive", "warning", "GuardBreached"), OPEN
    ),
}


def tone_of(text: str) -> str:
    """The colour of a word that says how something stands, also with more behind a comma; empty for any other text."""
    return _TONES.get(text.partition(",")[0], "")
