"""The pictures in docs/ are what the product's arithmetic draws. `TIDEGATE_WRITE_DOCS=1` draws them anew."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.docs.pictures import CHARTS, drawn

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", CHARTS)
def test_a_picture_is_as_it_is_drawn(name: str) -> None:
    picture = drawn(CHARTS[name]())
    ET.fromstring(picture)  # noqa: S314  (our own)
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        (DOCS / name).write_text(picture)
    assert (DOCS / name).read_text() == picture


def test_every_picture_is_shown() -> None:
    page = (DOCS / "limits.md").read_text()
    assert [name for name in CHARTS if f"]({name})" not in page] == []
