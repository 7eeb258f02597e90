"""Files that another process watches: they change all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, text: str) -> bool:
    """Replaces a file's content in one rename; False when it was the same already and nothing was done."""
    if path.is_file() and path.read_text() == text:
        return False
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    aside.rename(path)
    return True
