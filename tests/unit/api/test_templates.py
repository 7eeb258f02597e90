"""Metric templates by themselves, in a Rollout that uses them, and with values that want to be more than values."""

from __future__ import annotations

import time
from typing import Any

import promql_parser
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.api.manifests import good
from tests.unit.api.template_manifests import (
    QUANTILE,
    TEMPLATE_BY_CHECK,
    TEMPLATE_BY_RULE,
    TEMPLATE_BY_SCHEMA,
    good_template,
    latency,
)
from tests.unit.api.test_export import nodes
from tidegate.api.crd.structural import structural
from tidegate.api.metric_template.placeholders import matches
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef, refs_in
from tidegate.api.metric_template.spec import MetricTemplateSpec
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Templates, advice, check_rollout, check_template

ERRORS = TemplateRef(name="error-rate")


def rollout(template: dict[str, Any], **said: object) -> dict[str, object]:
    return good({"metrics.0": {"name": "errors", "template": template, **said}})


def known(*manifests: dict[str, Any], complete: bool = True) -> Templates:
    specs = {
        TemplateRef(kind=TemplateKind(one["kind"]), name=one["metadata"]["name"]): one["spec"] for one in manifests
    }
    return Templates(specs, complete=complete)


def problems(manifest: dict[str, object], templates: Templates) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in check_rollout(manifest, templates)[1]]


def resolved(manifest: dict[str, object], templates: Templates) -> Metric:
    spec, found = check_rollout(manifest, templates)
    assert found == []
    assert spec is not None
    return spec.metrics[0]


def used(value: str, text: str, pattern: str | None = None) -> str:
    """What the query becomes with a value, or what is said against it."""
    parameter = {"name": "v"} | ({"pattern": pattern} if pattern else {})
    template = latency(query=text, parameters=[parameter], unit="none")
    manifest = good({"metrics.2": {"name": "m", "template": {"name": "latency"}, "parameters": {"v": value}}})
    spec, found = check_rollout(manifest, known(template))
    return found[0].message if found or spec is None else spec.metrics[2].query or ""


def test_a_good_template_has_no_problems() -> None:
    assert check_template(good_template())[1] == []
    assert check_template(latency())[1] == []


@pytest.mark.parametrize("bad", [*TEMPLATE_BY_RULE, *TEMPLATE_BY_SCHEMA, *TEMPLATE_BY_CHECK], ids=lambda bad: bad.case)
def test_a_bad_template_is_refused_and_the_field_is_named(bad: Any) -> None:  # noqa: ANN401
    found = [(one.path, one.message) for one in check_template(good_template(bad.changes))[1]]
    assert len(found) == 1, found
    assert found[0][0] == bad.path
    assert bad.words in found[0][1]


def test_every_rule_of_a_template_has_a_case_that_breaks_it() -> None:
    rules = {
        rule["message"]
        for _, node in nodes(structural(MetricTemplateSpec))
        for rule in node.get("x-kubernetes-validations", ())
    }
    said = [bad.words for bad in TEMPLATE_BY_RULE]
    missing = {message for message in rules if not any(words in message for words in said)}
    assert missing == {message for message in missing if message.startswith("'bad' must be a plain selector")}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"query": "max(x{pod=~'$pods'})"}, "spec.parameters[0].name", "is not used: write '{{ parameters.q }}'"),
        ({"query": QUANTILE.replace("$window", "5m")}, "spec.query", "has a fixed range"),
        ({"query": QUANTILE.replace("$pods", "$workload-.*")}, "spec.query", "also matches the pods of workloads"),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(changes: dict[str, object], path: str, words: str) -> None:
    found = check_template(latency(**changes))[1]
    assert [(one.path, str(one.severity)) for one in found] == [(path, "warning")]
    assert words in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "rate(x{pod=~'$pods'}[{{ parameters.v }}])",
        "histogram_quantile({{ parameters.v }}, x{pod=~'$pods'})",
        "sum by ({{ parameters.v }}) (x{pod=~'$pods'})",
        'max(x{{{ parameters.v }}="a",pod=~"$pods"})',
    ],
)
def test_a_parameter_without_a_default_is_tried_as_what_may_stand_there(text: str) -> None:
    assert check_template(latency(query=text, parameters=[{"name": "v"}]))[1] == []


