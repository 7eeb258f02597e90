"""Reads a built site as a browser would: every link must have its page and its anchor, and nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_LOADED: Final = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""What a page loads by itself: elements, with the attribute that says from where."""


class _Page(HTMLParser):
    """The anchors of a page, where it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors, self.links, self.loaded = set[str](), list[str](), list[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.update(value for key in ("id", "name") if (value := found.get(key)))
        if tag == "a" and (target := found.get("href")):
            self.links.append(target)
        elif (target := found.get(_LOADED.get(tag, ""))) and found.get("rel") != "canonical":
            self.loaded.append(target)


def problems(directory: Path) -> Iterator[str]:
    """A line for each link without a target, and for each file that a page loads from another host.

    Arguments:
        directory: a built site.
    """
    pages = {path: _Page(path) for path in sorted(directory.rglob("*.html")) if path.name != "404.html"}
    for path, page in pages.items():
        shown = path.relative_to(directory)
        for target in page.loaded:
            if urlsplit(target).netloc:
                yield f"{shown}: loads {target}"
            elif not _place(path, target).is_file():
                yield f"{shown}: loads {target}, which is not there"
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            place = _place(path, target)
            if not place.is_file():
                yield f"{shown}: links to {target}, which is not there"
            elif parts.fragment and place in pages and unquote(parts.fragment) not in pages[place].anchors:
                yield f"{shown}: links to {target}, which has no such anchor"


def _place(page: Path, target: str) -> Path:
    """The file that a link of a page leads to."""
    path = unquote(urlsplit(target).path)
    place = (page.parent / path).resolve() if path else page
    return place / "index.html" if place.is_dir() else place
