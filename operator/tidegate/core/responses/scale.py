"""`Scale`: the candidate gets more pods, and the run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.reasons import Reason
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.model.world import ArmName
from tidegate.core.responses.kind import Breach
from tidegate.core.scaling.needs import memory_of
from tidegate.core.tick.draft import Draft, Wish


@dataclass(frozen=True)
class Scale:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Asks for more pods, unless that was done within the cooldown; a promoted candidate serves nobody and gets none."""
        limit, candidate = breach.limit, draft.arm(ArmName.CANDIDATE)
        if limit is None or limit.scale is None:
            return
        if breach.new:
            draft.say(Reason.LIMIT_BREACHED, f"{breach.message}: the candidate is scaled up", warning=True)
        if candidate is None or draft.run.promotion is not None:
            return
        wanted, memory = (
            min(candidate.replicas + limit.scale.by.of(candidate.replicas), limit.scale.max),
            memory_of(draft),
        )
        cooldown = limit.scale.cooldown.seconds
        if memory.responded is not None and abs(draft.now - memory.responded.timestamp()) < cooldown:
            draft.wakes.append(memory.responded.timestamp() + cooldown)
            if memory.seen or memory.replicas is None or memory.refused:
                return
            wanted = memory.replicas  # decided, and not seen: its write failed, or its answer was lost
        if wanted > candidate.replicas:
            draft.wishes.append(Wish(wanted, breach.message, responds=True))

    def describe(self, limit: Threshold) -> str:
        """What it does, for a person."""
        if limit.scale is None:
            return "scale the candidate up, and continue"
        more = limit.scale.by if limit.scale.by.endswith("%") else f"{limit.scale.by} pods"
        return f"scale the candidate up by {more} to {limit.scale.max} at most, once per {limit.scale.cooldown}, and continue"
