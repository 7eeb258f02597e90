"""AnalysisTemplates of Argo Rollouts: their Prometheus metrics become metrics, their conditions become limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.cli.convert.conditions import bounds
from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft, Object, free_name
from tidegate.cli.convert.promql_text import Converted, converted, named
from tidegate.cli.convert.reading import as_duration, dns_label, mapping, mappings, seconds, text

PROVIDER: Final = "prometheus"
_OTHERWISE: Final = {
    "consecutiveSuccessLimit": (NO_EQUAL, "consecutiveSuccessLimit: a step passes at its last checkpoint"),
    "inconclusiveLimit": (NO_EQUAL, "inconclusiveLimit: what is undecided holds the run as long as it is"),
    "consecutiveErrorLimit": (CHANGED, "consecutiveErrorLimit: spec.missingData says how long data may be missing"),
}


@dataclass(frozen=True)
class Analysis:
    """What an analysis of a Rollout comes to."""

    limits: list[Object]
    """Guards, or thresholds without `for`."""
    seconds: float
    """How long it takes: 0 when it goes on until it is stopped."""
    interval: float | None
    """The shortest interval between two measurements, seconds."""


@dataclass
class Templates:
    """The templates that were given, and the metrics that a Rollout already has of them."""

    by_name: Mapping[tuple[str, str], Mapping[str, Any]]
    """By kind and name, their `spec`."""
    variables: Mapping[str, str]
    """Names of the candidate's objects, and what stands for them."""
    metrics: dict[str, str] = field(default_factory=dict)
    """Their names by query."""


def analysis(draft: Draft, given: Mapping[str, Any], templates: Templates, *where: str | int, guards: bool) -> Analysis:
    """What a `templates` list with its `args` comes to; the metrics are added to the draft.

    Args:
        draft: gets the metrics, and the comments.
        given: of the Rollout: `templates`, `args`, `dryRun`.
        templates: those of the files.
        where: the field for comments about the analysis itself.
        guards: the limits are guards, with a `for`; else thresholds.
    """
    return _Reader(draft, given, templates, where).read(guards=guards)


