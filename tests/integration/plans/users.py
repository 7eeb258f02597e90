"""The people of the plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lab.control_plane import User

ROLES: Final[Mapping[str, User]] = {
    "engineering": User("erin"),
    "operations": User("olaf"),
    "product": User("paula"),
    "finance": User("fiona"),
}
"""Who may give which approval."""
NOBODY: Final = User("norbert")
"""May look, and give no approval."""
AUDITOR: Final = User("cora")
"""Ticks checklists."""
EVERYBODY: Final = (*ROLES.values(), NOBODY, AUDITOR)
