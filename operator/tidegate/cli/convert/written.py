"""YAML with comments above the fields that they are about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import yaml

from tidegate.api.values.text import printable
from tidegate.cli.convert.draft import Comment, Draft
from tidegate.cli.documents import Document

WIDTH: Final = 110
"""Characters of a line of comment."""


def as_text(drafts: Sequence[Draft]) -> str:
    """All of them as one YAML stream."""
    return "---\n".join(_one(draft) for draft in drafts)


def _one(draft: Draft) -> str:
    text = yaml.dump(draft.manifest, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    node = yaml.compose(text)
    if not isinstance(node, yaml.MappingNode):  # it is written from a mapping
        raise TypeError("an object must be a mapping")
    document = Document("", draft.manifest, node)
    above: dict[int, list[Comment]] = {}
    for comment in draft.comments:
        above.setdefault(document.line(comment.where) if comment.where else 1, []).append(comment)
    lines = [
        line for number, line in enumerate(text.splitlines(), 1) for line in (*_said(above.get(number, ()), line), line)
    ]
    return "\n".join(lines) + "\n"


def _said(comments: Sequence[Comment], line: str) -> Iterator[str]:
    """The comments, as deep as the line below them."""
    indent = " " * (len(line) - len(line.lstrip()))
    for comment in comments:
        text = printable(f"{comment.kind}: {comment.text}")
        yield from textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a block."""

    def ignore_aliases(self, data: object) -> bool:
        """What is used twice is written twice: anchors are for nobody to read."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
