r"""Text of others (reasons, revisions, labels, answers of servers) made safe to show: on terminals, in Events, logs, status.

A line break in a reason forges lines, an escape sequence draws over a screen, a bidirectional override reorders what is
read. All of it is shown as what it is: `\n`, `\x1b`, `\u202e`.
"""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters (C0, DEL, C1)
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions of writing (UAX 9)
    "\u2028\u2029"  # line and paragraph separators
    "\ufeff\U000e0000-\U000e007f"  # invisible marks and tags
    "\ud800-\udfff]"  # halves of surrogate pairs, which no encoding can write
)

ONE_LINE: Final = (
    r"^[^\x00-\x1f\x7f-\x{9f}\x{61c}\x{200e}\x{200f}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]*$"
)
"""The same as a pattern of a schema (RE2): text without any of it."""


def printable(text: str) -> str:
    """`text` with everything escaped that does more than to be read. What is printable comes back as it is."""
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
