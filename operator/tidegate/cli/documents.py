"""YAML files as kubectl reads them, with the line of every field."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tidegate.api.checks import Problem, Where
from tidegate.cli.errors import CommandError

STDIN: Final = "-"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Document:
    """One object of a file."""

    file: str
    """As named on the command line; `<stdin>` for standard input."""
    content: dict[str, object]
    node: yaml.MappingNode

    @property
    def kind(self) -> str:
        """`apiVersion/kind`, such as `apps/v1/Deployment`."""
        return f"{self.content.get('apiVersion', '')}/{self.content.get('kind', '')}"

    @property
    def name(self) -> str:
        """The object's name, `?` when it has none."""
        metadata = self.content.get("metadata")
        return str(metadata.get("name", "?")) if isinstance(metadata, dict) else "?"

    def line(self, where: Where) -> int:
        """The line (from 1) of a field; of what is around it, when the field itself is missing."""
        node: yaml.Node = self.node
        line = _first_line(node)
        for part in where:
            found = _inside(node, part)
            if found is None:
                break
            key, node = found
            line = _first_line(key)
        return line

    def repeated_keys(self) -> Iterator[Problem]:
        """Fields written twice: kubectl refuses them, YAML readers quietly take the last."""
        return _repeated(self.node, ())


def files_of(name: str) -> list[str]:
    """The YAML files a name stands for: itself, or those in a folder and the folders in it."""
    folder = Path(name)
    if name == STDIN or not folder.is_dir():
        return [name]
    return [str(path) for path in sorted(folder.rglob("*")) if path.suffix in {".yaml", ".yml"} and path.is_file()]


def read(file: str) -> list[Document]:
    """The objects of a YAML file, `-` for standard input.

    Raises:
        CommandError: it cannot be read, or is no YAML.
    """
    shown = "<stdin>" if file == STDIN else file
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {shown}: it is not UTF-8") from error
    try:
        return list(_documents(shown, text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CommandError(f"{shown}:{line}: is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise CommandError(f"{shown}: is no YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.SafeLoader):
    """Reads scalars as kubectl does: what looks like an instant stays a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _documents(shown: str, text: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if isinstance(node, yaml.MappingNode):
                content = loader.construct_document(node)
                yield Document(shown, {str(key): value for key, value in content.items()}, node)
    finally:
        loader.dispose()


def _inside(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key node and the value node of a part; of a list's item both are the item."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _repeated(node: yaml.Node, where: Where) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = (*where, str(key.value))
            if key.value in seen:
                yield Problem(place, f"is written twice, again on line {_first_line(key)}")
            seen.add(key.value)
            yield from _repeated(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, (*where, index))


def _first_line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
