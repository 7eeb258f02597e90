"""The picture as PNG, for chats and tickets that show no SVG. What draws it is an extra of its own: the operator needs none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from tidegate.cli.errors import CommandError

ZOOM: Final = 2
"""Pixels for each of the picture's: it is looked at on screens of many."""
WORDS: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20">{}</svg>'

Draw: TypeAlias = Callable[[str], bytes]
"""From an SVG to a PNG."""


def as_png(svg: str, draw: Draw | None = None) -> bytes:
    """The picture drawn.

    Args:
        svg: as `svg.picture` gives it.
        draw: what draws it; by default resvg.

    Returns: the bytes of the PNG, on white.

    Raises:
        CommandError: what draws it is not installed, or no font is.
    """
    draw = draw or _resvg()
    style = svg[svg.index("<style>") : svg.index("</style>") + len("</style>")]
    if draw(WORDS.format(f'{style}<text y="15">words</text>')) == draw(WORDS.format("")):
        raise CommandError("--png found no font: install one, such as fonts-dejavu-core, or write --svg")
    return draw(svg)


def _resvg() -> Draw:
    try:
        import resvg_py  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise CommandError("--png needs an extra: pip install 'tidegate[png]', or write --svg") from error
    return lambda svg: bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, background="white"))
