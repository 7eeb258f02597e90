"""Presets in words: the same for `docs/presets.md` and for `tidegate preset`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from tidegate.api.presets.preset import Parameter, Preset


def queries(preset: Preset) -> Iterator[tuple[str, str]]:
    """The fields of a metric that the preset stands for, and their PromQL with its gaps."""
    yield from ((".".join(place), text) for place, text in preset.measured.texts.items())


def default(parameter: Parameter) -> str:
    """The default, or that there is none."""
    return "required" if parameter.default is None else parameter.default


def wrapped(text: str, width: int = 120, indent: str = "") -> str:
    """Prose as lines of at most `width` characters."""
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


_SENTENCES: Final = re.compile(r"(?<=[a-z0-9)`\"%\]][.?!]) +(?=[A-Z`(])")
"""Where one ends and another begins."""


def sentences(text: str, *, indent: str = "") -> str:
    """Each sentence on a line of its own, `indent` before the first and as many spaces before the others."""
    return indent + f"\n{' ' * len(indent)}".join(_SENTENCES.split(text))
