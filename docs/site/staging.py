"""Gathers the pages of the site, with links that hold there, and builds it.

The pages are written for a reader of the repository: they link to the README, to examples, to folders. On the site the
README is the first page, and a linked file or folder of the repository gets a page that shows it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from docs.site import checks

ROOT: Final = Path(__file__).parents[2]
OUTSIDE: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "charts/tidegate/README.md": "chart.md",
}
"""Pages that are not in `docs`, with their place on the site."""
ASSETS: Final = (".svg", ".json")
"""Files of `docs` that are copied as they are."""
BUILT: Final = ("index.html", "404.html", "search.json")
"""Files that every built site has."""
_LINK: Final = re.compile(r"`+[^`]+`+|(?<=\]\()(?!https?://|#|mailto:)(?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
"""A link to a file, or a code span, in which nothing is a link."""
_SHOWN: Final = {".yaml": "yaml", ".py": "python", ".json": "json", ".md": "markdown"}


class BrokenLinkError(Exception):
    """A page links to what is not there; the message has a line for each such link."""


class NotASiteError(Exception):
    """The directory to write to holds something else, which would be lost; the message names it."""


def build(directory: Path) -> None:
    """Builds the site.

    Arguments:
        directory: where to; a site that is there already is replaced.

    Raises: NotASiteError; BrokenLinkError; subprocess.CalledProcessError when the generator refuses a page.
    """
    if directory.exists() and not is_replaceable(directory):
        raise NotASiteError(f"{directory} is not empty and holds no site: name a new or an empty directory")
    with tempfile.TemporaryDirectory() as place:
        stage(Path(place, "pages"))
        shutil.copy(Path(__file__).with_name("zensical.toml"), place)
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "zensical.toml"]
        subprocess.run(command, cwd=place, check=True, env={**os.environ, "NO_COLOR": "1"}, stdout=sys.stderr)
        if found := list(checks.problems(Path(place, "site").resolve())):
            raise BrokenLinkError("\n".join(found))
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(Path(place, "site"), directory)


def is_replaceable(directory: Path) -> bool:
    """Whether nothing but a site is lost when the directory is removed."""
    return directory.is_dir() and (not any(directory.iterdir()) or all((directory / one).is_file() for one in BUILT))


def stage(place: Path, root: Path = ROOT) -> None:
    """Writes every page of the site as Markdown.

    Arguments:
        place: the folder to write them to.
        root: the repository.

    Raises: BrokenLinkError.
    """
    gathering = _Gathering(place, root)
    for source, target in pages(root).items():
        gathering.page(source, target)
    for asset in (root / "docs").iterdir():
        if asset.suffix in ASSETS:
            shutil.copy(asset, place)
    if gathering.broken:
        raise BrokenLinkError("\n".join(gathering.broken))


def pages(root: Path = ROOT) -> dict[Path, Path]:
    """Each page's file in the repository, with its place on the site."""
    docs = root / "docs"
    found = {page: page.relative_to(docs) for page in sorted(docs.rglob("*.md"))}
    return found | {root / source: Path(target) for source, target in OUTSIDE.items()}


class _Gathering:
    """Pages that are being written, and the files of the repository that they show."""

    def __init__(self, place: Path, root: Path) -> None:
        self.place, self.broken = place, list[str]()
        self._root, self._targets = root, pages(root)

    def page(self, source: Path, target: Path) -> None:
        """One page, with its links turned; what it links to is written too."""
        lines, fenced = [], False
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
            fenced ^= line.startswith("```")
            code = fenced or line.startswith("    ")
            lines.append(line if code else _LINK.sub(self._turned(source, target, number), line))
        self._write(target, "\n".join(lines) + "\n")

    def _turned(self, source: Path, target: Path, number: int) -> Callable[[re.Match[str]], str]:
        def turn(link: re.Match[str]) -> str:
            if not link["path"]:
                return link[0]
            wanted = Path(os.path.normpath(source.parent / link["path"]))
            if not wanted.exists() or not wanted.is_relative_to(self._root):
                self.broken.append(
                    f"{source.relative_to(self._root)}:{number}: links to {link['path']}, which is not there"
                )
                return link[0]
            return os.path.relpath(self._target(wanted), target.parent) + (link["anchor"] or "")

        return turn

    def _target(self, wanted: Path) -> Path:
        """Where the site shows a file or folder of the repository."""
        if wanted in self._targets:
            return self._targets[wanted]
        docs = self._root / "docs"
        if wanted.suffix in ASSETS and wanted.is_relative_to(docs):
            return wanted.relative_to(docs)
        path = wanted.relative_to(self._root)
        target = Path("files", path, "index.md") if wanted.is_dir() else Path("files", f"{path}.md")
        self._targets[wanted] = target
        self._write(target, f"# {path}\n\n{self._folder(wanted, target) if wanted.is_dir() else _fenced(wanted)}\n")
        return target

    def _folder(self, folder: Path, target: Path) -> str:
        links = [
            f"- [{one.name}{'/' * one.is_dir()}]({os.path.relpath(self._target(one), target.parent)})"
            for one in sorted(folder.iterdir())
            if not one.name.startswith((".", "__"))
        ]
        return "\n".join(links)

    def _write(self, target: Path, text: str) -> None:
        path = self.place / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _fenced(path: Path) -> str:
    text = path.read_text(encoding="utf-8").rstrip()
    return f"````{_SHOWN.get(path.suffix, 'text')}\n{text}\n````"
