"""`tidegate lint`: what is wrong with files of Rollouts and metric templates, before any cluster sees them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.api.checks import Problem, Severity, Where, check_command, check_rollout, check_template, rollout_advice
from tidegate.api.rollout import API_VERSION, GROUP, RolloutSpec
from tidegate.cli.documents import Document, files_of, read
from tidegate.cli.templates import KINDS, GivenTemplates, namespace_of

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
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument(
        "--format", choices=("text", "json", "github"), default="text", help="github: annotations of a pull request"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 without errors, 1 with some."""
    files = [file for name in arguments.files for file in files_of(name)]
    documents = [document for file in files for document in read(file)]
    templates = GivenTemplates(documents)
    findings = [finding for document in documents for finding in findings_of(document, templates)]
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


def findings_of(document: Document, templates: GivenTemplates) -> Iterator[Finding]:
    """What is wrong with one object, by line; nothing for kinds that are not ours.

    Args:
        document: the object.
        templates: those of all files.
    """
    problems = sorted(_problems(document, templates), key=lambda problem: document.line(problem.where))
    for problem in problems:
        line = document.line(problem.where)
        kind = document.kind.rpartition("/")[2]
        yield Finding(document.file, line, kind, document.name, problem.path, problem.severity, problem.message)


def _problems(document: Document, templates: GivenTemplates) -> list[Problem]:
    if not document.kind.startswith(f"{GROUP}/"):
        return []
    repeated = list(document.repeated_keys())
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
    return f"{finding.file}:{finding.line}: {finding.severity}: {finding.path}: {finding.message}"


def _annotation(finding: Finding) -> str:
    message = f"{finding.path}: {finding.message}".replace("%", "%25").replace("\n", "%0A")
    return (
        f"::{finding.severity} file={finding.file},line={finding.line},title={finding.kind} {finding.name}::{message}"
    )


def _summary(documents: Sequence[Document], findings: Sequence[Finding]) -> str:
    rollouts = sum(document.kind == ROLLOUT for document in documents)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    templates = sum(document.kind in KINDS for document in documents)
    ours = ((rollouts, "Rollout"), *(((templates, "template"),) if templates else ()))
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    counts = (*ours, (errors, "error"), (warnings, "warning"))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
