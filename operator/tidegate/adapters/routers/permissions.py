"""What the operator must be allowed to do for the routers in use."""

from __future__ import annotations

from typing import Final, NamedTuple

VERBS: Final = ("get", "list", "watch", "patch")
"""What is done with an object that holds weights."""


class Grant(NamedTuple):
    """What one kind of object needs."""

    group: str
    resource: str
    """Its plural."""
    verbs: tuple[str, ...] = VERBS
