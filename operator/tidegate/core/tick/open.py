"""Opens the draft of a tick: the spec in force, the step, and the time that was watched since the tick before."""

from __future__ import annotations

from dataclasses import replace

from tidegate.api.rollout.status import CohortWeight, StepStatus
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.target_weights import weights_at
from tidegate.core.model import cadence
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.time_format import instant
from tidegate.core.tick.draft import ABSENCE_GRACE, Draft
from tidegate.core.tick.kept_spec import kept_spec, kept_text, spec_in_force, with_arms_kept

HEARTBEAT = 300.0
"""Seconds between two records of a quiet run: what a restart may lose of its watched time."""


def open_draft(memory: Memory, seen: Observation) -> Draft:
    """A draft with the spec in force and the time that was watched since the tick before."""
    draft = Draft(seen, memory, spec_in_force(memory, seen), memory.status)
    if memory.status.run is None:
        return draft
    _keep_spec(draft)
    find_step(draft)
    gap = seen.now - memory.last_tick if memory.last_tick is not None else None
    draft.elapsed = min(max(gap, 0.0), seen.pace.watched(draft.interval)) if gap is not None else 0.0
    draft.memory = replace(memory, present=_present(draft, gap))
    if memory.status.run.ending is None and draft.elapsed > 0:
        _watch(draft)
    beat = draft.run.heartbeat
    if beat is None or seen.now - beat.timestamp() >= HEARTBEAT or seen.now < beat.timestamp():
        draft.update_run(heartbeat=instant(seen.now))
    beats = (draft.run.heartbeat or instant(seen.now)).timestamp() + HEARTBEAT
    draft.upkeep = min(beats, cadence.following(seen.rollout.uid, draft.interval, seen.now))
    return draft


def _watch(draft: Draft) -> None:
    """Adds the time since the tick before to what was watched of the run and, where its clock runs, of the step."""
    run, step = draft.run, draft.status.step
    if draft.memory.watching and step is not None:
        step = step.model_copy(update={"watched": round(step.watched + draft.elapsed, 3)})
    run = run.model_copy(update={"watched": round(run.watched + draft.elapsed, 3)})
    draft.update(run=run, step=step)


def _keep_spec(draft: Draft) -> None:
    """Keeps the last valid spec; the arms of a run under way, and their backends on a route, are the ones it began with."""
    run = draft.run
    began = kept_spec(run.spec)
    if draft.seen.spec is None or began is None:
        return
    kept = with_arms_kept(draft.spec, began)
    if kept is not draft.spec:
        draft.spec = kept
        draft.arms_refused = True
    if draft.seen.rollout.generation != draft.status.observed_generation:
        text = kept_text(draft.spec)
        if text != run.spec:
            draft.update_run(spec=text)


def _present(draft: Draft, gap: float | None) -> float | None:
    """Watched seconds since an absence, up to which a final verdict must wait; `None` when there was none."""
    step = draft.status.step
    if gap is None or gap > draft.seen.pace.watched(draft.interval) + ABSENCE_GRACE:
        return 0.0 if step is not None and step.reached else None
    return None if draft.memory.present is None else draft.memory.present + draft.elapsed


def find_step(draft: Draft) -> None:
    """Gives a run whose step is missing from status the last one it began; its duration counts anew. A lost weight is the step's."""
    if draft.status.run is None:
        return
    if draft.status.step is not None:
        if draft.memory.unreadable and draft.step.seen:
            _find_weights(draft)
        return
    names = [step.name for step in draft.spec.steps]
    begun = [one.name for one in draft.run.begun if one.name in names]
    draft.update(step=new_step(draft.spec.steps, names.index(begun[-1]) if begun else 0))
    draft.update_step(weight=draft.run.weight)


def _find_weights(draft: Draft) -> None:
    """Gives a run whose decided weights are missing from status those of its step."""
    if draft.run.weight == 0:
        draft.update_run(weight=draft.step.weight)
    step = draft.step_spec
    if step is not None and step.mirror is not None and draft.run.mirror is None:
        draft.update_run(mirror=step.mirrored)
    found = weights_at(draft.spec, step).cohorts if step is not None else {}
    if draft.run.cohorts is None and found:
        kept = tuple(CohortWeight(name=name, weight=float(weight)) for name, weight in found.items())
        draft.update_run(cohorts=kept)


def new_step(spec_steps: tuple[Step, ...], index: int) -> StepStatus:
    """The status of a step that has not begun. `index` counts from 0."""
    step = spec_steps[index]
    return StepStatus(
        name=step.name,
        index=index + 1,
        of=len(spec_steps),
        summary=f"{index + 1}/{len(spec_steps)} {step.name}",
        weight=float(step.weight.percent),
    )
