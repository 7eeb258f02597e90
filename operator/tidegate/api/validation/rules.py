"""The models' own rules: what the API server refuses, `tidegate lint` refuses in the same words."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.model import ApiModel
from tidegate.api.validation.problems import Problem, Where, inside


def broken_rules(model: ApiModel, where: Where) -> Iterator[Problem]:
    """The rules that `model`, or a model in it, does not keep."""
    for rule in model.cel_rules:
        if rule.holds is not None and not rule.holds(model):
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
