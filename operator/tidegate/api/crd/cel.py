"""CEL rules that more than one model has."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic.alias_generators import to_snake

from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.scalars import Duration

_A_SECOND = r"[1-9][0-9]*[dhms]($|[0-9])|[1-9][0-9]{3,}ms"
_NAMES = "(has(self.metrics) ? self.metrics.map(m, m.name) : [])"


def at_least_a_second(field: str, *, optional: bool = False) -> Rule:
    """A duration of 1 s and up. By its text: CEL's own durations know no days."""
    matches = f"self.{field}.matches(r'{_A_SECOND}')"
    rule = f"!has(self.{field}) || {matches}" if optional else matches

    def holds(model: ApiModel) -> bool:
        given = _duration(model, field)
        return given is None or given.seconds >= 1

    return Rule(rule, f"'{field}' must be at least 1s", f".{field}", holds)


def positive(field: str) -> Rule:
    """An optional duration that is not 0."""
    expression = f"!has(self.{field}) || self.{field}.matches('[1-9]')"

    def holds(model: ApiModel) -> bool:
        given = _duration(model, field)
        return given is None or given.seconds > 0

    return Rule(expression, f"'{field}' must be more than 0s", f".{field}", holds)


def _duration(model: ApiModel, field: str) -> Duration | None:
    found = getattr(model, to_snake(field))
    return found if isinstance(found, Duration) else None


def selector(field: str) -> Rule:
    """A PromQL text that looks like a plain selector: cheap here, exact in `api/validation/queries.py`."""
    looks = r"(?s)^\s*[a-zA-Z_:{](.*[}a-zA-Z0-9_:])?\s*$"
    message = f"'{field}' must be a plain selector of a counter, such as requests_total{{code=\"500\"}}: the operator adds rate() and the window"
    return Rule(f"!has(self.{field}) || self.{field}.matches(r'{looks}')", message, f".{field}")


def known_metrics(lines: str) -> Rule:
    """`guards` or `thresholds` of the Rollout name metrics it has."""
    names = f"self.{lines}.map(t, t.metric)"
    message = f"every 'metric' in '{lines}' must be a name in 'metrics'"
    return Rule(f"!has(self.{lines}) || sets.contains({_NAMES}, {names})", message, f".{lines}")


def known_metrics_in_steps(lines: str) -> Rule:
    """`guards` or `thresholds` of every step name metrics the Rollout has."""
    names = f"s.{lines}.map(t, t.metric)"
    rule = f"self.steps.all(s, !has(s.{lines}) || sets.contains({_NAMES}, {names}))"
    return Rule(rule, f"every 'metric' in the steps' '{lines}' must be a name in 'metrics'", ".steps")


def earlier_steps(most: int) -> Rule:
    """Every `gate.sinceStep` names a step above its own.

    By positions written out, `most` of them: CEL has no index in a comprehension, and the API server cannot bound the
    cost of `indexOf` on a computed list.
    """
    places = list(range(most))
    gated = "i < self.steps.size() && has(self.steps[i].gate) && has(self.steps[i].gate.sinceStep)"
    found = f"{places}.exists(j, j < i && self.steps[j].name == self.steps[i].gate.sinceStep.step)"
    message = "'gate.sinceStep.step' must be the name of an earlier step"
    return Rule(f"{places}.all(i, !({gated}) || {found})", message, ".steps")


def mirrors_first(most: int) -> Rule:
    """A step that mirrors comes before every step with a weight. By positions written out, as in `earlier_steps`."""
    places = list(range(most))
    mirrors = "i < self.steps.size() && has(self.steps[i].mirror)"
    weighs = (
        "(self.steps[j].weight != 0 && self.steps[j].weight != '0' || has(self.steps[j].cohorts) && "
        "self.steps[j].cohorts.exists(c, self.steps[j].cohorts[c] != 0 && self.steps[j].cohorts[c] != '0'))"
    )
    rule = f"{places}.all(i, !({mirrors}) || !{places}.exists(j, j < i && {weighs}))"
    message = "a step with 'mirror' must come before every step with a weight above 0"
    return Rule(f"self.steps.all(s, !has(s.mirror)) || {rule}", message, ".steps")


def mirrors_before_the_end() -> Rule:
    """The last step does not mirror: what follows it is the promotion."""
    message = "the last step cannot have 'mirror': add a step after it"
    return Rule("!has(self.steps[self.steps.size() - 1].mirror)", message, ".steps")


def routers_that_mirror(kinds: Iterable[str]) -> Rule:
    """Steps mirror where every entry of `traffic` that has no cohort is of a kind that can."""
    names = sorted(map(str, kinds))
    can = f"self.traffic.all(t, has(t.cohort) || t.kind in {names}) && self.traffic.exists(t, !has(t.cohort))"
    message = f"'mirror' in 'steps' needs entries of 'traffic' without 'cohort', all of them of a kind that can mirror: {', '.join(names)}"
    return Rule(f"self.steps.all(s, !has(s.mirror)) || {can}", message, ".steps")


_COHORTS = "self.traffic.filter(t, has(t.cohort)).map(t, t.cohort)"


def one_entry_for_each_cohort() -> Rule:
    """A route has one entry for each cohort, and one without: as the keys of a list they would need a default."""
    same = "a.kind == b.kind && a.name == b.name && (has(a.cohort) ? a.cohort : '') == (has(b.cohort) ? b.cohort : '')"
    message = "a route must have one entry in 'traffic' for each 'cohort', and one without"
    return Rule(f"self.traffic.all(a, self.traffic.exists_one(b, {same}))", message, ".traffic")


def known_cohorts_in_steps() -> Rule:
    """The steps' `cohorts` are those of `traffic`."""
    rule = f"self.steps.all(s, !has(s.cohorts) || s.cohorts.all(c, {_COHORTS}.exists(n, n == c)))"
    return Rule(rule, "every name in the steps' 'cohorts' must be a 'cohort' of 'traffic'", ".steps")


def known_cohorts(lines: str) -> Rule:
    """`guards` or `thresholds` of the Rollout name cohorts it has."""
    rule = f"!has(self.{lines}) || self.{lines}.all(t, !has(t.cohort) || {_COHORTS}.exists(n, n == t.cohort))"
    return Rule(rule, f"every 'cohort' in '{lines}' must be a 'cohort' of 'traffic'", f".{lines}")
