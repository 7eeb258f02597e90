"""What can be wrong with the programs the lab needs."""

from __future__ import annotations


class MissingProgramError(Exception):
    """A program is neither there nor can be built; the message says which and how to get it."""


class BuildError(Exception):
    """Go refused; the message names the log and ends with its last lines."""
