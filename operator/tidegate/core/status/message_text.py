"""A message in words: what, why, since when, what comes next, and where to look. One text for people, one in Markdown.

Words of others (labels of series, reasons that people gave) cannot mention anybody, link anywhere or change the layout.
"""

from __future__ import annotations

import re
from typing import Final

from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.api.rollout.status import HistoryEntry, MessageStatus, RolloutStatus
from tidegate.api.values.text import printable
from tidegate.core.model.message import Message, Place, Tone
from tidegate.core.model.time_format import in_words
from tidegate.core.model.world import RolloutObject
from tidegate.core.status.messages import identity

_TONES: Final = {
    NotificationEvent.REVERTED: Tone.FAILURE,
    NotificationEvent.STALLED: Tone.FAILURE,
    NotificationEvent.REVERT_UNSAFE: Tone.FAILURE,
    NotificationEvent.AWAITING: Tone.WARNING,
    NotificationEvent.HELD: Tone.WARNING,
    NotificationEvent.WARNED: Tone.WARNING,
    NotificationEvent.MISSING_DATA: Tone.WARNING,
    NotificationEvent.PAUSED: Tone.WARNING,
    NotificationEvent.ABORTED: Tone.WARNING,
    NotificationEvent.SUCCEEDED: Tone.SUCCESS,
}
"""How bad an event is; the others are information."""

_WHAT: Final = {
    NotificationEvent.STARTED: "run started",
    NotificationEvent.STEP_REACHED: "step {subject} reached",
    NotificationEvent.CHECKPOINT: "checkpoint {subject}",
    NotificationEvent.AWAITING: "waits for a person ({subject})",
    NotificationEvent.HELD: "on hold",
    NotificationEvent.WARNED: "limit {subject} breached (warning only)",
    NotificationEvent.MISSING_DATA: "data missing of {subject}",
    NotificationEvent.PAUSED: "paused ({subject})",
    NotificationEvent.STALLED: "stalled ({subject})",
    NotificationEvent.REVERT_UNSAFE: "a revert is not safe now",
    NotificationEvent.PROMOTING: "promoting",
    NotificationEvent.SUCCEEDED: "run succeeded",
    NotificationEvent.REVERTED: "run reverted",
    NotificationEvent.ABORTED: "run aborted",
    NotificationEvent.SUPERSEDED: "run superseded",
    NotificationEvent.DELETED: "run ended: the Rollout was deleted",
}
"""What is so, for the title."""

_NEXT: Final = {
    NotificationEvent.STARTED: "Nothing to do: the steps follow, and guards are evaluated every interval.",
    NotificationEvent.STEP_REACHED: "Nothing to do: guards are evaluated every interval, thresholds at the checkpoints.",
    NotificationEvent.CHECKPOINT: "Nothing to do: a breach has a message of its own. `tidegate report` has the charts.",
    NotificationEvent.AWAITING: "The weight stays as it is until then; guards stay active.",
    NotificationEvent.HELD: "The weight stays as it is until every limit is met again; then the run continues by itself.",
    NotificationEvent.WARNED: "The run continues: this limit only warns.",
    NotificationEvent.MISSING_DATA: "The weight is not raised. How long that is tolerated is set by missingData.",
    NotificationEvent.PAUSED: "Resume continues, Abort reverts; guards stay active.",
    NotificationEvent.STALLED: "Fix what the reason names; the operator retries automatically.",
    NotificationEvent.REVERT_UNSAFE: "The weight is not raised until the baseline has enough available pods.",
    NotificationEvent.PROMOTING: "The baseline takes over the version; then all traffic returns to it.",
    NotificationEvent.SUCCEEDED: "Nothing to do: the version is in service.",
    NotificationEvent.REVERTED: "All traffic goes to the baseline. This version is not tried again until it changes, or Retry.",
    NotificationEvent.ABORTED: "All traffic goes to the baseline. This version is not tried again until it changes, or Retry.",
    NotificationEvent.SUPERSEDED: "All traffic goes to the baseline; a run of the new version follows.",
    NotificationEvent.DELETED: "All traffic goes to the baseline.",
}
"""What comes next, or what a person can do."""

