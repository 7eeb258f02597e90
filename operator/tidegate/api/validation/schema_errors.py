"""From a manifest to a model, with what does not fit said in plain words.

Reads as the API server does: strictly, camelCase only, `null` meaning not given.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tidegate.api.model import ApiModel
from tidegate.api.rollout.promotion import FIELD_PATH_PATTERN
from tidegate.api.validation.problems import Problem, Where
from tidegate.api.values.scalars import SUBDOMAIN
from tidegate.api.values.text import ONE_LINE

M = TypeVar("M", bound=ApiModel)

MOST_BYTES: Final = 32 * 1024
"""Of a spec as JSON: the running one is remembered in status, which has 64 KiB for everything."""

_FORMS: Final = {
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "lower-case letters, digits and '-', such as 'error-rate'",
    SUBDOMAIN: "the name of an object: lower-case letters, digits, '-' and '.'",
    ONE_LINE: "plain text on one line: no line breaks or control characters",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "the name of a preset, such as 'http/error-rate'",
    FIELD_PATH_PATTERN: "a field of a pod template; write it like 'serviceAccountName', 'annotations.checksum/config', "
    "'volumes[cache]', 'containers[app].resources' or 'containers[app].env[TRACK]'",
    r"^[a-zA-Z_][a-zA-Z0-9_]*$": "the name of a label: letters, digits and '_'",
}
_IN_WORDS: Final = {
    "missing": "is required",
    "string_type": "must be a string; write it in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "model_type": "must be an object with fields",
    "enum": "{given!r} is not known; write {expected}",
    "value_error": "{error}",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "has more than {max_length} characters",
    "too_long": "has {actual_length} entries; at most {max_length} are allowed",
    "greater_than_equal": "is {given}; the minimum is {ge}",
    "less_than_equal": "is {given}; the maximum is {le}",
    "timezone_aware": "must have a time zone, such as 2026-11-21T14:00:00Z",
    "datetime_type": "must be an instant such as 2026-11-21T14:00:00Z",
}
"""Pydantic's kinds of error; any other keeps pydantic's own words."""


_NO_FIELDS: Final = {"namespace": "all objects that a Rollout names are in its own namespace"}
"""Fields that people look for, and why there are none."""


def read(model: type[M], raw: object, where: Where) -> tuple[M | None, list[Problem]]:
    """The part of a manifest at `where` as a model, or what is wrong with it."""
    text = json.dumps(_without_nulls(raw), default=str)
    size = len(text.encode())
    if size > MOST_BYTES:
        return None, [Problem(where, f"has {size} bytes as JSON; at most {MOST_BYTES} fit into the status")]
    try:
        return model.model_validate_json(text, strict=True, by_alias=True, by_name=False), []
    except ValidationError as error:
        details = _own(error.errors(include_url=False))
        return None, [Problem((*where, *detail["loc"]), _in_words(detail, model)) for detail in details]


def _own(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without a list's "too short" that only says that its bad items do not count."""
    places = [detail["loc"] for detail in details]
    return [
        detail
        for detail, place in zip(details, places, strict=True)
        if detail["type"] != "too_short"
        or not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def _without_nulls(raw: object) -> object:
    if isinstance(raw, Mapping):
        return {key: _without_nulls(value) for key, value in raw.items() if value is not None}
    if isinstance(raw, list | tuple):
        return [_without_nulls(item) for item in raw]
    return raw


def _in_words(detail: ErrorDetails, model: type[ApiModel]) -> str:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        if note := _NO_FIELDS.get(str(detail["loc"][-1])):
            return f"is not a known field: {note}"
        return "is not a known field" + _suggestion(detail["loc"], model)
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"{given!r} is not {_FORMS.get(pattern, f'of the form {pattern}')}"
    return _IN_WORDS[kind].format(given=given, **context) if kind in _IN_WORDS else detail["msg"]


def _suggestion(place: tuple[str | int, ...], model: type[ApiModel]) -> str:
    """The field of the object at hand that is probably meant."""
    around = _model_at(model, place[:-1])
    names = [] if around is None else [field.alias or name for name, field in around.model_fields.items()]
    close = difflib.get_close_matches(str(place[-1]), names, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _model_at(model: type[ApiModel], place: tuple[str | int, ...]) -> type[ApiModel] | None:
    """The model at a place in another, by the names of the manifest; `None` where there is none, or several."""
    for part in place:
        if isinstance(part, int):
            continue
        annotation = next(
            (one.annotation for name, one in model.model_fields.items() if part == (one.alias or name)), None
        )
        found = _models(annotation)
        if len(found) != 1:
            return None
        model = found[0]
    return model


def _models(annotation: object) -> list[type[ApiModel]]:
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
