"""The Rollout in the files that a command was given, and its spec when nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Problem, Templates, check_rollout
from tidegate.cli.documents import Document, files_of, read
from tidegate.cli.errors import CommandError
from tidegate.cli.lint import ROLLOUT
from tidegate.cli.templates import GivenTemplates


@dataclass(frozen=True)
class GivenRollout:
    """A Rollout from a file, with the templates that were given beside it."""

    document: Document
    templates: Templates

    def spec(self) -> RolloutSpec:
        """Its spec, in which a template that was not given stays in its metric.

        Raises: CommandError: something is wrong with it; the message names the first thing, with its line.
        """
        spec, problems = check_rollout(self.document.content, self.templates)
        if spec is None or problems:
            self._refuse(problems)
        return spec

    def whole_spec(self) -> RolloutSpec:
        """Its spec, in which every metric has its query.

        Raises: CommandError: something is wrong with it, or a template was not given.
        """
        spec = self.spec()
        missing = [
            Problem(
                ("spec", "metrics", index, "template"), f"{metric.template} is not in the files given: add its file"
            )
            for index, metric in enumerate(spec.metrics)
            if metric.template is not None
        ]
        if missing:
            self._refuse(missing)
        return spec

    def _refuse(self, problems: Sequence[Problem]) -> NoReturn:
        first = problems[0]
        more = f" (and {len(problems) - 1} more: see tidegate lint)" if len(problems) > 1 else ""
        raise CommandError(f"{self.document.file}:{self.document.line(first.where)}: {first}{more}", 1)


def the_rollouts(names: Sequence[str]) -> list[GivenRollout]:
    """The Rollouts of YAML files, folders, or `-` for standard input.

    Raises: CommandError.
    """
    documents = [document for name in names for file in files_of(name) for document in read(file)]
    templates = GivenTemplates(documents)
    return [GivenRollout(one, templates.of(one)) for one in documents if one.kind == ROLLOUT]


def the_rollout(names: Sequence[str], command: str) -> GivenRollout:
    """The one Rollout of the files; `command` is named when there is another number of them.

    Raises: CommandError.
    """
    rollouts = the_rollouts(names)
    if len(rollouts) != 1:
        raise CommandError(f"{', '.join(names)}: {len(rollouts)} Rollouts in it; {command} takes one")
    return rollouts[0]
