"""Rules with lists of weighted backends: the shape of most routers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.adapters.routers.paths import NOTHING, Path, at, parsed, pointer, to_list, walk, without
from tidegate.adapters.routers.places import Operation, Place, number_of, tests_of
from tidegate.adapters.routers.shapes.mirrors import Mirrors, removals
from tidegate.adapters.routers.shapes.naming import Naming
from tidegate.adapters.routers.shapes.shape import Found, Numbers
from tidegate.adapters.routers.views import Backend, MirrorView, RuleView, digest
from tidegate.core.model.world import NO_MIRRORS


@dataclass(frozen=True)
class Rules:
    """Where one kind of rule stands, and its backends."""

    place: str
    """Pattern of the rules, such as `spec.http[*]`."""
    backends: tuple[str, ...]
    """Patterns of a rule's backends, such as `route[*]`."""
    name: str = ""
    """Pattern of the rule's name."""
    matched: bool = False
    """The name is what requests are matched by: a rule of another name is another rule."""
    prefix: str = ""
    """Before the position of a rule without a name."""
    label: str = ""
    """The name of the one rule that there can be."""
    sticky: str = ""
    """Where a rule says that sessions stay with their backend even at weight 0."""
    mirrors: Mirrors | None = None
    """Its entries that copy requests to a backend; `None` where it cannot have any."""
    retries: tuple[str, ...] = ()
    """Where a rule says that failed requests are tried again."""

    @property
    def label_places(self) -> tuple[Path, ...]:
        """Where a rule has what is but a name: no part of its identity."""
        return (parsed(self.name),) if self.name and not self.matched else ()

    def label_of(self, rule: Mapping[str, Any], path: Path) -> str:
        """How status and messages name a rule."""
        name = at(rule, parsed(self.name)) if self.name else NOTHING
        if isinstance(name, str) and name:
            return name
        return self.label or f"#{self.prefix}" + ".".join(str(key) for key in path if isinstance(key, int))


