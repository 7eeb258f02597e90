"""The Rollout in a file, for commands that take one, and its spec when nothing is wrong with it."""

from __future__ import annotations

from tidegate.api.checks import check_rollout
from tidegate.api.rollout import RolloutSpec
from tidegate.cli.documents import Document, read
from tidegate.cli.errors import CommandError
from tidegate.cli.lint import ROLLOUT


def the_rollout(file: str, command: str) -> Document:
    """The one Rollout of a file; `command` is named when there is another number of them.

    Raises: CommandError.
    """
    rollouts = [document for document in read(file) if document.kind == ROLLOUT]
    if len(rollouts) != 1:
        raise CommandError(f"{file}: {len(rollouts)} Rollouts in it; {command} takes one")
    return rollouts[0]


def valid_spec(document: Document) -> RolloutSpec:
    """The Rollout's spec.

    Raises: CommandError: something is wrong with it; the message names the first thing, with its line.
    """
    spec, problems = check_rollout(document.content)
    if spec is None or problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more: see tidegate lint)" if len(problems) > 1 else ""
        raise CommandError(f"{document.file}:{document.line(first.where)}: {first}{more}", 1)
    return spec
