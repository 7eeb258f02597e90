"""What a user reads is standard technical English: no phrase of the list below is in the documents, objects, messages and help.

Where the test fails, write what an SRE would write: subject, verb, fact.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OPERATOR = ROOT / "operator" / "tidegate"

INSTEAD = {
    r"\bbec(?:omes?|ame) of\b": "the outcome of, what happens to",
    r"\bof (?:no )?account\b": "ignored",
    r"\bput right\b": "fixed, corrected",
    r"\banew\b": "again, restart",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\b(?:all is|is all|are all|were|went) well\b": "within the limits, healthy, without failures",
    r"\bis borne\b": "is tolerated",
    r"\bhands off\b": "does not change",
    r"\bso (?:long (?:after|ago)|often\b(?! as))": "this long after, at this interval",
    r"\bgives? the word\b": "approves",
    r"\b(?:its|refusal's|server's) words\b|\bin words\b": "the error, the message, as text",
    r"\b(?:takes?|taken|taking) back\b": "reverts, removes",
    r"\bstands? still\b|\bstood still\b": "is paused, does not advance",
    r"\btold\b": "is reported, is informed",
    r"\blet go\b": "released, removed",
    r"\brequests enough\b": "enough requests",
    r"\bquestions? to Prometheus\b": "queries",
    r"\bis no (?:kubeconfig|instant|PromQL|certificate|URL)\b": "is not a valid ...",
    r"\bof before\b": "previous",
    r"\bsaid\b": "reported, noted",
    r"\bnothing of\b": "no ...",
    r"\bis asked of\b": "is queried from",
    r"\bdeaf\b(?!:)": "delivers nothing",
    r"\bsomebody\b|\bin a hurry\b": "another client, a person; soon, at once",
    r"\bunder way\b": "in progress",
    r"\bbeside\b": "in addition to, together with",
    r"\b(?:put|puts|putting) back\b": "restored, corrected",
    r"\bgo(?:es)? with '|\bwhich needs? (?:it|both)\b": "is only allowed with, requires",
    r"\bneither arm\b|\bon trial\b": "independent of the arms; under test",
    r"\bmet the candidate\b": "were sent to the candidate",
    r"\bif nothing intervenes\b": "if nothing pauses or ends the run",
    r"\bare the most\b|\bthe (?:most|least) is\b": "at most, the maximum is",
    r"\bsays? the same\b|\bis there already\b": "is a duplicate",
    r"\bis left alone\b|\bcome to what\b": "is not changed",
    r"\broom left\b|\balso judged\b": "headroom; limits not drawn",
    r"\bgo(?:es)? on\b(?! to| with| in)": "continues",
    r"\b(?:is|are) gone\b": "does not exist any more, was deleted",
    r"\blook(?:s|ed)? (?:at|after)\b(?! the)": "checks, evaluates, processes",
    r"\bnothing is moved\b|\bnothing moves\b": "no weight is changed",
    r"\bnobody\b|\beverybody\b": "no user, every user",
    r"\banother's\b": "of another ...",
}
FORBIDDEN = re.compile("|".join(f"(?:{one})" for one in INSTEAD), re.IGNORECASE)

SENTENCE_ENDS = re.compile(r"(?<=[a-z0-9)`\"%\]][.?!]) +(?=[A-Z`(])")
"""Where a sentence ends and another one begins in the same line."""

PAGES = ("README.md", "CHANGELOG.md", "charts/tidegate/README.md")
"""Documents for users outside of the folder."""

MADE_OF_OTHERS = ("CHANGELOG.md", "docs/reference/", "docs/benchmarks.md")
"""Documents in which a line holds more than a sentence: lists of changes, descriptions of fields, notes of measurements."""


def documents() -> Iterator[tuple[str, str]]:
    """Each line of the documents for users, outside of blocks that show input and output."""
    for file in (*(ROOT / one for one in PAGES), *sorted((ROOT / "docs").rglob("*.md"))):
        block = False
        for number, line in enumerate(file.read_text().splitlines(), 1):
            block ^= line.lstrip().startswith("```")
            if not block:
                yield f"{file.relative_to(ROOT)}:{number}", line


def definitions(folder: Path) -> Iterator[tuple[str, str]]:
    """The descriptions of the objects."""
    for file in sorted(folder.glob("*.yaml")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            yield f"{file.name}:{number}", line


def messages() -> Iterator[tuple[str, str]]:
    """Every text of several words in the operator's code that is not a docstring: messages, help, errors, log lines."""
    for file in sorted(OPERATOR.rglob("*.py")):
        tree = ast.parse(file.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value if " " in node.value else ""


def faults(texts: Iterator[tuple[str, str]]) -> list[str]:
    return [
        f"{where}: {found.group(0)!r} in {text.strip()!r}" for where, text in texts if (found := FORBIDDEN.search(text))
    ]


def test_documents() -> None:
    assert faults(documents()) == []


def test_one_sentence_a_line() -> None:
    prose = [
        (where, re.sub(r"^ *\d+\. ", "", line))
        for where, line in documents()
        if not line.startswith(("|", "#", "<", "    ")) and not where.startswith(MADE_OF_OTHERS)
    ]
    assert [where for where, line in prose if SENTENCE_ENDS.search(line)] == []


def test_descriptions_of_objects() -> None:
    assert faults(definitions(ROOT / "crds")) == []


def test_messages_of_the_operator_and_the_command_line() -> None:
    assert faults(messages()) == []


@pytest.mark.parametrize(
    "text", ["What becomes of it", "all is well", "started anew", "as told", "is no URL", "put right"]
)
def test_the_list_finds_what_it_is_for(text: str) -> None:
    assert FORBIDDEN.search(text)
