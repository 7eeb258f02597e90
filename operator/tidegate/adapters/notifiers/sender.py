"""What a kind of notifier is: how one message gets to one receiver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:  # the child process imports this package, and must stay small
    from tidegate.adapters.notifiers.allowed import Allowed
    from tidegate.core.model.message import Message


@dataclass(frozen=True)
class Target:
    """Where a message goes: all of it is secret."""

    url: str
    token: str = ""

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Target(...)"


class Sender(Protocol):
    """One kind of notifier."""

    async def send(self, target: Target, message: Message) -> None:
        """Sends one message, in a bounded time. No error's words hold any part of the target.

        Raises: Rejected: never to be tried again; Unavailable.
        """
        ...

    async def close(self) -> None:
        """Lets go of connections and processes."""
        ...


Make: TypeAlias = "Callable[[Allowed], Sender]"
"""Makes the sender of a kind when the first message for it is to be sent."""
