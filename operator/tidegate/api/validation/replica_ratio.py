"""`kind: ReplicaRatio`: what weights are in pods, and what cannot be beside it."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.responses import Response
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.placed_limits import limits_of
from tidegate.api.validation.problems import Problem, Where
from tidegate.api.validation.queries import texts_of
from tidegate.api.values import promql


def ratio_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Weights that are no pod, a baseline that would be too small for a revert, and responses that would change the weight."""
    ratio = spec.ratio
    if ratio is None:
        return
    for index, step in enumerate(spec.steps):
        percent, pods = step.weight.percent, ratio.pods(step.weight.percent)
        where: Where = ("spec", "steps", index, "weight")
        if percent > 0 and pods == 0:
            yield Problem(
                where, f"gives the candidate no pod: {ratio.in_words(percent)}; give more weight, or a larger 'total'"
            )
            continue
        left = ratio.total - pods
        least = spec.baseline.min_available.of(max(left, pods))
        if pods and left < least:
            words = f"leaves the baseline {left} of {ratio.total} pods, and baseline.minAvailable asks for {least}: nothing more would be raised"
            yield Problem(where, words)
    for limit in limits_of(spec):
        if limit.threshold.on_breach is Response.SCALE:
            words = "'Scale' changes the candidate's pods, and with 'kind: ReplicaRatio' those are its weight: use another response"
            yield Problem((*limit.where, "onBreach"), words)


def ratio_advice(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """Steps that change nothing, and queries that cannot tell the arms apart."""
    ratio = spec.ratio
    if ratio is None:
        return
    for index in range(1, len(spec.steps)):
        before, step = spec.steps[index - 1].weight, spec.steps[index].weight
        if step.percent > before.percent and ratio.pods(step.percent) == ratio.pods(before.percent):
            words = (
                f"gives the candidate as many pods as the {before} of the step before: {ratio.in_words(step.percent)}"
            )
            yield ("spec", "steps", index, "weight"), words
    limited = {limit.threshold.metric for limit in limits_of(spec)}
    for index, metric in enumerate(spec.metrics):
        for where, text in texts_of(metric, ("spec", "metrics", index)) if metric.name in limited else ():
            names = promql.variables(text) & promql.ARM_VARIABLES
            if names == {"service"}:
                words = 'tells the arms apart by $service, and both have the same: use pod=~"$pods", or a label with $workload'
                yield where, words
