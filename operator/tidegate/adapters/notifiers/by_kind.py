"""The `Notifier` port: reads the receiver's Secret and hands the message to the sender of its kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tidegate.adapters.kubernetes.secrets import SecretReader
from tidegate.adapters.notifiers import maker
from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.sender import Make, Sender, Target
from tidegate.api.rollout.notifications import Notification, NotifierKind
from tidegate.core.model.message import Message, Place
from tidegate.ports.errors import Missing, PortError, Rejected, Unavailable

OFF = "the operator's configuration allows no notifications: notifications.schemes is empty"


class NotifiersByKind:
    """See the module."""

    def __init__(
        self,
        secrets: SecretReader,
        allowed: Allowed,
        place: Place | None = None,
        make: Callable[[str], Make] = maker,
    ) -> None:
        self.place = place or Place()
        self._secrets = secrets
        self._allowed = allowed
        self._make = make
        self._senders: dict[NotifierKind, Sender] = {}

    @property
    def off(self) -> str:
        """Why no message is ever sent; empty when they are."""
        return "" if self._allowed.schemes else OFF

    async def send(self, namespace: str, receiver: Notification, message: Message) -> None:
        """Sends one message to one receiver.

        Raises: Rejected, Missing, Unavailable.
        """
        target = await self._target(namespace, receiver)
        if receiver.kind not in self._senders:
            self._senders[receiver.kind] = self._make(str(receiver.kind))(self._allowed)
        try:
            await self._senders[receiver.kind].send(target, message)
        except Rejected:
            self._secrets.forget(namespace, receiver.secret.name)  # it may be mended: the next message reads it again
            raise

    async def close(self) -> None:
        """Lets go of connections and processes."""
        for sender in self._senders.values():
            with suppress(PortError):
                await sender.close()
        self._senders.clear()

    async def _target(self, namespace: str, receiver: Notification) -> Target:
        where = receiver.secret
        try:
            secret = await self._secrets.read(namespace, where.name)
        except Rejected as error:  # a permission is given, a Secret mended: it is tried again
            raise Unavailable(str(error)) from error
        for key in filter(None, (where.key, where.token_key)):
            if not secret.get(key):
                raise Missing(f"Secret {namespace}/{where.name} has no key {key!r}")
        return Target(secret[where.key], secret[where.token_key] if where.token_key else "")
