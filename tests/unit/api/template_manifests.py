"""A good MetricTemplate, and every way to spoil it that somebody must refuse."""

from __future__ import annotations

import copy
from typing import Any

from tests.unit.api.manifests import GONE, Bad, Object, change

_GOOD: Object = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "MetricTemplate",
    "metadata": {"name": "error-rate"},
    "spec": {
        "parameters": [
            {"name": "code-label", "default": "code", "description": "the label with the HTTP status"},
            {"name": "codes", "default": "5..", "pattern": r"[0-9.|]+"},
            {"name": "counter", "description": "the counter of requests"},
        ],
        "ratio": {
            "bad": '{{ parameters.counter }}{pod=~"$pods",{{parameters.code-label}}=~"{{ parameters.codes }}"}',
            "total": '{{ parameters.counter }}{pod=~"$pods"}',
        },
        "window": "5m",
        "minimumRequests": 20,
    },
}
QUANTILE = "histogram_quantile({{ parameters.q }}, sum by (le) (rate(x_bucket{pod=~'$pods'}[$window])))"


def good_template(changes: dict[str, object] | None = None, kind: str = "MetricTemplate") -> Object:
    """A good template with changes, by dotted path from `spec`."""
    manifest: Object = copy.deepcopy(_GOOD) | {"kind": kind}
    for path, value in (changes or {}).items():
        change(manifest["spec"], path.split("."), value)
    return manifest


def latency(**changes: Any) -> Object:  # noqa: ANN401
    """A good template of a query, with changes to its spec."""
    spec = {"parameters": [{"name": "q", "default": "0.99"}], "query": QUANTILE, "unit": "seconds"}
    return {**good_template(), "metadata": {"name": "latency"}, "spec": {**spec, **changes}}


# fmt: off
TEMPLATE_BY_RULE = (
    Bad("a template without a query", {"ratio": GONE, "minimumRequests": GONE}, "spec", "give exactly one of 'query', 'ratio' and 'average'"),
    Bad("a template with both", {"query": "up"}, "spec", "give exactly one of 'query', 'ratio' and 'average'"),
    Bad("a ratio in seconds", {"unit": "seconds"}, "spec.unit", "a ratio metric has unit ratio"),
    Bad("a query with a least number of requests", {"ratio": GONE, "query": "up", "parameters": GONE}, "spec.minimumRequests", "'minimumRequests' is only allowed with 'ratio'"),
    Bad("requests beside a ratio", {"requests": "up"}, "spec.requests", "'requests' is only allowed with 'query'"),
    Bad("a ratio that is zero when empty", {"whenEmpty": "Zero"}, "spec.whenEmpty", "'whenEmpty' is only allowed with 'query'"),
    Bad("a window of half a second", {"window": "500ms"}, "spec.window", "'window' must be at least 1s"),
    Bad("half a ratio", {"ratio.total": GONE}, "spec.ratio", "give 'bad' and 'total', or 'histogram' and 'slowerThan'"),
    Bad("half an average", {"ratio": GONE, "minimumRequests": GONE, "average": {"sum": "x_sum"}}, "spec.average", "give 'sum' and 'count', or 'histogram'"),
    Bad("an average that is zero when empty", {"ratio": GONE, "average": {"histogram": "x"}, "whenEmpty": "Zero"}, "spec.whenEmpty", "'whenEmpty' is only allowed with 'query'"),
    Bad("native counters", {"ratio.native": True}, "spec.ratio.native", "'native' is only allowed with 'histogram'"),
    Bad("a function in a ratio", {"ratio.total": "rate(x_total[5m])"}, "spec.ratio.total", "must be a plain selector of a counter"),
)
"""Refused by a CEL rule and by its twin."""