def test_a_metric_gets_the_templates_query_with_its_gaps_filled() -> None:
    metric = resolved(
        rollout({"name": "error-rate"}, parameters={"counter": "hits_total", "codes": "5..|429"}),
        known(good_template({"ratio.by": ["segment"]})),
    )
    assert metric.ratio is not None
    assert metric.ratio.by == ("segment",)
    assert metric.ratio.bad == 'hits_total{pod=~"$pods",code=~"5..|429"}'
    assert metric.ratio.total == 'hits_total{pod=~"$pods"}'
    assert (metric.template, metric.parameters) == (None, None)


def test_a_histogram_has_its_gaps_filled_as_well() -> None:
    ratio = {"histogram": '{{ parameters.name }}{pod=~"$pods"}', "slowerThan": "250ms"}
    template = good_template({"ratio": ratio, "parameters": [{"name": "name"}]})
    assert check_template(template)[1] == []
    metric = resolved(rollout({"name": "error-rate"}, parameters={"name": "seconds"}), known(template))
    assert metric.ratio is not None
    assert (metric.ratio.histogram, str(metric.ratio.slower_than)) == ('seconds{pod=~"$pods"}', "250ms")


def test_what_the_metric_says_goes_before_what_the_template_says() -> None:
    templates = known(good_template({"minSeries": 8}), latency(whenEmpty="Zero", warmUp="1m"))
    given = {"counter": "hits_total"}
    metric = resolved(rollout({"name": "error-rate"}, parameters=given), templates)
    assert (str(metric.window), metric.minimum_requests, metric.min_series) == ("5m", 20, 8)
    metric = resolved(rollout({"name": "error-rate"}, parameters=given, window="2m", minimumRequests=1), templates)
    assert (str(metric.window), metric.minimum_requests) == ("2m", 1)
    other = good({"metrics.1": {"name": "latency", "template": {"name": "latency"}, "whenEmpty": "NoData"}})
    spec, found = check_rollout(other, templates)
    assert found == []
    assert spec is not None
    assert [str(part) for part in (spec.metrics[1].unit, spec.metrics[1].warm_up, spec.metrics[1].when_empty)] == [
        "seconds",
        "1m",
        "NoData",
    ]


def test_the_resolved_spec_is_read_again_as_it_was() -> None:
    manifest = rollout({"name": "error-rate"}, parameters={"counter": "hits_total"})
    spec, _ = check_rollout(manifest, known(good_template()))
    assert spec is not None
    stored = spec.model_dump_json(by_alias=True, exclude_none=True)
    assert RolloutSpec.model_validate_json(stored) == spec


def test_the_two_kinds_are_two_namespaces_of_names() -> None:
    cluster = good_template({"window": "1h"}, kind="ClusterMetricTemplate")
    templates = known(good_template(), cluster)
    given = {"counter": "hits_total"}
    kind = {"kind": "ClusterMetricTemplate", "name": "error-rate"}
    assert str(resolved(rollout(kind, parameters=given), templates).window) == "1h"
    assert str(resolved(rollout({"name": "error-rate"}, parameters=given), templates).window) == "5m"


