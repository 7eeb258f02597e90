"""Specs parsed once for each generation of a Rollout and of the metric templates it uses."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import NO_TEMPLATES, Dialect, Templates, check_rollout, spoken
from tidegate.core.model.observation import Problem
from tidegate.core.model.world import RolloutObject
from tidegate.reconcile.templates import NONE_NAMED, Looked, Version

Check: TypeAlias = Callable[[Mapping[str, Any], Templates], tuple[RolloutSpec | None, tuple[Problem, ...]]]
"""From `spec` as on the wire, and the templates there are, to the model and what is wrong with it; the model is `None`
when anything is."""

KEPT = 4096
NO_DIALECTS: Mapping[str, Dialect] = {}


@dataclass(frozen=True)
class Parsed:
    """What a Rollout's spec is."""

    spec: RolloutSpec | None
    """`None`: it is not valid, or that cannot be said."""
    problems: tuple[Problem, ...] = ()
    """Why it is not valid."""
    unread: str = ""
    """Why it cannot be said."""
    templated: bool = False
    """It uses metric templates."""


class Specs:
    """Remembers what `check` said, by uid and generation; Rollouts with equal specs share it."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._equal: WeakValueDictionary[tuple[bytes, tuple[Version, ...]], Parsed] = WeakValueDictionary()
        """By the content of a spec and the templates it uses."""
        self._known: OrderedDict[tuple[str, int, tuple[Version, ...]], Parsed] = OrderedDict()

    def of(self, rollout: RolloutObject, looked: Looked = NONE_NAMED) -> Parsed:
        """The parsed spec, or what is wrong with it.

        Args:
            rollout: as read.
            looked: the templates it names.
        """
        if looked.unread:
            return Parsed(None, unread=looked.unread, templated=True)
        key = (rollout.uid, rollout.generation, looked.versions)
        if key not in self._known:
            self._known[key] = self._checked(rollout, looked)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[key]

    def _checked(self, rollout: RolloutObject, looked: Looked) -> Parsed:
        content = _digest(rollout.spec), looked.versions
        found = self._equal.get(content)
        if found is None:
            spec, problems = self._check(rollout.spec, looked.templates)
            found = self._equal[content] = Parsed(spec, problems, templated=bool(looked.refs))
        return found


def _digest(spec: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).digest()


def checked(
    spec: Mapping[str, Any], templates: Templates = NO_TEMPLATES, dialects: Mapping[str, Dialect] = NO_DIALECTS
) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
    """A spec as the loop takes it: the model when it can be carried out, else what is wrong with it.

    Args:
        spec: as on the wire.
        templates: all the metric templates there are.
        dialects: what sources understand, by name; one that is not named understands Prometheus' own PromQL.
    """
    parsed, problems = check_rollout({"spec": spec}, templates)
    if parsed is not None:
        problems = spoken(problems, dialects.get(parsed.prometheus.source, Dialect.PROMETHEUS))
    if problems:
        return None, tuple(Problem(problem.path, problem.message) for problem in problems)
    return parsed, ()


def checker(dialects: Mapping[str, Dialect]) -> Check:
    """`checked` with these sources' dialects."""
    return partial(checked, dialects=dialects)
