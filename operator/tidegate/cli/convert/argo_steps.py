"""The steps of an Argo Rollout: a weight with the pauses and analyses behind it is one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.cli.convert.argo_analysis import Templates, analysis
from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft, Object, step_name
from tidegate.cli.convert.reading import as_duration, mapping, seconds

WHOLE: Final = "10m"
"""How long everybody has the new version where Argo has no steps."""
NEVER: Final = "2099-01-01T00:00:00Z"
"""When a gate opens that waits for a person."""
_WITHOUT_EQUAL: Final = {
    "setCanaryScale": "setCanaryScale: the candidate's Deployment has replicas of its own; scale it before the run",
    "experiment": "experiment: Tidegate starts no ReplicaSets; the two Deployments are the experiment",
    "setHeaderRoute": "setHeaderRoute: requests are shared by weight only",
    "setMirrorRoute": "setMirrorRoute: add a step with 'weight: 0' and 'mirror: {percent: ...}' before the first with a weight",
    "plugin": "a plugin as a step",
    "replicaProgressThreshold": "replicaProgressThreshold: a step waits until the candidate is rolled out",
}


@dataclass
class Steps:
    """The steps so far."""

    draft: Draft
    templates: Templates
    origin: list[int] = field(default_factory=list)
    """For each step, the place of its first part in Argo's list."""
    intervals: list[float] = field(default_factory=list)
    _lasting: float = 0.0
    _closed: bool = False
    """The next step begins when a person says so."""

    @property
    def made(self) -> list[Object]:
        """Those of the draft."""
        found: list[Object] = self.draft.spec["steps"]
        return found

    @property
    def here(self) -> tuple[str | int, ...]:
        """The field of the current step, for comments."""
        return ("spec", "steps", max(len(self.made) - 1, 0))

    def weight(self, value: float, place: int) -> None:
        """Begins a step, unless it has the same weight as the one before and nothing is waited for between them."""
        if self.made and float(self.made[-1]["weight"]) == value and not self._closed:
            return
        self._lasting = 0.0
        written: int | str = int(value) if value == int(value) else f"{value:g}"
        step: Object = {"name": step_name(value, self.made), "weight": written, "duration": "0s"}
        self.made.append(step)
        self.origin.append(place)
        if self._closed:
            self._closed = False
            step["gate"] = {"after": NEVER}
            words = (
                "Argo waits here until a person promotes: this gate stays closed until you take it out, or write a date, in the "
                "Rollout. Guards stay active meanwhile"
            )
            self.draft.note(CHANGED, words, *self.here, "gate")

    def end(self) -> None:
        """A pause at the end is one before everybody gets the new version."""
        if self._closed:
            self.weight(100, len(self.origin))

    def last(self, length: float, place: int) -> None:
        """Lengthens the current step; before the first weight nothing has traffic, and a step at 0 is made."""
        if not self.made:
            self.weight(0, place)
        self._lasting += length
        self.made[-1]["duration"] = as_duration(self._lasting)

    def take(self, step: Mapping[str, Any], place: int) -> None:
        """One of Argo's steps."""
        if "setWeight" in step:
            self.weight(seconds(step["setWeight"]) or 0.0, place)
        if "pause" in step:
            self._pause(mapping(step, "pause"), place)
        if isinstance(step.get("analysis"), Mapping):
            self._analysis(step["analysis"], place)
        for key, words in _WITHOUT_EQUAL.items():
            if key in step:
                self.draft.note(NO_EQUAL, words, *self.here)

    def _pause(self, pause: Mapping[str, Any], place: int) -> None:
        length = seconds(pause["duration"]) if "duration" in pause else None
        self.last(length or 0.0, place)
        if "duration" not in pause:
            self._closed = True
        elif length is None:
            self.draft.note(
                TODO, f"the pause of {pause['duration']!r} is not understood: give the step its duration", *self.here
            )

    def _analysis(self, given: Mapping[str, Any], place: int) -> None:
        if not self.made:
            self.weight(0, place)
        found = analysis(self.draft, given, self.templates, *self.here, guards=False)
        self.last(found.seconds, place)
        self.intervals += [found.interval] if found.interval else []
        step = self.made[-1]
        if float(step["weight"]) == 0 and found.limits:
            words = (
                "Argo analyses before any traffic: at weight 0 the candidate has no requests, and no limit is evaluated"
            )
            self.draft.note(CHANGED, words, *self.here)
            return
        known = step.setdefault("thresholds", [])
        known += [one for one in found.limits if one not in known]
        if not known:
            del step["thresholds"]


def steps(draft: Draft, canary: Mapping[str, Any], templates: Templates) -> Steps:
    """All steps of a canary strategy."""
    found = Steps(draft, templates)
    listed = canary.get("steps")
    for place, step in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(step, Mapping):
            found.take(step, place)
    found.end()
    if not found.made:
        found.weight(100, 0)
        found.made[-1]["duration"] = WHOLE
        draft.note(TODO, "Argo replaces pods one by one without steps: these are to be chosen", "spec", "steps")
    elif float(found.made[-1]["weight"]) == 0:
        draft.note(TODO, "no step gives the candidate traffic: add one", "spec", "steps")
    return found
