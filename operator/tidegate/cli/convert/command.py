"""`tidegate convert`: reads manifests of Argo Rollouts or Flagger, writes Rollouts with comments."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tidegate.api.validation import Severity
from tidegate.api.values.text import printable
from tidegate.cli.convert import argo, flagger
from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft
from tidegate.cli.convert.reading import mapping
from tidegate.cli.convert.written import as_text
from tidegate.cli.documents import STDIN, Document, files_of, objects_in, read
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.lint import findings_of
from tidegate.cli.templates import GivenTemplates, namespace_of

ARGO: Final = "argoproj.io/v1alpha1/"
FLAGGER: Final = "flagger.app/"
ANALYSES: Final = frozenset({f"{ARGO}AnalysisTemplate", f"{ARGO}ClusterAnalysisTemplate"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, and where to."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="YAML with Rollouts or Canaries and their templates (AnalysisTemplate, MetricTemplate), a folder, or - for stdin",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to FILE (default: print)")


def run(arguments: argparse.Namespace) -> int:
    """0 when something was converted, and the result is valid; 1 when it is not: the comments say why."""
    documents = [document for name in arguments.files for file in files_of(name) for document in read(file)]
    drafts = list(_converted(documents))
    if not drafts:
        kinds = ", ".join(dict.fromkeys(document.words for document in documents)) or "it is empty"
        names = ", ".join("<stdin>" if name == STDIN else name for name in arguments.files)
        raise CommandError(f"{names}: there is no Rollout of Argo Rollouts and no Canary of Flagger in it: {kinds}")
    text = as_text(drafts)
    if arguments.output is None:
        print(text, end="")
    else:
        _write(arguments.output, text)
    faults = list(_faults(text))
    for fault in faults:
        print(f"tidegate: {printable(fault)}", file=sys.stderr)
    print(_summary(drafts), file=sys.stderr)
    return ExitCode.NO if faults else ExitCode.DONE


def _converted(documents: Sequence[Document]) -> Iterator[Draft]:
    analyses = {
        (str(document.content["kind"]), document.name): mapping(document.content, "spec")
        for document in documents
        if document.kind in ANALYSES
    }
    templates = {
        (namespace_of(document), document.name): mapping(document.content, "spec")
        for document in documents
        if document.kind.startswith(FLAGGER) and document.content["kind"] == "MetricTemplate"
    }
    for document in documents:
        if document.kind == f"{ARGO}Rollout":
            yield from argo.converted(document.content, analyses)
        elif document.kind.startswith(FLAGGER) and document.content["kind"] == "Canary":
            yield from flagger.converted(document.content, templates)


def _faults(text: str) -> Iterator[str]:
    """What `tidegate lint` calls an error in the result."""
    none = GivenTemplates([])
    for document in objects_in("the result", text):
        for finding in findings_of(document, none):
            if finding.severity is Severity.ERROR:
                yield f"{finding.kind} {finding.name}: {finding.path}: {finding.message}"


def _summary(drafts: Sequence[Draft]) -> str:
    kinds: Mapping[str, int] = Counter(str(draft.manifest["kind"]) for draft in drafts)
    comments: Mapping[str, int] = Counter(one.kind for draft in drafts for one in draft.comments)
    objects = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in kinds.items())
    said = ", ".join(f"{comments.get(kind, 0)} '{kind}'" for kind in (TODO, CHANGED, NO_EQUAL))
    return f"{objects}; comments: {said}. Read them, then: tidegate lint, tidegate plan, tidegate simulate"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