TEMPLATE_BY_SCHEMA = (
    Bad("a parameter without a name", {"parameters.0": {"default": "x"}}, "spec.parameters[0].name", "is required", server_words="Required value"),
    Bad("a parameter named with a dot", {"parameters.0.name": "a.b"}, "spec.parameters[0].name", "is not of the form", server_words="should match"),
    Bad("two parameters of one name", {"parameters.3": {"name": "codes"}}, "spec.parameters[3].name", "parameter 'codes' is a duplicate of entry 1", "spec.parameters[3]", "Duplicate value"),
    Bad("a default that is a number", {"parameters.1.default": 500}, "spec.parameters[1].default", "must be a string; write it in quotes", server_words="must be of type string"),
    Bad("an empty default", {"parameters.1.default": ""}, "spec.parameters[1].default", "must not be empty", server_words="should be at least 1 chars long"),
    Bad("one label twice", {"ratio.by": ["a", "a"]}, "spec.ratio.by[1]", "label 'a' is a duplicate of entry", server_words="Duplicate value"),
    Bad("17 parameters", {"parameters": [{"name": f"p{i}"} for i in range(17)]}, "spec.parameters", "has 17 entries; at most 16 are allowed", server_words="must have at most 16 items"),
)
"""Refused by the schema on the server, by the models or by a check here."""

TEMPLATE_BY_CHECK = (
    Bad("a gap for nothing", {"ratio.total": '{{ parameters.count }}{pod=~"$pods"}'}, "spec.ratio.total", "there is no parameter 'count': spec.parameters has code-label, codes, counter"),
    Bad("a gap as Flagger writes it", {"ratio.total": 'x_total{namespace="{{ namespace }}"}'}, "spec.ratio.total", "'{{ namespace }}' is not a placeholder here: write $namespace"),
    Bad("a gap as Argo writes it", {"ratio.total": "{{args.counter}}"}, "spec.ratio.total", "write '{{ parameters.counter }}'"),
    Bad("a gap of Flagger's own variables", {"ratio.total": "{{ variables.counter }}"}, "spec.ratio.total", "write '{{ parameters.counter }}'"),
    Bad("a gap that is a calculation", {"ratio.total": "{{= 1 + 1 }}"}, "spec.ratio.total", "is not a placeholder: write '{{ parameters.name }}'"),
    Bad("a gap without an end", {"ratio.total": 'x_total{a="{{ parameters.codes }"}'}, "spec.ratio.total", "'{{' has no closing '}}'"),
    Bad("an end without a gap", {"ratio.total": 'x_total{a="parameters.codes }}"}'}, "spec.ratio.total", "'}}' has no opening '{{'"),
    Bad("a gap that would be a variable's name", {"ratio.total": 'x_total{a="$${{ parameters.codes }}",b="$${{ parameters.codes }}$$${{ parameters.codes }}"}'}, "spec.ratio.total", "a placeholder cannot follow '$'"),
    Bad("requests slower than a share", {"ratio": {"histogram": '{{ parameters.counter }}{pod=~"$pods"}', "slowerThan": "5%"}, "parameters": [{"name": "counter"}]}, "spec.ratio.slowerThan", "'5%' is not a duration to be slower than"),
    Bad("an unknown variable", {"ratio.total": 'x_total{pod=~"$pots"}'}, "spec.ratio.total", "there is no variable $pots"),
    Bad("a pattern that is none", {"parameters.1.pattern": "[0-9"}, "spec.parameters[1].pattern", "is not a valid regular expression: regex parse error"),
    Bad("a pattern that is none once it stands for the whole value", {"parameters.1.pattern": "(?x)[0-9.]+ # digits"}, "spec.parameters[1].pattern", "is not a valid regular expression"),
    Bad("a pattern that needs too much memory", {"parameters.1.pattern": r"(\w{100}){100}"}, "spec.parameters[1].pattern", "exceeds size limit"),
    Bad("a default that does not fit its pattern", {"parameters.1.default": "5xx"}, "spec.parameters[1].default", "'5xx' is not of the form [0-9.|]+"),
    Bad("a default that does not fit the usual pattern", {"parameters.0.default": "a b"}, "spec.parameters[0].default", "'a b' is not made of letters, digits and _ . : / @ - only"),
    Bad("a default that is no name where a name must stand", {"parameters.2.default": "a-b"}, "spec.parameters[2].default", "it must be one name, one number or one duration"),
    Bad("what is not valid PromQL whatever stands in its gaps", {"ratio.total": "{{ parameters.counter }}{pod=~}"}, "spec.ratio.total", "is not valid PromQL"),
)
"""Refused by `tidegate lint`, and by the operator where a Rollout uses it."""