_NO_MENTION: Final = "\u2060"
"""A word joiner: behind an @ nobody is mentioned."""
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]#|~!])")


def compose(rollout: RolloutObject, status: RolloutStatus, message: MessageStatus, place: Place) -> Message:
    """The message as it is sent.

    Args:
        rollout: whose it is.
        status: as recorded with the message.
        message: what to tell.
        place: the administrator's words.
    """
    event, over = NotificationEvent(message.event), message.resolved is not None
    where = f"{rollout.namespace}/{rollout.name}"
    what = _WHAT[event].format(subject=_harmless(message.subject))
    cluster = f"[{place.cluster}] " if place.cluster else ""
    link = place.link.replace("{namespace}", rollout.namespace).replace("{name}", rollout.name)
    lines = _lines(message, event, _run_in_words(status, message))
    if link:
        lines.append(("Link", link))
    return Message(
        title=f"{cluster}{where}: {f'resolved: {what}' if over else what}",
        text="\n".join(f"{name}: {words}" for name, words in lines),
        markdown="\n".join(f"**{name}:** {words if words == link else _escaped(words)}  " for name, words in lines),
        tone=Tone.SUCCESS if over else _TONES.get(event, Tone.INFO),
        event=message.event,
        subject=message.subject,
        key=f"tidegate:{rollout.uid}:{message.run}:{message.event}:{message.subject}",
        id=message_id(rollout, message),
        resolved=over,
        time=(message.resolved or message.since).timestamp(),
        facts=_facts(rollout, message, place, link),
    )


def message_id(rollout: RolloutObject, message: MessageStatus) -> str:
    """The same for every attempt at a message, in every process, and for no other message."""
    return f"{rollout.uid}/{identity(message)}"


def _lines(message: MessageStatus, event: NotificationEvent, run: str) -> list[tuple[str, str]]:
    since = f"{message.since:%Y-%m-%d %H:%M:%S} UTC"
    why = ("Why", _harmless(message.message))
    ran = [("Run", run)] if run else []
    if message.resolved is not None:
        took = in_words(max((message.resolved - message.since).total_seconds(), 0.0))
        return [why, ("Lasted", f"{took}, since {since}"), *ran]
    return [why, ("Since", since), ("Next", _NEXT[event]), *ran]


def _run_in_words(status: RolloutStatus, message: MessageStatus) -> str:
    """The run with its images, the step and the weight."""
    if not message.run:
        return ""
    known: list[HistoryEntry] = [one for one in status.history if one.id == message.run]
    if status.run is not None and status.run.id == message.run:
        images = status.run.version.images
    else:
        images = known[0].version.images if known else ()
    named = f" of {', '.join(map(_harmless, images))}" if images else ""
    step = f", step {message.step}, weight {message.weight:g}%" if message.step else ""
    return f"{message.run}{named}{step}"


def _facts(rollout: RolloutObject, message: MessageStatus, place: Place, link: str) -> dict[str, str | float]:
    facts: dict[str, str | float] = {
        "cluster": place.cluster,
        "namespace": rollout.namespace,
        "rollout": rollout.name,
        "run": message.run,
        "step": message.step,
        "subject": message.subject,
        "reason": _harmless(message.message),
        "since": f"{message.since:%Y-%m-%dT%H:%M:%SZ}",
        "resolved": f"{message.resolved:%Y-%m-%dT%H:%M:%SZ}" if message.resolved is not None else "",
        "link": link,
    }
    weighed: dict[str, str | float] = {"weight": message.weight} if message.step else {}
    return {name: value for name, value in facts.items() if value} | weighed


def _harmless(words: str) -> str:
    """Words of others: no control characters, no mentions, no tags."""
    return printable(words).replace("@", f"@{_NO_MENTION}").replace("<", "‹").replace(">", "›")


def _escaped(words: str) -> str:
    return _MARKDOWN.sub(r"\\\1", words)
