"""`spec.notifications`: the receivers, the events, and the kinds of notifier."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.names import ObjectName
from tidegate.api.values.text import ONE_LINE

MAX_NOTIFICATIONS: Final = 8

SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key of a Secret."""


class NotificationEvent(StrEnum):
    """What a notification can be about."""

    STARTED = "Started"
    STEP_REACHED = "StepReached"
    CHECKPOINT = "Checkpoint"
    AWAITING = "Awaiting"
    HELD = "Held"
    WARNED = "Warned"
    MISSING_DATA = "MissingData"
    PAUSED = "Paused"
    STALLED = "Stalled"
    REVERT_UNSAFE = "RevertUnsafe"
    PROMOTING = "Promoting"
    SUCCEEDED = "Succeeded"
    REVERTED = "Reverted"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    DELETED = "Deleted"


STANDING: Final = frozenset(
    {
        NotificationEvent.AWAITING,
        NotificationEvent.HELD,
        NotificationEvent.WARNED,
        NotificationEvent.MISSING_DATA,
        NotificationEvent.PAUSED,
        NotificationEvent.STALLED,
        NotificationEvent.REVERT_UNSAFE,
    }
)
"""Events that last: their end is sent as well, as resolved."""

BY_DEFAULT: Final = (
    NotificationEvent.AWAITING,
    NotificationEvent.HELD,
    NotificationEvent.PAUSED,
    NotificationEvent.STALLED,
    NotificationEvent.SUCCEEDED,
    NotificationEvent.REVERTED,
    NotificationEvent.ABORTED,
    NotificationEvent.SUPERSEDED,
    NotificationEvent.DELETED,
)
"""What needs a person, and every end."""


class NotifierKind(StrEnum):
    """What a message is sent by."""

    APPRISE = "Apprise"
    CLOUD_EVENTS = "CloudEvents"


class NotificationSecret(ApiModel):
    """Where the URL is that messages are sent to."""

    name: ObjectName
    """Name of a Secret in the Rollout's namespace."""
    key: SecretKey = "url"
    """Its key that holds the URL, by default `url`."""
    token_key: SecretKey | None = None
    """Its key that holds a bearer token, for `kind: CloudEvents`. By default there is none."""


class Notification(ApiModel):
    """One receiver of messages."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=ONE_LINE)] | None = None
    """What the receiver is called in status and metrics; by default the Secret's name with the key."""
    kind: NotifierKind = NotifierKind.APPRISE
    """By default `Apprise`: a URL of one of its services, such as `slack://...`. `CloudEvents`: the `http(s)://` URL of a sink. The operator's configuration must allow the URL's scheme."""
    secret: NotificationSecret
    """Where the URL is."""
    events: Annotated[tuple[NotificationEvent, ...], Field(min_length=1, max_length=16, json_schema_extra=unique())] = (
        BY_DEFAULT
    )
    """The events that are sent, by default those that need a person and every end. Of those that last (`Awaiting`, `Held`, `Warned`, `MissingData`, `Paused`, `Stalled`, `RevertUnsafe`) the end is sent too, as resolved."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.secret.tokenKey) || (has(self.kind) && self.kind == 'CloudEvents')",
            "tokenKey is for kind CloudEvents; for Apprise the URL contains the credentials",
            ".secret.tokenKey",
            lambda self: self.secret.token_key is None or self.kind is NotifierKind.CLOUD_EVENTS,
        ),
    )

    @property
    def label(self) -> str:
        """What the receiver is called; never its URL."""
        return self.name or f"{self.secret.name}/{self.secret.key}"
