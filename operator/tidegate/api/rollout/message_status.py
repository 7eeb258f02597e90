"""`Rollout.status.notifications`: what was sent by `spec.notifications`, and what is under way. Part of status.py, which says what the marks mean."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.model import StatusModel, Words


class MessageStatus(StatusModel):
    """A notification of `spec.notifications`. Operator state: it is sent once, and once more as resolved when it is over."""

    event: str
    """The event, as in `spec.notifications[].events`."""
    subject: str = ""
    """Its subject, such as the step or the reason: with run and event it is the key by which receivers know repeats."""
    run: str = ""
    """The run; absent outside of one."""
    since: datetime
    """Since when."""
    resolved: datetime | None = None
    """When it ended; absent while it lasts, and for events without a duration."""
    again: datetime | None = None
    """When it began again, too soon after the last notification to send another one at once."""
    message: Words = ""
    """The reason as text; shortened once it is sent."""
    step: str = ""
    """The step of the run, such as `2/3 ramp`."""
    weight: float = 0
    """The candidate's weight, percent."""
    outcome: str = ""
    """`Sent` to every receiver, or `Failed`; absent while it is in progress."""
    failure: Words = ""
    """Why it could not be sent."""


class MessagesStatus(StatusModel):
    """The notifications that were sent, and those in progress. Operator state."""

    run: str = ""
    """The newest run whose start has been noted."""
    steps: int = 0
    """Steps of it that have been noted as begun."""
    checkpoint: str | None = None
    """The newest checkpoint of it that has been noted; absent where an earlier version of the operator noted none."""
    promoting: bool = False
    """Its promotion has been noted."""
    ended: str = ""
    """The newest run whose end has been noted."""
    messages: tuple[MessageStatus, ...] = ()
    """The newest messages, oldest first."""
