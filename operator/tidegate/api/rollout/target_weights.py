"""The candidate's weight on every traffic target: one for the entries without a cohort, and one for each cohort; and what is mirrored to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.steps import Step

_NONE = Decimal(0)
_ALL = Decimal(100)


@dataclass(frozen=True)
class TargetWeights:
    """See the module. All in percent, 0-100."""

    weight: Decimal
    """Of the entries without a cohort."""
    cohorts: Mapping[str, Decimal] = field(default_factory=dict)
    """Of each cohort."""
    mirror: int = 0
    """Of the requests of the entries without a cohort: how many are copied to the candidate. No traffic: users do not get its answers."""

    def of(self, cohort: str) -> Decimal:
        """The weight of a cohort; of the entries without one where the name is empty."""
        return self.cohorts.get(cohort, _NONE) if cohort else self.weight

    @property
    def some(self) -> bool:
        """Whether any target gives the candidate traffic."""
        return self.weight > 0 or any(weight > 0 for weight in self.cohorts.values())

    @property
    def exposed(self) -> bool:
        """Whether the candidate gets requests: those of users, or copies of them."""
        return self.some or self.mirror > 0

    @property
    def full(self) -> bool:
        """Whether every target gives it all."""
        return self.weight >= _ALL and all(weight >= _ALL for weight in self.cohorts.values())

    @property
    def largest(self) -> Decimal:
        """The largest of all."""
        return max(self.weight, *self.cohorts.values(), _NONE)

    def exceeds(self, other: TargetWeights) -> bool:
        """Whether any target has more than in `other`."""
        cohorts = any(weight > other.of(name) for name, weight in self.cohorts.items())
        return self.weight > other.weight or self.mirror > other.mirror or cohorts

    def at_most(self, other: TargetWeights) -> TargetWeights:
        """The lower of the two on every target that `other` has."""
        cohorts = {name: min(self.of(name), weight) for name, weight in other.cohorts.items()}
        return TargetWeights(min(self.weight, other.weight), cohorts, min(self.mirror, other.mirror))

    def without(self, cohorts: frozenset[str]) -> TargetWeights:
        """The same with these cohorts at 0."""
        if not cohorts:
            return self
        kept = {name: _NONE if name in cohorts else weight for name, weight in self.cohorts.items()}
        return TargetWeights(self.weight, kept, self.mirror)

    def __str__(self) -> str:
        """In words, after "weight": `5%`, `0%, cohort staff 100%`, `0%, 10% mirrored`."""
        return self._in_words(lambda weight: f"{weight.normalize():f}")

    def rounded(self) -> str:
        """The same with three digits, for shares that were read from routes."""
        return self._in_words(lambda weight: f"{weight:.3g}")

    def _in_words(self, form: Callable[[Decimal], str]) -> str:
        cohorts = (f", cohort {name} {form(weight)}%" for name, weight in self.cohorts.items())
        mirrored = f", {self.mirror}% mirrored" if self.mirror else ""
        return f"{form(self.weight)}%{''.join(cohorts)}{mirrored}"


def cohorts_of(spec: RolloutSpec) -> tuple[str, ...]:
    """The names of the cohorts, in the order of `traffic`."""
    return tuple(dict.fromkeys(target.cohort for target in spec.traffic if target.cohort is not None))


def percents_of(spec: RolloutSpec, cohort: str) -> list[Decimal]:
    """The weights that the steps name for a cohort, or with an empty name for the targets without one."""
    if not cohort:
        return [step.weight.percent for step in spec.steps]
    return [step.cohorts[cohort].percent for step in spec.steps if cohort in step.cohorts]


def weights_at(spec: RolloutSpec, step: Step) -> TargetWeights:
    """What a step asks for: a cohort that it does not name keeps the weight of the step before, at first 0.

    Args:
        spec: the Rollout's.
        step: one of its steps.
    """
    cohorts = dict.fromkeys(cohorts_of(spec), _NONE)
    if cohorts:
        for one in spec.steps[: spec.steps.index(step) + 1]:
            cohorts |= {name: weight.percent for name, weight in one.cohorts.items() if name in cohorts}
    return TargetWeights(step.weight.percent, cohorts, step.mirrored)