@pytest.mark.parametrize(
    ("said", "path", "words"),
    [
        (
            {"template": {"name": "errors"}},
            "template",
            "there is no MetricTemplate 'errors' in the Rollout's namespace",
        ),
        (
            {"template": {"kind": "ClusterMetricTemplate", "name": "error-rate"}},
            "template",
            "there is no ClusterMetricTemplate 'error-rate'",
        ),
        ({"parameters": {}}, "parameters", "needs 'counter': the counter of requests"),
        (
            {"parameters": {"counter": "x", "code": "5.."}},
            "parameters.code",
            "MetricTemplate 'error-rate' has no parameter 'code': it has code-label, codes, counter",
        ),
        ({"parameters": {"counter": "x", "codes": "5xx"}}, "parameters.codes", "'5xx' is not of the form [0-9.|]+"),
        ({"parameters": {"counter": "x"}, "unit": "seconds"}, "unit", "a ratio metric has unit ratio"),
        (
            {"parameters": {"counter": "x"}, "whenEmpty": "Zero"},
            "whenEmpty",
            "'whenEmpty' is only allowed with 'query'",
        ),
    ],
)
def test_what_is_wrong_is_said_once_at_its_field(said: dict[str, Any], path: str, words: str) -> None:
    metric = {"name": "extra", "template": {"name": "error-rate"}, **said}
    found = problems(good({"metrics.2": metric}), known(good_template()))
    assert [where for where, _ in found] == [f"spec.metrics[2].{path}"]
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": "soon"}, "is not valid: spec.window: 'soon' is not a valid duration"),
        ({"parameters": []}, "is not valid: spec.ratio.bad: there is no parameter 'counter'"),
        ({"window": "10ms"}, "is not valid: spec.window: 'window' must be at least 1s"),
        (
            {"ratio.total": '{{ parameters.counter }}{pod=~"$pods",x=1}'},
            "spec.ratio.total with these parameters is not valid PromQL",
        ),
    ],
)
def test_a_template_that_is_wrong_is_said_at_the_metric_that_names_it(changes: dict[str, object], words: str) -> None:
    manifest = rollout({"name": "error-rate"}, parameters={"counter": "x"})
    found = problems(manifest, known(good_template(changes)))
    assert [where for where, _ in found] == ["spec.metrics[0].template"]
    assert f"MetricTemplate 'error-rate'{'' if words.startswith('is') else ':'} {words}" in found[0][1]


def test_a_query_that_cannot_be_compared_is_said_at_the_template() -> None:
    manifest = good({"metrics.1": {"name": "latency", "template": {"name": "latency"}}})
    found = problems(manifest, known(latency(query="max(x)", parameters=[])))
    assert found == [
        (
            "spec.metrics[1].template",
            "MetricTemplate 'latency': query is compared with the baseline, so it must use $workload, $service or $pods",
        )
    ]


def test_texts_that_become_too_long_are_refused_rather_than_forgotten() -> None:
    text = "max(x{pod=~'$pods'" + ",a='{{ parameters.v }}'" * 20 + "})"
    assert "has 5" in used("a" * 253, text)
    assert "at most 4096 are allowed" in used("a" * 253, text)


def test_templates_that_make_the_spec_too_big_to_remember_are_refused() -> None:
    template = latency(query="max(x{pod=~'$pods',a='" + "a" * 4000 + "'})", parameters=[])
    metrics = [{"name": f"m{index}", "template": {"name": "latency"}} for index in range(9)]
    found = problems(good({"metrics": [*good()["spec"]["metrics"], *metrics]}), known(template))
    assert [path for path, _ in found] == ["spec.metrics"]


def test_one_that_is_not_known_while_not_all_are_is_said_to_be_unchecked() -> None:
    spec, found = check_rollout(rollout({"name": "error-rate"}), known(complete=False))
    assert found == []
    assert spec is not None
    assert [(one.path, one.message) for one in advice(spec)] == [
        (
            "spec.metrics[0].template",
            "MetricTemplate 'error-rate' is not in the files given: its query cannot be checked here",
        )
    ]


