"""Metric templates: what is wrong with one, and a metric with its template's query instead of the template."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from tidegate.api.metric_template.known import Templates
from tidegate.api.metric_template.placeholders import (
    filled,
    gap_fault,
    gaps,
    matches,
    open_fault,
    pattern_fault,
    value_fault,
)
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.api.metric_template.spec import MetricTemplateSpec, TemplateParameter
from tidegate.api.presets.resolving import Fault
from tidegate.api.rollout.metrics import Metric
from tidegate.api.validation.cross_references import repeated
from tidegate.api.validation.limits import definition_problems
from tidegate.api.validation.problems import Problem, Severity, Where
from tidegate.api.validation.queries import text_fault, texts_of, unknown_variable
from tidegate.api.validation.rules import broken_rules
from tidegate.api.validation.schema_errors import read
from tidegate.api.validation.traps import query_traps
from tidegate.api.values import promql

LONGEST_TEXT: Final = 4096
"""Characters of one PromQL text, as in the schema."""
SAMPLES: Final = ("sample", "0.5", "5m")
"""A name, a number, a duration: what may stand outside of quotes."""
MOST_TRIES: Final = 243
"""Combinations of samples tried on one text: five parameters without a default that stand outside of quotes."""
DEFAULTS: Final = ("unit", "window", "minimum_requests", "min_series", "warm_up", "when_empty")
"""What a template says where the metric does not."""


def template_problems(spec: MetricTemplateSpec) -> list[Problem]:
    """What is wrong with a template, whoever uses it."""
    found = list(broken_rules(spec, ("spec",)))
    found += repeated("parameter", (one.name for one in spec.parameters), ("spec", "parameters"), "name")
    found += repeated("label", spec.by, ("spec", str(spec.kind), "by"))
    found += definition_problems(spec, ("spec",))
    for place, text in texts_of(spec, ("spec",)):
        found += (Problem(place, fault) for fault in _text_faults(spec, text))
    for index, parameter in enumerate(spec.parameters):
        where: Where = ("spec", "parameters", index)
        fault = pattern_fault(parameter.pattern) if parameter.pattern else ""
        if fault:
            found.append(Problem((*where, "pattern"), fault))
        elif parameter.default is not None:
            fault = _value_fault(spec, parameter, parameter.default)
            found += [Problem((*where, "default"), fault)] if fault else []
    return found


def template_samples(spec: MetricTemplateSpec) -> Iterator[Problem]:
    """Texts of a template without problems that are no PromQL whatever stands in their gaps, and what fills no gap."""
    used = {gap.name for _, text in texts_of(spec, ("spec",)) for gap in gaps(text)}
    for index, parameter in enumerate(spec.parameters):
        if parameter.name not in used:
            message = f"is not used: write '{{{{ parameters.{parameter.name} }}}}' where it belongs"
            yield Problem(("spec", "parameters", index, "name"), message, Severity.WARNING)
    for place, text in texts_of(spec, ("spec",)):
        faults = [text_fault(place, filled(text, values)) for values in _samples(spec, text)]
        if all(faults):
            yield Problem(place, faults[0])
        elif promql.has_fixed_range(text):
            message = "has a fixed range, which may reach back to before this version: write [$window]"
            yield Problem(place, message, Severity.WARNING)
        elif promql.guesses_pods(text):
            message = 'also matches the pods of workloads whose names begin with the same text: write pod=~"$pods"'
            yield Problem(place, message, Severity.WARNING)
        elif place == texts_of(spec, ("spec",))[0][0]:
            working = next(
                filled(text, values) for values, fault in zip(_samples(spec, text), faults, strict=True) if not fault
            )
            asked = spec.model_copy(update={"query": working}) if place[-1] == "query" else spec
            yield from (Problem(where, said, Severity.WARNING) for where, said in query_traps(asked, ("spec",)))


def template_resolved(metric: Metric, templates: Templates) -> tuple[Metric, tuple[Fault, ...]]:
    """The metric with its template's query instead of the template.

    A metric without a template, with a query of its own beside it (another check's business) or with a fault comes
    back as it is. What the metric says itself (unit, window, minimumRequests, ...) goes before what the template says.

    Args:
        metric: as written.
        templates: those there are; one that is not among them is a fault only when they are complete.
    """
    ref = metric.template
    if ref is None or metric.kind is not None or metric.preset is not None:
        return metric, ()
    raw = templates.specs.get(ref)
    if raw is None:
        return metric, (Fault(("template",), _missing(ref)),) if templates.complete else ()
    spec, problems = read(MetricTemplateSpec, raw, ("spec",))
    problems = problems if spec is None else template_problems(spec)
    if spec is None or problems:
        return metric, (Fault(("template",), f"{ref} is not valid: {problems[0]}"),)
    faults = tuple(_parameter_faults(ref, spec, metric.parameters or {}))
    if faults:
        return metric, faults
    values = _values(spec, metric.parameters or {})
    faults = tuple(Fault(("template",), f"{ref}: {fault}") for fault in _filled_faults(spec, values))
    return (metric, faults) if faults else (_with_query(metric, spec, values), ())


def _missing(ref: TemplateRef) -> str:
    if ref.kind is TemplateKind.CLUSTER_METRIC_TEMPLATE:
        return f"there is no {ref}"
    return f"there is no {ref} in the Rollout's namespace; one for all namespaces is of kind ClusterMetricTemplate"


def _text_faults(spec: MetricTemplateSpec, text: str) -> Iterator[str]:
    known = {one.name: one for one in spec.parameters}
    found = [fault for gap in gaps(text) if (fault := gap_fault(gap, known))]
    yield from dict.fromkeys(found or [fault for fault in (open_fault(text), unknown_variable(text)) if fault])


def _parameter_faults(ref: TemplateRef, spec: MetricTemplateSpec, given: Mapping[str, str]) -> Iterator[Fault]:
    known = {one.name: one for one in spec.parameters}
    there_are = f"it has {', '.join(known)}" if known else "it has none"
    for name in given:
        if name not in known:
            yield Fault(("parameters", name), f"{ref} has no parameter '{name}': {there_are}")
    for name, parameter in known.items():
        if name in given:
            fault = _value_fault(spec, parameter, given[name])
            if fault:
                yield Fault(("parameters", name), fault)
        elif parameter.default is None:
            says = f": {parameter.description}" if parameter.description else ""
            yield Fault(("parameters",), f"{ref} needs '{name}'{says}")


def _value_fault(spec: MetricTemplateSpec, parameter: TemplateParameter, value: str) -> str:
    places = {gap.quoted for _, text in texts_of(spec, ("spec",)) for gap in gaps(text) if gap.name == parameter.name}
    return value_fault(value, parameter.pattern, quoted=True in places, bare=False in places)


def _values(spec: MetricTemplateSpec, given: Mapping[str, str]) -> dict[str, str]:
    return {one.name: given.get(one.name, one.default or "") for one in spec.parameters}


def _filled_faults(spec: MetricTemplateSpec, values: Mapping[str, str]) -> Iterator[str]:
    for place, text in texts_of(spec, ("spec",)):
        path = Problem(place, "").path
        whole = filled(text, values)
        if len(whole) > LONGEST_TEXT:
            yield f"{path} has {len(whole)} characters with these parameters; at most {LONGEST_TEXT} are allowed"
        elif fault := text_fault(place, whole):
            yield f"{path} with these parameters {fault}"


def _with_query(metric: Metric, spec: MetricTemplateSpec, values: Mapping[str, str]) -> Metric:
    own = metric.model_fields_set
    said = {name: getattr(spec, name) for name in DEFAULTS if name not in own and getattr(spec, name) is not None}
    changes: dict[str, object] = {"template": None, "parameters": None, **said}
    return metric.model_copy(update=changes).measuring(spec, lambda text: filled(text, values))


def _samples(spec: MetricTemplateSpec, text: str) -> Iterator[dict[str, str]]:
    """Values to try: the defaults, and for what has none, each thing that may stand there."""
    bare = {gap.name for gap in gaps(text) if not gap.quoted}
    choices = [_choices(one) if one.name in bare else (one.default or SAMPLES[0],) for one in spec.parameters]
    for values in itertools.islice(itertools.product(*choices), MOST_TRIES):
        yield {one.name: value for one, value in zip(spec.parameters, values, strict=True)}


def _choices(parameter: TemplateParameter) -> tuple[str, ...]:
    if parameter.default is not None:
        return (parameter.default,)
    fitting = tuple(one for one in SAMPLES if parameter.pattern is None or matches(parameter.pattern, one))
    return fitting or SAMPLES
