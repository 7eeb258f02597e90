"""`tidegate lint`: what is wrong with files of Rollouts and metric templates, before any cluster sees them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.api.rollout.spec import API_VERSION, GROUP, RolloutSpec
from tidegate.api.validation import (
    Dialect,
    Problem,
    Severity,
    Where,
    check_command,
    check_rollout,
    check_template,
    rollout_advice,
    spoken,
)
from tidegate.api.values.text import printable
from tidegate.cli.documents import STDIN, Document, files_of, read
from tidegate.cli.errors import CommandError
from tidegate.cli.routes import route_problems, same_place
from tidegate.cli.shared_service import shared_service_problems
from tidegate.cli.templates import KINDS, GivenTemplates, namespace_of

MOST_NAMED: Final = 5
"""Objects of other kinds that are named."""
ROLLOUT: Final = f"{API_VERSION}/Rollout"
COMMAND: Final = f"{API_VERSION}/RolloutCommand"


@dataclass(frozen=True)
class Finding:
    """A problem with its place in a file."""

    file: str
    line: int
    kind: str
    """Of the object, such as `Rollout`."""
    name: str
    path: str
    severity: Severity
    message: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, how strict, in which form."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="YAML (several documents are fine), a folder, or - for stdin"
    )
    parser.add_argument(
        "--dialect",
        choices=[str(dialect) for dialect in Dialect],
        default=str(Dialect.PROMETHEUS),
        help="query language of the source; metricsql (VictoriaMetrics) is not checked",
    )
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument(
        "--format", choices=("text", "json", "github"), default="text", help="github: annotations of a pull request"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 without errors, 1 with some."""
    documents = [document for name in arguments.files for document in _given(name)]
    templates = GivenTemplates(documents)
    dialect = Dialect(arguments.dialect)
    findings = [finding for document in documents for finding in findings_of(document, templates, dialect)]
    findings += routes_findings(documents, templates)
    match arguments.format:
        case "json":
            print(json.dumps([finding.__dict__ for finding in findings], indent=2))
        case "github":
            print("".join(_annotation(finding) + "\n" for finding in findings), end="")
        case _:
            print("".join(_line(finding) + "\n" for finding in findings), end="")
            print(_summary(documents, findings), file=sys.stderr)
    fatal = {Severity.ERROR, Severity.WARNING} if arguments.strict else {Severity.ERROR}
    return 1 if any(finding.severity in fatal for finding in findings) else 0


def _given(name: str) -> list[Document]:
    """The objects of what was named on the command line.

    Raises: CommandError: there is nothing of ours in it: a wrong path must not look like a clean one.
    """
    files = files_of(name)
    documents = [document for file in files for document in read(file)]
    if any(document.ours for document in documents):
        return documents
    shown = "<stdin>" if name == STDIN else name
    if not files:
        raise CommandError(f"{shown}: there is no YAML file in it")
    others = ", ".join(dict.fromkeys(document.words for document in documents[:MOST_NAMED]))
    argo = any(document.kind.startswith("argoproj.io/") for document in documents)
    hint = "; a Rollout of Argo Rollouts is another kind: tidegate convert makes one of it" if argo else ""
    found = f"only {others}{hint}" if documents else "it is empty"
    raise CommandError(f"{shown}: there is no Rollout, RolloutCommand or metric template in it: {found}")


def findings_of(
    document: Document, templates: GivenTemplates, dialect: Dialect = Dialect.PROMETHEUS
) -> Iterator[Finding]:
    """What is wrong with one object, by line; nothing for kinds that are not ours.

    Args:
        document: the object.
        templates: those of all files.
        dialect: what its source's queries are written in.
    """
    problems = sorted(spoken(_problems(document, templates), dialect), key=lambda problem: document.line(problem.where))
    for problem in problems:
        line = document.line(problem.where)
        kind = document.kind.rpartition("/")[2]
        yield Finding(document.file, line, kind, document.name, problem.path, problem.severity, problem.message)


def _problems(document: Document, templates: GivenTemplates) -> list[Problem]:
    if not document.ours:
        return []
    repeated = list(document.repeated_keys)
    match document.kind:
        case kind if kind == ROLLOUT:
            spec, problems = check_rollout(document.content, templates.of(document))
            hints = rollout_advice(document.content, spec) if spec is not None and not problems else []
            misplaced = list(_misplaced(document, spec, templates)) if spec is not None else []
            return repeated + problems + misplaced + [hint for hint in hints if hint.where not in _places(misplaced)]
        case kind if kind == COMMAND:
            return repeated + check_command(document.content)[1]
        case kind if kind in KINDS:
            return repeated + check_template(document.content)[1]
        case _:
            kinds = f"Rollout, RolloutCommand, {' and '.join(KINDS.values())}"
            message = f"is not known: {GROUP} has {kinds} of {API_VERSION}"
            return [
                Problem(("kind",) if document.content.get("apiVersion") == API_VERSION else ("apiVersion",), message)
            ]


def routes_findings(documents: Sequence[Document], templates: GivenTemplates) -> Iterator[Finding]:
    """What routes among the files mean for the Rollouts among them: warnings, at the route's line."""
    for rollout in documents:
        if rollout.kind == ROLLOUT:
            spec, _ = check_rollout(rollout.content, templates.of(rollout))
            for document, problem in _beside(spec, rollout, documents) if spec is not None else ():
                line, kind = document.line(problem.where), document.kind.rpartition("/")[2]
                yield Finding(document.file, line, kind, document.name, problem.path, problem.severity, problem.message)


def _beside(spec: RolloutSpec, rollout: Document, documents: Sequence[Document]) -> Iterator[tuple[Document, Problem]]:
    yield from route_problems(spec, rollout, documents)
    yield from shared_service_problems(spec, rollout, documents)
    routes = [one for one in documents if not one.ours and same_place(one, rollout)]
    if routes:
        from tidegate.cli.retries import retry_problems  # noqa: PLC0415  (the routers take a second to import)

        yield from retry_problems(spec, routes)


def _misplaced(document: Document, spec: RolloutSpec, templates: GivenTemplates) -> Iterator[Problem]:
    """Templates that were given, and that the Rollout cannot reach where they are."""
    for index, metric in enumerate(spec.metrics):
        places = templates.elsewhere(document, metric.template) if metric.template is not None else ()
        if places:
            message = (
                f"{metric.template} is in namespace {' and '.join(places)}, and a Rollout of {namespace_of(document)} "
                "reads its own namespace's only: make it a ClusterMetricTemplate"
            )
            yield Problem(("spec", "metrics", index, "template"), message, Severity.WARNING)


def _places(problems: Sequence[Problem]) -> set[Where]:
    return {problem.where for problem in problems}


def _line(finding: Finding) -> str:
    return printable(f"{finding.file}:{finding.line}: {finding.severity}: {finding.path}: {finding.message}")


def _annotation(finding: Finding) -> str:
    """A workflow command of GitHub: in properties `,` and `:` end them, everywhere a line break does."""
    message = printable(f"{finding.path}: {finding.message}").replace("%", "%25")
    file, title = (
        printable(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
        for text in (finding.file, f"{finding.kind} {finding.name}")
    )
    return f"::{finding.severity} file={file},line={finding.line},title={title}::{message}"


def _summary(documents: Sequence[Document], findings: Sequence[Finding]) -> str:
    rollouts = sum(document.kind == ROLLOUT for document in documents)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    templates = sum(document.kind in KINDS for document in documents)
    ours = ((rollouts, "Rollout"), *(((templates, "template"),) if templates else ()))
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    counts = (*ours, (errors, "error"), (warnings, "warning"))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
