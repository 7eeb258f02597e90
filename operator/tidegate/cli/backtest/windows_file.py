"""The file of `--score`, read and checked: what is wrong is told with its line, the window's name and the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from tidegate.api.model import ApiModel
from tidegate.api.validation import Problem, Where
from tidegate.api.validation.schema_errors import read as read_model
from tidegate.api.values.text import printable
from tidegate.cli.documents import Document, read
from tidegate.cli.errors import CommandError
from tidegate.simulation.backtest.windows import Required, Window

M = TypeVar("M", bound=ApiModel)
FIELDS = ("defaults", "require", "windows")


@dataclass(frozen=True)
class GivenWindows:
    """What the file says."""

    windows: Sequence[Window]
    required: Required


def windows_of(file: str, now: float) -> GivenWindows:
    """The windows of a YAML file, `-` for standard input.

    Args:
        file: its name.
        now: epoch seconds; no window may end later.

    Raises: CommandError: something is wrong with it; the message names the line, the window and the field.
    """
    documents = read(file)
    if len(documents) != 1:
        raise CommandError(
            f"{file}: has {len(documents)} YAML documents; a file of windows must have one, with a list 'windows'"
        )
    document = documents[0]
    for key in document.content:
        if key not in FIELDS:
            _refuse(document, Problem((key,), f"is not a known field; write {', '.join(FIELDS)}"))
    for problem in document.repeated_keys:
        _refuse(document, problem)
    entries = document.content.get("windows")
    if not isinstance(entries, list) or not entries:
        _refuse(document, Problem(("windows",), "must be a list of windows, with at least one"))
    defaults = document.content.get("defaults") or {}
    if not isinstance(defaults, Mapping) or {"name", "start", "end", "from"} & defaults.keys():
        words = (
            "must be an object with fields of a window that are the same in all, and without name, start, end and from"
        )
        _refuse(document, Problem(("defaults",), words))
    windows = [_window(document, number, entry, defaults) for number, entry in enumerate(entries)]
    _check_all(document, windows, now)
    return GivenWindows(windows, _model(document, Required, document.content.get("require") or {}, ("require",)))


def _window(document: Document, number: int, entry: object, defaults: Mapping[str, object]) -> Window:
    where: Where = ("windows", number)
    if not isinstance(entry, Mapping):
        _refuse(document, Problem(where, "must be an object with name, start, end or lasts, and expect"))
    kept = {key: value for key, value in defaults.items() if not (key == "lasts" and "end" in entry)}
    merged = kept | {key: _merged(kept.get(key), value) for key, value in entry.items()}
    return _model(document, Window, merged, where, str(entry.get("name", "")))


def _merged(default: object, given: object) -> object:
    """An arm's names, each by itself; anything else as it is given."""
    return {**default, **given} if isinstance(default, Mapping) and isinstance(given, Mapping) else given


def _check_all(document: Document, windows: Sequence[Window], now: float) -> None:
    known: set[str] = set()
    for number, window in enumerate(windows):
        where: Where = ("windows", number)
        if window.name in known:
            _refuse(document, Problem((*where, "name"), "is the name of another window too"), window.name)
        known.add(window.name)
        if window.stop > now:
            field = "end" if window.end is not None else "lasts"
            _refuse(document, Problem((*where, field), "ends in the future: the history ends now"), window.name)


def _model(document: Document, model: type[M], raw: object, where: Where, name: str = "") -> M:
    found, problems = read_model(model, raw, where)
    if found is None:
        _refuse(document, problems[0], name, len(problems))
    return found


def _refuse(document: Document, problem: Problem, name: str = "", problems: int = 1) -> NoReturn:
    more = f" (and {problems - 1} more)" if problems > 1 else ""
    which = f"window {printable(name)!r}: " if name else ""
    raise CommandError(f"{document.file}:{document.line(problem.where)}: {which}{problem}{more}")