class _Reader:
    """Reads one analysis of a Rollout."""

    def __init__(
        self, draft: Draft, given: Mapping[str, Any], templates: Templates, where: tuple[str | int, ...]
    ) -> None:
        self._draft = draft
        self._given = given
        self._templates = templates
        self._where = where
        self._dry = {text(one, "metricName") for one in mappings(given, "dryRun")}

    def read(self, *, guards: bool) -> Analysis:
        """See `analysis`."""
        limits: list[Object] = []
        lasting, intervals = 0.0, []
        for spec in self._found(self._given, set()):
            values = self._arguments(spec)
            for metric in mappings(spec, "metrics"):
                limits += self._metric(metric, values, guards=guards)
                every, count = seconds(metric.get("interval")), seconds(metric.get("count"))
                intervals += [every] if every else []
                if count or not every:
                    first = seconds(metric.get("initialDelay")) or 0.0
                    lasting = max(lasting, first + ((count or 1) - 1) * (every or 0.0))
        return Analysis(limits, lasting, min(intervals, default=None))

    def _note(self, kind: str, words: str) -> None:
        self._draft.note(kind, words, *self._where)

    def _found(self, naming: Mapping[str, Any], seen: set[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The templates that are named, and those that they name in turn."""
        for ref in mappings(naming, "templates"):
            kind = "ClusterAnalysisTemplate" if ref.get("clusterScope") is True else "AnalysisTemplate"
            key = (kind, text(ref, "templateName"))
            spec = self._templates.by_name.get(key)
            if spec is None:
                self._note(TODO, f"{kind} {key[1]} is not among the files: its metrics and limits are missing here")
            elif key not in seen:
                seen.add(key)
                yield spec
                yield from self._found(spec, seen)

    def _arguments(self, spec: Mapping[str, Any]) -> dict[str, str]:
        """The arguments whose value is known: the Rollout's own go before the template's defaults."""
        given = (*mappings(spec, "args"), *mappings(self._given, "args"))
        return {text(one, "name"): text(one, "value") for one in given if one.get("value") is not None}

    def _metric(self, metric: Mapping[str, Any], values: Mapping[str, str], *, guards: bool) -> list[Object]:
        """The limits of one metric, which is added to the draft where it is not there yet."""
        label = text(metric, "name") or "metric"
        asked = mapping(metric, "provider", PROVIDER)
        if not asked:
            others = ", ".join(mapping(metric, "provider")) or "no provider"
            self._note(NO_EQUAL, f"metric {label} queries {others}: only Prometheus is supported")
            return []
        name = self._added(label, asked, values)
        if name is None:
            return []
        limits = self._limits(name, label, metric)
        if guards:
            self._lasting(limits, metric, label)
        if self._dry & {label, "*"}:
            limits = [limit | {"onBreach": "Warn"} for limit in limits]
        for key, words in _OTHERWISE.items():
            if metric.get(key) is not None:
                self._note(*words)
        return limits

    def _added(self, label: str, asked: Mapping[str, Any], values: Mapping[str, str]) -> str | None:
        """The name of the metric with this query; `None` when it is no query."""

        def fill(inside: str) -> str | None:
            value = values.get(inside.removeprefix("args.")) if inside.startswith("args.") else None
            return None if value is None else named(value, self._templates.variables)

        found = converted(text(asked, "query"), fill)
        if found.fault:
            self._note(NO_EQUAL, f"metric {label}: its query cannot be used: {found.fault}")
            return None
        if found.query not in self._templates.metrics:
            self._templates.metrics[found.query] = self._new(label, asked, found)
        return self._templates.metrics[found.query]

    def _new(self, label: str, asked: Mapping[str, Any], found: Converted) -> str:
        metrics = self._draft.spec["metrics"]
        name = free_name(dns_label(label), metrics)
        metrics.append({"name": name, "query": found.query} | ({"window": found.window} if found.window else {}))
        place = ("spec", "metrics", len(metrics) - 1)
        for kind, words in found.notes:
            self._draft.note(kind, words, *place)
        if asked.get("address"):
            words = f"Argo queried {asked['address']}: the administrator names it as a source in the operator's configuration"
            self._draft.note(TODO, words, *place)
        for key in ("authentication", "headers", "insecure", "rangeQuery"):
            if asked.get(key):
                words = f"{key}: of the source in the operator's configuration, not of a metric"
                self._draft.note(NO_EQUAL, words, *place)
        return name

    def _limits(self, name: str, label: str, metric: Mapping[str, Any]) -> list[Object]:
        success, failure = text(metric, "successCondition"), text(metric, "failureCondition")
        wanted, refused = bounds(success, success=True), bounds(failure, success=False)
        for condition, found in ((success, wanted), (failure, refused)):
            if found is None:
                self._note(TODO, f"the condition '{condition}' of {label} is not understood: write its limit by hand")
        if not success and not failure:
            self._note(
                CHANGED, f"{label} has no condition, which Argo counts as success: it is measured without a limit"
            )
        if wanted and refused:
            self._note(
                CHANGED,
                f"between the two conditions of {label} Argo pauses: here the step holds until the limit is met again",
            )
        every = (*(wanted or ()), *(refused or ()))
        if any(one.strict for one in every):
            self._note(CHANGED, f"a value of {label} that is exactly the limit is evaluated the other way round here")
        if any(one.empty_is_well for one in every):
            next(one for one in self._draft.spec["metrics"] if one["name"] == name)["whenEmpty"] = "Zero"
        held = {"onBreach": "Hold"} if refused else {}
        return [
            *({"metric": name, one.kind: one.limit} | held for one in wanted or ()),
            *({"metric": name, one.kind: one.limit} for one in refused or ()),
        ]

    def _lasting(self, limits: Sequence[Object], metric: Mapping[str, Any], label: str) -> None:
        """`failureLimit` measurements that fail in all become a breach that lasts as long."""
        tolerated, every = seconds(metric.get("failureLimit")), seconds(metric.get("interval"))
        if not limits or not tolerated or not every:
            return
        for limit in limits:
            limit["for"] = as_duration(tolerated * every)
        words = (
            f"failureLimit {tolerated:g} of {label} counts failures in total, 'for' a breach without interruption; "
            "for failures that come and go use 'regression' on a ratio"
        )
        self._note(CHANGED, words)
