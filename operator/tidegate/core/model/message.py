"""A message to people or machines about one Rollout, as plain data; and what is known of those in progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Tone(StrEnum):
    """How bad it is: the four that every service has a colour or a severity for."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Place:
    """What the administrator says of this cluster."""

    cluster: str = ""
    """Its name, for people who have several; empty: not said."""
    link: str = ""
    """A URL for people, in which `{namespace}` and `{name}` are replaced; empty: none."""


@dataclass(frozen=True)
class Message:
    """What is sent."""

    title: str
    """One line: cluster, Rollout, what."""
    text: str
    """The body as plain text."""
    markdown: str
    """The same in Markdown."""
    tone: Tone
    event: str
    subject: str
    key: str
    """The same for every message about the same thing, its resolution included: what receivers tell repeats by."""
    id: str
    """The same for every attempt at this message, and for no other message."""
    resolved: bool
    time: float
    """Epoch seconds: when it came to be so, or was over."""
    facts: Mapping[str, str | float]
    """For machines: cluster, namespace, rollout, run, step, weight, reason, since, link."""


@dataclass(frozen=True)
class Notifying:
    """What is known of the messages of one Rollout."""

    off: str = ""
    """Why none is sent; empty when they are."""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Messages that are dealt with, by their id: what kept one from being sent, empty for one that was."""
    trouble: str = ""
    """What keeps messages from being sent now; they are tried again."""


NOT_NOTIFYING: Final = Notifying(off="this operator sends no messages")
"""Where there is no notifier."""
