"""Watches messages from outside: which was sent again without a cause, and which was never sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.status.happenings import LONGEST_SUBJECT
from tidegate.core.status.message_text import message_id
from tidegate.core.status.messages import under_way
from tidegate.simulation.cluster import Cluster

ENDS: Final = {str(end) for end in RunEnd}

Thing = tuple[str, str, str]
"""What is told: run, event, subject."""


@dataclass
class Told:
    """The messages of one Rollout with one receiver."""

    cluster: Cluster
    lost: set[int] = field(default_factory=set)
    """Places of messages whose receiver's answer was lost."""
    ended: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    """Each end of a process: how many messages had been sent, and the ids that were under way in the stored status."""
    rewritten: list[int] = field(default_factory=list)
    """Each late write of a status: how many messages had been sent."""
    refused: set[Thing] = field(default_factory=set)
    """What the receiver refused: it is not told again, and the status says so."""
    expected: dict[Thing, None] = field(default_factory=dict)
    """What has come to pass in a status that was stored, in order."""

    def answer_lost(self) -> None:
        """The receiver has the last message, and the operator does not know."""
        self.lost.add(len(self.cluster.messages) - 1)

    def process_ended(self) -> None:
        """What it knew is gone, but for the stored status."""
        found = self.cluster.rollouts.get("checkout")
        if found is None:
            pending: frozenset[str] = frozenset()
        else:
            status = RolloutStatus.model_validate(found.status)
            pending = frozenset(message_id(found, one) for one in under_way(status))
        self.ended.append((len(self.cluster.messages), pending))

    def status_rewritten(self) -> None:
        """A write that was given up has landed: it may take the record of messages back."""
        self.rewritten.append(len(self.cluster.messages))

    def stored(self, status: Mapping[str, Any]) -> None:
        """Takes in what has come to pass in a status."""
        for one in (status.get("notifications") or {}).get("messages") or ():
            if one.get("outcome") == "Failed" and "given up" not in one["failure"]:
                self.refused.add((one["run"], one["event"], one.get("subject", "")))
        run = status.get("run")
        if run is not None and status.get("notifications") is not None:
            self.expected[run["id"], "Started", ""] = None
            for step in run.get("begun") or ():
                self.expected[run["id"], "StepReached", step["name"][:LONGEST_SUBJECT]] = None
            for one in status.get("checkpoints") or ():
                if one["verdict"] != "Undecided":
                    self.expected[run["id"], "Checkpoint", f"{one['step']} {one['at']}"[:LONGEST_SUBJECT]] = None
        for entry in status.get("history") or () if status.get("notifications") is not None else ():
            if entry["outcome"] in ENDS:
                self.expected[entry["id"], entry["outcome"], entry["reason"][:LONGEST_SUBJECT]] = None

    def again(self) -> list[str]:
        """Ids of messages that were sent again without a cause."""
        last: dict[str, int] = {}
        found = []
        for place, (_, _, message) in enumerate(self.cluster.messages):
            before = last.get(message.id)
            if before is not None and not self._caused(message.id, before, place):
                found.append(message.id)
            last[message.id] = place
        return found

    def _caused(self, sent: str, before: int, place: int) -> bool:
        """Whether a message may have been sent at both places: its answer was lost, or a process ended before its outcome was stored."""
        ends = [pending for count, pending in self.ended if before < count <= place]
        late = any(before < count <= place for count in self.rewritten)
        return before in self.lost or any(sent in pending or late for pending in ends)

    def missing(self) -> list[Thing]:
        """What has come to pass, was not refused by the receiver, and was never told."""
        told = {tuple(message.key.split(":", 4)[2:]) for _, _, message in self.cluster.messages}
        return [one for one in self.expected if one not in told | self.refused]