@dataclass(frozen=True)
class WeightedLists:
    """See the module."""

    rules: tuple[Rules, ...]
    naming: Naming
    numbers: Numbers = field(default_factory=Numbers)
    weight: str = "weight"
    """Pattern of the weight, from the backend."""

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        views: list[RuleView] = []
        places: list[Path] = []
        for rules, path, rule in self._rules(raw):
            views.append(self._rule(rules, rule, path, raw))
            places.append(path[1:])
        around = without(raw.get("spec"), places) if all(places) else {}
        return Found(tuple(views), [around, *((view.label, view.identity) for view in views)], self._owned())

    def mirroring(self, raw: Mapping[str, Any], rule: str, candidate: str, percent: int) -> list[Operation]:
        """As `MirroringShape` says."""
        for rules, path, content in self._rules(raw):
            if rules.label_of(content, path) != rule or rules.mirrors is None:
                continue
            ours = tuple(one for one in rules.mirrors.views(content, path, raw, self.naming) if candidate in one.names)
            for below, backend in self._backends(rules, content):
                found = self.naming.of(backend, (*path, *below), raw)
                if found is not None and candidate in found.names:
                    added = rules.mirrors.adding(content, path, backend, percent, len(ours))
                    return [*tests_of(found.tests), *removals(ours), added]
        raise LookupError(f"rule {rule} has no backend {candidate} that could be mirrored to")

    def retrying(self, raw: Mapping[str, Any], pair: tuple[str, str]) -> Iterator[tuple[str, Path]]:
        """The rules with both backends that try failed requests again: the name of each, and where it says so."""
        for rules, path, rule in self._rules(raw):
            found = {
                name for below, one in self._backends(rules, rule) for name in self._names(one, (*path, *below), raw)
            }
            for field_name in rules.retries if found.issuperset(pair) else ():
                if at(rule, parsed(field_name)) not in (NOTHING, None, {}):
                    yield rules.label_of(rule, path), (*path, *parsed(field_name))

    def _names(self, backend: Any, path: Path, raw: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ANN401  (JSON)
        found = self.naming.of(backend, path, raw) if isinstance(backend, dict) else None
        return found.names if found is not None else ()

    def _rules(self, raw: Mapping[str, Any]) -> Iterator[tuple[Rules, Path, dict[str, Any]]]:
        for rules in self.rules:
            for path, rule in walk(raw, parsed(rules.place)):
                if isinstance(rule, dict):
                    yield rules, path, rule

    def _owned(self) -> tuple[tuple[str, ...], ...]:
        return tuple(to_list(parsed(f"{rules.place}.{rules.backends[-1]}.{self.weight}")) for rules in self.rules)

    def _rule(self, rules: Rules, rule: Mapping[str, Any], path: Path, raw: Mapping[str, Any]) -> RuleView:
        backends: list[Backend] = []
        elsewhere: list[tuple[str, str]] = []
        weights: list[Path] = []
        unreadable, count = "", 0
        for below, backend in self._backends(rules, rule):
            count += 1
            weights.append((*below, *parsed(self.weight)))
            found = self.naming.of(backend, (*path, *below), raw) if isinstance(backend, dict) else None
            if found is None:
                continue
            if found.elsewhere is not None:
                elsewhere.append(found.elsewhere)
                continue
            weight, why = self._weight(backend)
            unreadable = unreadable or (f"the weight of {found.names[0]} {why}" if why else "")
            place = pointer((*path, *below, *parsed(self.weight)))
            there = at(backend, parsed(self.weight)) is not NOTHING
            backends.append(Backend(found.names, weight, Place(place, found.tests, self.numbers.form, there=there)))
        if (
            self.numbers.even_at_zero
            and count
            and not any(self._weight(one)[0] for _, one in self._backends(rules, rule))
        ):
            backends = [replace(backend, weight=1) for backend in backends]
        mirrors = tuple(rules.mirrors.views(rule, path, raw, self.naming)) if rules.mirrors is not None else ()
        return RuleView(
            label=rules.label_of(rule, path),
            backends=tuple(backends),
            count=count,
            identity=digest(without(rule, [*weights, *_apart(mirrors, backends, path), *rules.label_places])),
            elsewhere=tuple(elsewhere),
            fixed=self.numbers.total,
            most=self.numbers.most,
            unreadable=unreadable,
            sticky=rules.sticky if rules.sticky and at(rule, parsed(rules.sticky)) not in (NOTHING, None) else "",
            mirrors=mirrors,
            cannot_mirror=_why_not(rules.mirrors, rule),
        )

    def _backends(self, rules: Rules, rule: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
        for pattern in rules.backends:
            for path, backend in walk(rule, parsed(pattern)):
                if not self.naming.is_mirror(backend):
                    yield path, backend

    def _weight(self, backend: Mapping[str, Any]) -> tuple[int, str]:
        """The weight, and why it cannot be read."""
        found = at(backend, parsed(self.weight))
        if found in (NOTHING, None):
            absent = self.numbers.absent
            return absent or 0, "" if absent is not None else "is missing, and its default is unknown"
        number = number_of(found, self.numbers.form)
        return number or 0, "" if number is not None else f"is {found!r}, which is not a {self.numbers.form.value}"


def _apart(mirrors: Sequence[MirrorView], backends: Sequence[Backend], path: Path) -> Iterator[Path]:
    """The places, from the rule at `path`, of mirrors to its own backends: like weights they are no part of its identity."""
    names = {name for backend in backends for name in backend.names}
    ours = [one for one in mirrors if names.intersection(one.names)]
    for one in ours:
        way = tuple(one.entries.split("/")[len(path) + 1 :])
        yield way if len(ours) == one.length else (*way, one.index)


def _why_not(mirrors: Mirrors | None, rule: Mapping[str, Any]) -> str:
    """Why a rule cannot mirror; empty where it can."""
    if mirrors is None:
        return NO_MIRRORS
    excluded = mirrors.excluded_by
    taken = bool(excluded) and at(rule, parsed(excluded)) not in (NOTHING, None)
    return f"it has `{excluded}`, which its router does not allow together with {mirrors.says}" if taken else ""
