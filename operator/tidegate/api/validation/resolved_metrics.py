"""Presets and templates resolved, so that every later check and the operator itself see ordinary metrics only."""

from __future__ import annotations

from tidegate.api.metric_template.known import Templates
from tidegate.api.presets.resolving import Fault, resolved
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.problems import Problem
from tidegate.api.validation.schema_errors import MOST_BYTES
from tidegate.api.validation.templates import template_resolved


def with_metrics_resolved(spec: RolloutSpec, templates: Templates) -> tuple[RolloutSpec, list[Problem]]:
    """The spec with ordinary metrics in place of presets and templates.

    Args:
        spec: as written.
        templates: those there are.

    Returns: the spec, in which a metric that cannot be resolved stays as it is, and why it cannot.
    """
    if all(metric.preset is None and metric.template is None for metric in spec.metrics):
        return spec, []
    problems: list[Problem] = []
    metrics = []
    for index, metric in enumerate(spec.metrics):
        found, faults = _resolved(metric, templates)
        metrics.append(found)
        problems += [Problem(("spec", "metrics", index, *fault.path), fault.message) for fault in faults]
    whole = spec.model_copy(update={"metrics": tuple(metrics)})
    return whole, problems + _too_big(whole)


def placed(problem: Problem, written: RolloutSpec) -> Problem:
    """A problem of a resolved spec, where people find it: what a template says is not in the Rollout."""
    match problem.where:
        case ("spec", "metrics", int(index), str(field), *_) if index < len(written.metrics):
            metric = written.metrics[index]
            own = {type(metric).model_fields[name].alias or name for name in metric.model_fields_set}
            if metric.template is not None and field not in own and field != "parameters":
                said = ".".join(str(part) for part in problem.where[3:])
                where = ("spec", "metrics", index, "template")
                return Problem(where, f"{metric.template}: {said} {problem.message}", problem.severity)
    return problem


def _resolved(metric: Metric, templates: Templates) -> tuple[Metric, tuple[Fault, ...]]:
    return template_resolved(metric, templates) if metric.template is not None else resolved(metric)


def _too_big(spec: RolloutSpec) -> list[Problem]:
    size = len(spec.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True).encode())
    if size <= MOST_BYTES:
        return []
    message = (
        f"make the spec {size} bytes with their presets and templates filled in; at most {MOST_BYTES} fit into the "
        "status"
    )
    return [Problem(("spec", "metrics"), message)]
