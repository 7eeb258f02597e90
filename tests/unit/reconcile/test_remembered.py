"""Every part of the status that is memory is read back where somebody else has written it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from tidegate.api.rollout.status import RolloutStatus
from tidegate.reconcile.status import REMEMBERED


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models(argument)


def is_memory(name: str) -> bool:
    field = RolloutStatus.model_fields[name]
    texts = [field.description or "", *(model.__doc__ or "" for model in models(field.annotation))]
    return any("Operator state" in text for text in texts)


def test_what_is_marked_as_memory_is_remembered() -> None:
    marked = {to_camel(name) for name in RolloutStatus.model_fields if is_memory(name)}
    assert marked <= set(REMEMBERED)
    assert {"run", "approvals", "jobs"} <= marked
