"""The Python twins of the models' CEL rules: what the API server refuses, `tidegate lint` refuses in the same words."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.metric_template.spec import MetricTemplateSpec
from tidegate.api.model import ApiModel
from tidegate.api.rollout.metrics import Metric, Ratio, WhenEmpty
from tidegate.api.rollout.promotion import BaselineMatch, Promotion, PromotionStrategy
from tidegate.api.rollout.responses import AfterHold, Response
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.steps import Checkpoint
from tidegate.api.rollout.thresholds import Regression, Threshold
from tidegate.api.validation.problems import Problem, Where, inside
from tidegate.api.values.scalars import Unit


def broken_rules(model: ApiModel, where: Where) -> Iterator[Problem]:
    """The rules that `model`, or a model in it, does not keep."""
    for rule, kept in zip(model.cel_rules, _kept(model), strict=True):
        if not kept:
            yield Problem(inside(where, rule.path), rule.message)
    for name, field in type(model).model_fields.items():
        place = (*where, field.alias or name)
        match getattr(model, name):
            case ApiModel() as part:
                yield from broken_rules(part, place)
            case tuple() as parts:
                for index, part in enumerate(parts):
                    if isinstance(part, ApiModel):
                        yield from broken_rules(part, (*place, index))


def _kept(model: ApiModel) -> tuple[bool, ...]:
    """Whether each of the model's own rules holds, in their order."""
    match model:
        case Threshold() | Regression():
            return _limit(model)
        case Metric():
            return _metric(model)
        case MetricTemplateSpec():
            return _template(model)
        case Ratio():
            counters, histogram = (model.bad, model.total), (model.histogram, model.slower_than)
            given, others = (histogram, counters) if model.histogram is not None else (counters, histogram)
            return (
                None not in given and not any(others),
                not model.native or model.histogram is not None,
                *(True,) * 3,  # `queries` parses them
            )
        case Checkpoint():
            return (
                (model.at is None) != (model.every is None),
                model.until is None or model.every is not None,
                model.at is None or model.at.seconds > 0,
                model.every is None or model.every.seconds > 0,
            )
        case Promotion():
            return (model.strategy is PromotionStrategy.AWAIT_BASELINE or model.match is BaselineMatch.VERSION,)
        case RolloutSpec():
            named_one_by_one = (True,) * 5  # `references` says which line names what
            return (
                model.baseline.deployment != model.candidate.deployment,
                model.baseline.service != model.candidate.service,
                model.interval.seconds >= 1,
                model.progress_deadline.seconds >= 1,
                *named_one_by_one,
            )
        case _:
            return ()


def _limit(line: Threshold | Regression) -> tuple[bool, ...]:
    if isinstance(line, Regression):
        return (line.limit is None or "margin" not in line.model_fields_set,)
    simple = (line.max, line.min, line.max_increase, line.max_decrease, line.max_spread)
    limits = (*simple, line.regression, line.split)
    return (
        sum(limit is not None for limit in limits) == 1,
        line.floor is None or line.max_increase is not None,
        line.max_increase is None or line.floor is not None,
        line.after_hold is AfterHold.CONTINUE or line.on_breach is Response.HOLD,
        line.split is None or line.on_breach is not Response.REVERT,
    )


def _metric(metric: Metric) -> tuple[bool, ...]:
    ratio = metric.ratio is not None
    elsewhere = metric.preset is not None or metric.template is not None
    return (
        sum(one is not None for one in (metric.query, metric.ratio, metric.preset, metric.template)) == 1,
        metric.parameters is None or elsewhere,
        not ratio or metric.unit in {None, Unit.RATIO},
        metric.minimum_requests is None or ratio or metric.requests is not None or elsewhere,
        metric.requests is None or metric.query is not None,
        not ratio or metric.when_empty is WhenEmpty.NO_DATA,
        metric.window.seconds >= 1,
    )


def _template(template: MetricTemplateSpec) -> tuple[bool, ...]:
    ratio = template.ratio is not None
    return (
        (template.query is None) != (template.ratio is None),
        not ratio or template.unit in {None, Unit.RATIO},
        template.minimum_requests is None or ratio or template.requests is not None,
        template.requests is None or template.query is not None,
        not ratio or template.when_empty in {None, WhenEmpty.NO_DATA},
        template.window is None or template.window.seconds >= 1,
    )
