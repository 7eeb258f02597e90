"""Specs parsed once for each generation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tidegate.api.checks import check_rollout
from tidegate.api.rollout import RolloutSpec
from tidegate.core.observed import RolloutObject
from tidegate.core.seen import Problem

Check: TypeAlias = Callable[[Mapping[str, Any]], tuple[RolloutSpec | None, tuple[Problem, ...]]]
"""From `spec` as on the wire to the model and what is wrong with it; the model is `None` when anything is."""

KEPT = 4096


class Specs:
    """Remembers what `check` said, by uid and generation."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._known: OrderedDict[tuple[str, int], tuple[RolloutSpec | None, tuple[Problem, ...]]] = OrderedDict()

    def of(self, rollout: RolloutObject) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
        """The parsed spec, or what is wrong with it."""
        key = (rollout.uid, rollout.generation)
        if key not in self._known:
            self._known[key] = self._check(rollout.spec)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[key]


def checked(spec: Mapping[str, Any]) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
    """A spec as the loop takes it: the model when it can be carried out, else what is wrong with it."""
    parsed, problems = check_rollout({"spec": spec})
    if problems:
        return None, tuple(Problem(problem.path, problem.message) for problem in problems)
    return parsed, ()
