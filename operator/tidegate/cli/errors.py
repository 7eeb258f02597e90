"""What ends a command with one clear line rather than a traceback."""

from __future__ import annotations

from collections.abc import Sequence


class CommandError(Exception):
    """The command could not do what was asked. `code` is the exit code."""

    def __init__(self, message: str | Sequence[str], code: int = 2) -> None:
        """`message` is the line people read, or several of them; a line break within one is shown as text."""
        self.lines = (message,) if isinstance(message, str) else tuple(message)
        super().__init__("\n".join(self.lines))
        self.code = code
