"""The spec that a run remembers: how it is written down, and how it is read back, by whichever version wrote it.

An edit of the Rollout moves its generation, and the last valid spec is kept then. A metric template changes without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from tidegate.api.reading_back import ReadBack, read_back
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.traffic import TrafficTarget
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation


def kept_text(spec: RolloutSpec) -> str:
    """The spec as a run remembers it: JSON without defaults, so that a version with more fields writes no more than was given."""
    return spec.model_dump_json(by_alias=True, exclude_defaults=True)


def kept_spec(text: str) -> RolloutSpec | None:
    """The spec that a run remembers, without the parts that this version does not know; `None` when nothing can be read."""
    return _read(text).value if text else None


def kept_problem(text: str) -> str:
    """What of a remembered spec was not read, in words; empty when all was."""
    found = _read(text) if text else None
    return "; ".join(str(piece) for piece in found.left_out[:3]) if found is not None else ""


@lru_cache(maxsize=1024)
def _read(text: str) -> ReadBack[RolloutSpec]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    return read_back(RolloutSpec, data)


def with_metrics_kept(memory: Memory, seen: Observation) -> Memory:
    """The memory, in which a run has its metrics as they are filled in now.

    What it goes on with when a template is gone or can no longer be read is then what it went by last, not what it began
    with.
    """
    run = memory.status.run
    if run is None or not run.spec or seen.spec is None or not seen.templated:
        return memory
    known = kept_spec(run.spec)
    if known is None or known.metrics == seen.spec.metrics:
        return memory
    text = kept_text(known.model_copy(update={"metrics": seen.spec.metrics}))
    kept = run.model_copy(update={"spec": text})
    return replace(memory, status=memory.status.model_copy(update={"run": kept}))


NO_SPEC: Final = RolloutSpec.model_validate(
    {
        "baseline": {"deployment": "none", "service": "none"},
        "candidate": {"deployment": "none-candidate", "service": "none-candidate"},
        "traffic": [{"kind": "HTTPRoute", "name": "none"}],
        "steps": [{"name": "none", "weight": 0}],
        "promotion": {"strategy": "AwaitBaseline"},
    }
)
"""Stands in where no valid spec was ever seen; at rest nothing is read from it."""


def arms_in_force(memory: Memory, seen: Observation) -> RolloutSpec:
    """The spec that names the arms: of a run under way the one it began with, whatever an edit says."""
    run = memory.status.run
    kept = kept_spec(run.spec) if run is not None else None
    return kept if kept is not None else spec_in_force(memory, seen)


def with_arms_kept(spec: RolloutSpec, began: RolloutSpec) -> RolloutSpec:
    """The spec with the arms that a run began with, and their backends on each route; the very same where it has them.

    Args:
        spec: as it is now.
        began: the run's last valid one.
    """
    changes: dict[str, object] = {}
    if _arms(spec) != _arms(began):
        changes |= {"baseline": began.baseline, "candidate": began.candidate}
    traffic = tuple(_with_backends_kept(target, began.traffic) for target in spec.traffic)
    if traffic != spec.traffic:
        changes["traffic"] = traffic
    return spec.model_copy(update=changes) if changes else spec


def _arms(spec: RolloutSpec) -> tuple[tuple[str, str], ...]:
    return tuple((arm.deployment, arm.service) for arm in (spec.baseline, spec.candidate))


def _with_backends_kept(target: TrafficTarget, began: Iterable[TrafficTarget]) -> TrafficTarget:
    """The target with the backends that the run has for its route: others would leave those at the weight they have."""
    kept = next((one for one in began if (one.kind, one.name) == (target.kind, target.name)), target)
    if (kept.backends, kept.custom) == (target.backends, target.custom):
        return target
    return target.model_copy(update={"backends": kept.backends, "custom": kept.custom})


def spec_in_force(memory: Memory, seen: Observation) -> RolloutSpec:
    """The spec as it stands when it is valid, else the run's last valid one."""
    if seen.spec is not None:
        return seen.spec
    run = memory.status.run
    kept = kept_spec(run.spec) if run is not None else None
    return kept if kept is not None else NO_SPEC