QUOTED = "max(x{pod=~'$pods',a=\"{{ parameters.v }}\"})"
SINGLE = "max(x{pod=~'$pods',a='{{ parameters.v }}'})"
RAW = "max(x{pod=~'$pods',a=`{{ parameters.v }}`})"
BARE = "max({{ parameters.v }}{pod=~'$pods'})"
IN_A_COMMENT = "max(x{pod=~'$pods'}) # isn't {{ parameters.v }}, wasn't"

ATTACKS = (
    '"} or vector(0) or x{a="',
    "'} or vector(0) or x{a='",
    "`} or vector(0) or x{a=`",
    "a\\",
    "a\nb",
    "a\u2028b",
    "a\x00b",
    "$pods",
    "$$",
    "{{ parameters.v }}",
    "}} or {{",
)


@pytest.mark.parametrize("text", [QUOTED, SINGLE, RAW, BARE, IN_A_COMMENT])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("pattern", [None, "(?s).*"])
def test_no_value_becomes_promql_of_its_own(text: str, attack: str, pattern: str | None) -> None:
    said = used(attack, text, pattern)
    assert said.startswith(repr(attack)), said


@pytest.mark.parametrize(
    "value", ["a-b", "a/b", "a+b", "a b", "sum(x)", "a{}", "x or y", "1-1", "5m-1m", "a.b", "x offset 1d"]
)
@pytest.mark.parametrize("text", [BARE, IN_A_COMMENT])
def test_outside_of_quotes_a_value_is_one_word(text: str, value: str) -> None:
    said = used(value, text, ".*")
    assert "it must be one name, one number or one duration" in said


@given(
    value=st.text(st.sampled_from("\"'`\\${}()a \n") | st.characters(codec="utf-8"), min_size=1, max_size=20),
    quote=st.sampled_from("\"'`"),
)
def test_a_value_that_is_taken_stays_within_its_string(value: str, quote: str) -> None:
    query = f"x{{a={quote}{{{{ parameters.v }}}}{quote},b='$workload'}}"
    said = used(value, query, "(?s).+")
    assume(not said.startswith(repr(value)))
    found = promql_parser.parse(said.replace("`", '"').replace("$workload", "w"))
    assert [(one.name, one.value) for one in found.matchers.matchers] == [("a", value), ("b", "w")]


@pytest.mark.parametrize(
    ("text", "value", "pattern"),
    [
        (QUOTED, "/api/v1/orders", None),
        (QUOTED, "team@shop-1.example:8080", None),
        (QUOTED, "GET|POST (safe) é", ".+"),
        (SINGLE, "x{2} #1", ".+"),
        (BARE, "hits_total", None),
        (BARE, "job:hits:rate5m", None),
    ],
)
def test_plain_values_stand_as_they_are(text: str, value: str, pattern: str | None) -> None:
    assert used(value, text, pattern) == text.replace("{{ parameters.v }}", value)


def test_a_pattern_is_of_the_whole_value() -> None:
    assert not matches("a|b", "ab")
    assert not matches("a", "a\n")
    assert matches("a|b", "b")


def test_a_pattern_cannot_hold_up_the_operator() -> None:
    begun = time.thread_time()  # of the processor: a busy machine takes no more of it
    assert not matches("(a+)+b", "a" * 253)
    assert time.thread_time() - begun < 0.5


def test_the_templates_of_a_spec_are_found_whatever_else_is_in_it() -> None:
    metrics = [
        {"template": {"name": "a"}},
        {"template": {"name": "a", "kind": "MetricTemplate"}},
        {"template": {"name": "a", "kind": "ClusterMetricTemplate"}},
        {"template": {"name": ""}},
        {"template": {"name": 3}},
        {"template": {"name": "b", "kind": "Secret"}},
        {"template": "c"},
        {"query": "up"},
        "d",
    ]
    assert [str(ref) for ref in refs_in({"metrics": metrics})] == ["MetricTemplate 'a'", "ClusterMetricTemplate 'a'"]
    assert refs_in({}) == ()
    assert refs_in({"metrics": "x"}) == ()
