"""The registry of notifiers: one row for each kind in `spec.notifications[].kind`, loaded with the first message for it.

A new kind: a member of `NotifierKind` in `api/rollout/notifications.py`, a module here, a row in `KINDS`. Nothing but the row's own
function imports the module: who sends no messages pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from tidegate.adapters.notifiers.sender import Make

KINDS: Final[Mapping[str, str]] = {
    "Apprise": "tidegate.adapters.notifiers.apprise_process:AppriseProcess",
    "CloudEvents": "tidegate.adapters.notifiers.cloud_events:CloudEventsSink",
}
"""The kind as on the wire, and where its `Sender` is: module and class, which is made of what is `Allowed`."""


def maker(kind: str) -> Make:
    """What makes the sender of a kind."""
    module, name = KINDS[kind].split(":")
    return cast("Make", getattr(import_module(module), name))
