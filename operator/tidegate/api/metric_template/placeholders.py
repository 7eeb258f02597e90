"""The gaps in a template's texts, and what may fill them.

A gap is written `{{ parameters.name }}`: PromQL has no such form (`<name>` would be a comparison), the operator's own
variables begin with `$`, and it is what people know from Argo (`{{args.name}}`) and Flagger (`{{ variables.name }}`).

A value never becomes PromQL of its own. Between quotes it cannot end the string, escape anything or name a variable;
elsewhere it is one word (a metric, a label) or one number or duration, never an operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

DEFAULT_PATTERN: Final = r"[a-zA-Z0-9_.:/@-]+"
"""What a value may be where its parameter does not say."""

_NAMED: Final = re.compile(r"parameters\.([a-zA-Z0-9_-]+)")
_GAP: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_PIECE: Final = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r'|(?P<string>"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'" + r"|`[^`]*`)"
    r"|(?P<gap>\{\{[^{}]*\}\})",
    re.DOTALL,
)
_NAMES_A_VARIABLE: Final = re.compile(r"(?<!\$)(\$\$)*\$\{\{")
_ENDS_A_STRING: Final = re.compile(r"[\"'`\\$\x00-\x1f\x7f\u0085\u2028\u2029]|\{\{|\}\}")
_ONE_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9]+(\.[0-9]+)?|([0-9]+(ms|[smhdwy]))+")

_KNOWN_ELSEWHERE: Final = {
    "namespace": "$namespace",
    "target": "$workload",
    "name": "$rollout",
    "service": "$service",
    "interval": "$window",
}
"""Flagger's own variables, and what they are here."""


@dataclass(frozen=True)
class Gap:
    """One gap of a text."""

    inside: str
    """What stands between the braces."""
    quoted: bool
    """It is a part of a PromQL string."""

    @property
    def name(self) -> str:
        """The parameter's name; empty when it names none."""
        found = _NAMED.fullmatch(self.inside)
        return found[1] if found else ""


def gaps(text: str) -> Iterator[Gap]:
    """The gaps of a text, in order; one that is used twice comes twice."""
    for piece in _PIECE.finditer(text):
        for gap in _GAP.finditer(piece[0]):
            yield Gap(gap[1], quoted=piece.lastgroup == "string")


def gap_fault(gap: Gap, parameters: Mapping[str, object]) -> str:
    """Why a gap stands for no parameter; empty when it does."""
    if gap.name in parameters:
        return ""
    there_are = ", ".join(parameters) or "none"
    if gap.name:
        return f"there is no parameter '{gap.name}': spec.parameters has {there_are}"
    known = gap.inside.removeprefix("args.").removeprefix("variables.").removeprefix("inputs.parameters.")
    if gap.inside in _KNOWN_ELSEWHERE and gap.inside not in parameters:
        return f"'{{{{ {gap.inside} }}}}' is not a placeholder here: write {_KNOWN_ELSEWHERE[gap.inside]}"
    if known in parameters:
        return f"'{{{{ {gap.inside} }}}}' is not a placeholder here: write '{{{{ parameters.{known} }}}}'"
    return f"'{{{{ {gap.inside} }}}}' is not a placeholder: write '{{{{ parameters.name }}}}' with one of spec.parameters: {there_are}"


def open_fault(text: str) -> str:
    """What is wrong around the gaps: braces that begin or end none, or a value that would be a variable's name; else empty."""
    if _NAMES_A_VARIABLE.search(text):
        return "a placeholder cannot follow '$', because its value would become the name of a variable; a dollar sign is $$"
    rest = _GAP.sub("", text)
    if "{{" in rest:
        return "'{{' has no closing '}}': write '{{ parameters.name }}'"
    return "'}}' has no opening '{{': write '{{ parameters.name }}'" if "}}" in rest else ""


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its gaps filled; every gap must name one of `values`, and each value must be without fault."""
    return _PIECE.sub(lambda piece: _GAP.sub(lambda gap: values[Gap(gap[1], quoted=False).name], piece[0]), text)


def value_fault(value: str, pattern: str | None, *, quoted: bool, bare: bool) -> str:
    """Why a value may not fill its gaps; empty when it may.

    Args:
        value: as given, or the default.
        pattern: of the parameter, without fault; `None` for the usual one.
        quoted: a gap of it is a part of a PromQL string.
        bare: a gap of it is not.
    """
    if not matches(pattern or DEFAULT_PATTERN, value):
        said = f"of the form {pattern}" if pattern else "made of letters, digits and _ . : / @ - only"
        return f"{value!r} is not {said}"
    if (quoted or bare) and _ENDS_A_STRING.search(value):
        return f"{value!r} has quotes, backslashes, '$' or line breaks, which could change the query around it"
    if bare and not _ONE_WORD.fullmatch(value):
        return f"{value!r} is outside of quotes, where it must be one name, one number or one duration"
    return ""


def pattern_fault(pattern: str) -> str:
    """Why a pattern is none; empty when it is one."""
    for written in (pattern, _whole(pattern)):
        try:
            _validator(written)
        except SchemaError as error:
            return f"is not a valid regular expression: {' '.join(str(error).split()).rpartition('SchemaError: ')[2]}"
    return ""


@lru_cache(maxsize=4096)
def matches(pattern: str, value: str) -> bool:
    """Whether a whole value is of a pattern that is without fault.

    By an engine whose time is linear in the value, and that refuses patterns which need much memory: both are written
    by people, and Python's own would stand still on some of them, and every Rollout with it.
    """
    try:
        _validator(_whole(pattern)).validate_python(value)
    except ValidationError:
        return False
    return True


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _validator(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
