"""What ends a command with one clear line rather than a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """The command could not do what was asked. The message is the line people read; `code` is the exit code."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code
