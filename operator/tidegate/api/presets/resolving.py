"""From a metric with a preset to an ordinary one: the gaps filled, everything else as it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.api.presets import registry
from tidegate.api.presets.preset import Preset
from tidegate.api.rollout.metrics import Metric

_GAP: Final = re.compile(r"<([a-zA-Z]+)>")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a metric's use of a preset."""

    path: tuple[str, ...]
    """From the metric."""
    message: str


def resolved(metric: Metric) -> tuple[Metric, tuple[Fault, ...]]:
    """The metric with its preset's query instead of the preset.

    A metric without a preset, with a query of its own beside it (another check's business) or with a fault comes back
    as it is. What the metric says itself (unit, window, minimumRequests, ...) goes before what the preset says.
    """
    if metric.preset is None or metric.kind is not None:
        return metric, ()
    preset = registry.preset(metric.preset)
    if preset is None:
        return metric, (Fault(("preset",), registry.unknown(metric.preset)),)
    given = metric.parameters or {}
    faults = parameter_faults(preset, given)
    return (metric, faults) if faults else (_with_query(metric, preset, given), ())


def parameter_faults(preset: Preset, given: Mapping[str, str]) -> tuple[Fault, ...]:
    """What is unknown, missing or not of its form."""
    known = {parameter.name: parameter for parameter in preset.parameters}
    there_are = f"it has {', '.join(known)}" if known else "it has none"
    found = [
        Fault(("parameters", name), f"preset {preset.name} has no parameter '{name}': {there_are}")
        for name in given
        if name not in known
    ]
    for name, parameter in known.items():
        if name not in given and parameter.default is None:
            found.append(Fault(("parameters",), f"preset {preset.name} needs '{name}': {parameter.says}"))
        elif name in given and not re.fullmatch(parameter.form.pattern, given[name]):
            found.append(Fault(("parameters", name), f"{given[name]!r} is not {parameter.form.words}"))
    return tuple(found)


def filled(text: str, preset: Preset, given: Mapping[str, str]) -> str:
    """One text of the preset's query, its gaps filled with what is given, else with the defaults."""
    values = {parameter.name: given.get(parameter.name, parameter.default or "") for parameter in preset.parameters}
    return _GAP.sub(lambda gap: values[gap[1]], text)


def _with_query(metric: Metric, preset: Preset, given: Mapping[str, str]) -> Metric:
    changes: dict[str, object] = {"preset": None, "parameters": None, "unit": metric.unit or preset.unit}
    return metric.model_copy(update=changes).measuring(preset.measured, lambda text: filled(text, preset, given))
