"""What a run remembers of its spec where that has parts that are not the Rollout's own.

An edit of the Rollout moves its generation, and the last valid spec is kept then. A metric template changes without it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from tidegate.api.rollout import RolloutSpec
from tidegate.core.memory import Memory
from tidegate.core.seen import Observed


def with_metrics_kept(memory: Memory, seen: Observed) -> Memory:
    """The memory, in which a run has its metrics as they are filled in now.

    What it goes on with when a template is gone or can no longer be read is then what it went by last, not what it began
    with.
    """
    run = memory.status.run
    if run is None or not run.spec or seen.spec is None or not seen.templated:
        return memory
    known = _parsed(run.spec)
    if known.metrics == seen.spec.metrics:
        return memory
    text = known.model_copy(update={"metrics": seen.spec.metrics}).model_dump_json(by_alias=True, exclude_none=True)
    kept = run.model_copy(update={"spec": text})
    return replace(memory, status=memory.status.model_copy(update={"run": kept}))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> RolloutSpec:
    return RolloutSpec.model_validate_json(text)
