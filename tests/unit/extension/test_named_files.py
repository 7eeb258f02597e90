"""A file that a docstring or comment names is there: a name that has moved sends the reader nowhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("operator", "lab", "tests")
NAMED = re.compile(r"(?<![\w/])[a-z_]+(?:/[a-z_]+)*/[a-z_]+\.py\b")
NOT_OURS = ("kopf/",)
PLANTED = "toy.py"
"""What test_toy_members.py adds to a copy of the tree."""


def test_every_file_that_is_named_exists() -> None:
    files = [path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    named = {
        (file, name)
        for file in files
        for name in NAMED.findall((ROOT / file).read_text())
        if not name.startswith(NOT_OURS) and not name.endswith(PLANTED)
    }
    assert len(named) > 30
    assert not [
        (file, name) for file, name in named if not any(one.endswith(f"/{name}") or one == name for one in files)
    ]
