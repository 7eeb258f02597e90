"""`tidegate lint`: what is wrong with Rollout files, before any cluster sees them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.api.checks import Problem, Severity, advice, check_command, check_rollout
from tidegate.api.rollout import API_VERSION, GROUP
from tidegate.cli.documents import Document, files_of, read

ROLLOUT: Final = f"{API_VERSION}/Rollout"
COMMAND: Final = f"{API_VERSION}/RolloutCommand"


@dataclass(frozen=True)
class Finding:
    """A problem with its place in a file."""

    file: str
    line: int
    name: str
    """Of the object."""
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
    findings = [finding for document in documents for finding in findings_of(document)]
    match arguments.format:
        case "json":
            print(json.dumps([finding.__dict__ for finding in findings], indent=2))
        case "github":
            print("".join(_annotation(finding) + "\n" for finding in findings), end="")
        case _:
            print("".join(_line(finding) + "\n" for finding in findings), end="")
            print(_summary(documents, findings), file=sys.stderr)
    failing = findings if arguments.strict else [one for one in findings if one.severity is Severity.ERROR]
    return 1 if failing else 0


def findings_of(document: Document) -> Iterator[Finding]:
    """What is wrong with one object, by line; nothing for kinds that are not ours."""
    problems = sorted(_problems(document), key=lambda problem: document.line(problem.where))
    for problem in problems:
        line = document.line(problem.where)
        yield Finding(document.file, line, document.name, problem.path, problem.severity, problem.message)


def _problems(document: Document) -> list[Problem]:
    if not document.kind.startswith(f"{GROUP}/"):
        return []
    repeated = list(document.repeated_keys())
    match document.kind:
        case kind if kind == ROLLOUT:
            spec, problems = check_rollout(document.content)
            hints = advice(spec) if spec is not None and not problems else []
            return repeated + problems + hints
        case kind if kind == COMMAND:
            return repeated + check_command(document.content)[1]
        case _:
            message = f"is not known: {GROUP} has Rollout and RolloutCommand of {API_VERSION}"
            return [
                Problem(("kind",) if document.content.get("apiVersion") == API_VERSION else ("apiVersion",), message)
            ]


def _line(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}: {finding.severity}: {finding.path}: {finding.message}"


def _annotation(finding: Finding) -> str:
    message = f"{finding.path}: {finding.message}".replace("%", "%25").replace("\n", "%0A")
    return f"::{finding.severity} file={finding.file},line={finding.line},title=Rollout {finding.name}::{message}"


def _summary(documents: Sequence[Document], findings: Sequence[Finding]) -> str:
    rollouts = sum(document.kind == ROLLOUT for document in documents)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    counts = ((rollouts, "Rollout"), (errors, "error"), (len(findings) - errors, "warning"))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
