"""Gates that people open: approvals by name, a quorum of them, checklists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.api.rollout.gates import Quorum
from tidegate.api.rollout.status import ApprovalStatus
from tidegate.api.rollout.steps import Step
from tidegate.core.gates.kind import Closed, GateContext
from tidegate.core.gates.step_hash import hash_of


@dataclass(frozen=True)
class Approved:
    """`approvals`: as many as are needed have been given for the step as it is now."""

    field: str = "quorum"
    calendar: bool = True

    def evaluate(self, part: Quorum, context: GateContext) -> Closed | None:
        """Closed until enough are given."""
        given = [one for one in counting(context.approvals, context.step) if one.name in part.names]
        missing = [name for name in part.names if name not in {one.name for one in given}]
        left = part.needed - len(given)
        if left <= 0:
            return None
        listed = ", ".join(missing)
        what = f"approval of {listed}" if left == len(missing) else f"{left} of the approvals {listed}"
        so_far = f" (given: {', '.join(map(in_words, given))})" if given else ""
        verbs = ", ".join(f"approve-{name}" for name in missing)
        return Closed(f"awaits {what}{so_far}", people=f"users with the verb {verbs}", part="approvals")

    def describe(self, part: Quorum) -> str:
        """`approval of engineering, finance`, `2 of the approvals engineering, finance, product`."""
        listed = ", ".join(part.names)
        everything = part.needed == len(part.approvals)
        return f"approval of {listed}" if everything else f"{part.needed} of the approvals {listed}"


def counting(approvals: Iterable[ApprovalStatus], step: Step) -> tuple[ApprovalStatus, ...]:
    """The approvals that were given for a step as it is now."""
    identity = hash_of(step)
    return tuple(one for one in approvals if (one.step, one.step_hash) == (step.name, identity))


def in_words(approval: ApprovalStatus) -> str:
    """`finance by ann`, with what is not sure about it."""
    return f"{approval.name} by {approval.person}{'' if approval.verified else ', unverified'}"
