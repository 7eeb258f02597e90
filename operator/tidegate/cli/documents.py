"""YAML files as kubectl reads them, with the line of every field."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tidegate.api.manifest_yaml import ManifestLoader, weighed
from tidegate.api.rollout.spec import GROUP
from tidegate.api.validation import Problem, Where
from tidegate.cli.errors import CommandError

STDIN: Final = "-"


@dataclass(frozen=True)
class Document:
    """One object of a file."""

    file: str
    """As named on the command line; `<stdin>` for standard input."""
    content: dict[str, object]
    node: yaml.MappingNode
    repeated_keys: tuple[Problem, ...] = ()
    """Fields written twice: a strict API server refuses them, YAML readers quietly take the last."""

    @property
    def kind(self) -> str:
        """`apiVersion/kind`, such as `apps/v1/Deployment`."""
        return f"{self.content.get('apiVersion', '')}/{self.content.get('kind', '')}"

    @property
    def ours(self) -> bool:
        """Whether it is of one of Tidegate's kinds."""
        return self.kind.startswith(f"{GROUP}/")

    @property
    def words(self) -> str:
        """The kind for people, such as `Deployment (apps/v1)`."""
        return f"{self.content.get('kind') or 'an object without a kind'} ({self.content.get('apiVersion') or 'no apiVersion'})"

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


def files_of(name: str) -> list[str]:
    """The YAML files a name stands for: itself, or those in a folder and the folders in it.

    Raises: CommandError: it names nothing.
    """
    if not name:
        raise CommandError("'' is not a file (write . for the folder you are in)")
    folder = Path(name)
    if name == STDIN or not folder.is_dir():
        return [name]
    return [str(path) for path in sorted(folder.rglob("*")) if path.suffix in {".yaml", ".yml"} and path.is_file()]


def read(file: str) -> list[Document]:
    """The objects of a YAML file, `-` for standard input.

    Raises:
        CommandError: it cannot be read, or is invalid YAML.
    """
    shown = "<stdin>" if file == STDIN else file
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {shown}: it is not UTF-8") from error
    try:
        return list(objects_in(shown, text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CommandError(f"{shown}:{line}: invalid YAML: {error.problem}") from error
    except RecursionError:
        raise CommandError(f"{shown}: is nested too deeply") from None
    except ValueError as error:  # characters, dates
        raise CommandError(f"{shown}: invalid YAML: {error}") from error
    except yaml.YAMLError as error:
        raise CommandError(f"{shown}: invalid YAML: {' '.join(str(error).split())}") from error


def objects_in(shown: str, text: str) -> Iterator[Document]:
    """The objects of a YAML text; `shown` names its file.

    Raises: yaml.YAMLError, ValueError.
    """
    loader = ManifestLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if isinstance(node, yaml.MappingNode):
                weighed(node)
                repeated = tuple(_repeated(node, (), set()))
                yield from _objects(Document(shown, dict(loader.construct_document(node)), node, repeated))
            elif node is not None and not _is_nothing(node):
                raise CommandError(f"{shown}:{_first_line(node)}: is not an object with apiVersion and kind")
    finally:
        loader.dispose()


def _is_nothing(node: yaml.Node) -> bool:
    """An empty document, or one of comments."""
    return isinstance(node, yaml.ScalarNode) and node.value in {"", "~", "null"}


def _objects(document: Document) -> Iterator[Document]:
    """The object itself, or those in a list of objects, as `kubectl get -o yaml` writes it."""
    items, kind = document.content.get("items"), document.content.get("kind")
    found = _inside(document.node, "items")
    if not (isinstance(kind, str) and kind.endswith("List") and found is not None):
        yield document
        return
    if not isinstance(items, list):
        raise CommandError(f"{document.file}:{_first_line(found[0])}: items must be a list")
    for index, (content, node) in enumerate(zip(items, found[1].value, strict=True)):
        if isinstance(content, dict) and isinstance(node, yaml.MappingNode):
            way: Where = ("items", index)
            inside = (one for one in document.repeated_keys if one.where[:2] == way)
            repeated = tuple(Problem(one.where[2:], one.message) for one in inside)
            yield Document(document.file, content, node, repeated)


def _inside(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key node and the value node of a part; of a list's item both are the item."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _repeated(node: yaml.Node, where: Where, seen: set[int]) -> Iterator[Problem]:
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            place = (*where, str(key.value))
            if str(key.value) in names:
                yield Problem(place, f"is a duplicate key: it is also on line {_first_line(key)}")
            names.add(str(key.value))
            yield from _repeated(value, place, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, (*where, index), seen)


def _first_line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
