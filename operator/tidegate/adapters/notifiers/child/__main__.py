"""Sends what it is given through apprise, each message in a thread of its own, until its input ends.

In: one line with what is `Allowed`, then a line for each message. Out: a line for each message, with the outcome `sent`, `rejected`
or `unavailable`, and why, in words that hold no part of the URL.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final
from urllib.parse import quote

import apprise
from apprise.manager_plugins import NotificationManager

from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.child.guard import SENDING, Sending, watch

LOCAL: Final = frozenset({"syslog", "dbus", "kde", "qt", "glib", "gnome", "macosx", "windows", "blink1"})
"""Services of this machine: they are not taken, whatever is allowed."""
PROGRAMS: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""Receivers of no known format: they get plain text."""
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
"""The header with the message's id, for programs (draft-ietf-httpapi-idempotency-key-header)."""
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
"""How apprise's plugins log an HTTP status."""
_AGAIN: Final = frozenset({"408", "425", "429"})

_out_lock = threading.Lock()


class _Statuses(logging.Handler):
    """The HTTP status that a plugin logged last, for the message it was about; nothing else of its words is used."""

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found and (sending := SENDING.get()) is not None:
            sending.status = found[1]


def _send(given: dict[str, Any], allowed: Allowed) -> tuple[str, str]:
    """The outcome, and why."""
    try:
        service = apprise.Apprise.instantiate(given["url"], asset=_asset())
    except Exception:  # noqa: BLE001  (a plugin's: its words may hold the URL)
        service = None
    if service is None:
        return (
            "rejected",
            "apprise does not support this URL, or the operator's notifications.schemes do not allow its scheme",
        )
    schemes = _schemes(type(service))
    if not schemes & (set(allowed.schemes) - LOCAL):
        return "rejected", "the URL's scheme is not one of the operator's notifications.schemes"
    sending = Sending(own_host=any("{host}" in one or "{host:" in one for one in service.templates))
    SENDING.set(sending)
    service.redirects, service.retry = False, 0
    group(service, given)
    if schemes & PROGRAMS and isinstance(getattr(service, "headers", None), dict):
        service.headers.setdefault(IDEMPOTENCY_KEY, quote(given["message_id"], safe="/:"))
    plain = schemes & PROGRAMS or service.resolve_format("markdown") == "text"
    body, body_format = (given["text"], "text") if plain else (given["markdown"], "markdown")
    try:
        sent = service.notify(body=body, title=given["title"], notify_type=given["tone"], body_format=body_format)
    except Exception:  # noqa: BLE001  (as above)
        sent = False
    if sent:
        return "sent", ""
    if sending.refused:
        return "rejected", sending.refused
    status = sending.status
    if not status:
        return "unavailable", "the service could not be reached, or did not answer in time"
    final = status[0] in "34" and status not in _AGAIN
    return "rejected" if final else "unavailable", f"the service answered {status}"


def group(service: Any, given: dict[str, Any]) -> None:  # noqa: ANN401  (a plugin)
    """Lets services with incidents tell repeats, and close what is over, unless the URL says how."""
    for name in ("dedup", "alias", "entity"):
        if hasattr(service, name) and not getattr(service, name):
            setattr(service, name, given["key"][:255])
            break
    if given["resolved"] and getattr(service, "action", None) in {"trigger", "map"}:
        service.action = "resolve" if type(service).__name__ == "NotifyPagerDuty" else "map"


def _schemes(plugin: Any) -> set[str]:  # noqa: ANN401  (a plugin's class)
    found: set[str] = set()
    for given in (plugin.protocol, plugin.secure_protocol):
        found |= {given} if isinstance(given, str) else set(given or ())
    return found


def _asset() -> Any:  # noqa: ANN401  (apprise has no types here)
    return apprise.AppriseAsset(
        app_id="Tidegate",
        app_desc="Tidegate",
        app_url="",
        storage_mode="memory",
        http_redirects=False,
        secure_logging=True,
        plugin_paths=[],
    )


def _answer(out: Any, name: str, outcome: str, why: str) -> None:  # noqa: ANN401  (a text stream)
    with _out_lock:
        out.write(json.dumps({"id": name, "outcome": outcome, "why": why}) + "\n")
        out.flush()


def _deal_with(line: str, allowed: Allowed, out: Any) -> None:  # noqa: ANN401  (a text stream)
    given = json.loads(line)
    outcome, why = "unavailable", "the message could not be sent"
    with suppress(Exception):
        outcome, why = copy_context().run(_send, given, allowed)
    _answer(out, given["id"], outcome, why)


def main() -> None:
    """Reads lines until there are no more."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # a plugin that prints speaks to nobody
        os.dup2(null, stream)
    allowed = Allowed.of_json(json.loads(sys.stdin.readline()))
    logger = logging.getLogger("apprise")
    logger.addHandler(_Statuses())
    logger.propagate = False
    NotificationManager().enable_only(*(set(allowed.schemes) - LOCAL))
    watch(allowed)
    for line in sys.stdin:
        threading.Thread(target=_deal_with, args=(line, allowed, out), daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()
