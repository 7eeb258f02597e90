"""What lint warns of: a Rollout that is carried out as written, and does less than it seems to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.manifests import GONE, good
from tidegate.api.validation import check_rollout, check_template, rollout_advice
from tidegate.api.values.promql_shape import empty_until_the_first, filters

QUIET: dict[str, object] = {"guards.0.for": "5m"}


def advised(changes: dict[str, object]) -> list[str]:
    manifest = good(QUIET | changes)
    spec, problems = check_rollout(manifest)
    assert (spec is not None, problems) == (True, [])
    assert spec is not None
    return [f"{hint.path}: {hint.message}" for hint in rollout_advice(manifest, spec)]


def query(text: str, **more: Any) -> dict[str, object]:  # noqa: ANN401
    return {"metrics.2": {"name": "extra", "query": text, **more}, "guards.1": {"metric": "extra", "max": 1}}


def test_the_good_one_has_no_traps() -> None:
    assert advised({}) == []


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        ({"guards.0.for": "999h"}, "spec.guards[0].for", "is longer than all steps together"),
        ({"steps.1.guards.0.for": "1d1h"}, "spec.steps[1].guards[0].for", "is longer than the step, 1d"),
        ({"interval": "2h", "metrics.0.window": "4h", "metrics.1.window": "4h"}, "spec.interval", "is longer than step 'canary' (1h)"),
        (query("sum(rate(foo[$window]))"), "spec.metrics[2].query", "names none of $workload, $service or $pods"),
        ({"metrics.2": {"name": "extra", "ratio": {"bad": "b", "total": "t"}}, "guards.1": {"metric": "extra", "max": "1%"}}, "spec.metrics[2].ratio.bad", "names none of"),
        (query('x{pod=~"$pods"} > 0.05'), "spec.metrics[2].query", "filters by '>'"),
        (query('(x{pod=~"$pods"} == 1)'), "spec.metrics[2].query", "filters by '=='"),
        (query('1 - sum(rate(r{pod=~"$pods",code=~"5.."}[$window])) / sum(rate(r{pod=~"$pods"}[$window]))'), "spec.metrics[2].query", "is a share of r, empty until the first"),
        (query('sum(rate(r{pod=~"$pods",code=~"5.."}[$window])) / sum(rate(r{pod=~"$pods"}[$window]))'), "spec.metrics[2].query", "or vector(0)"),
        (query('100 * (sum(rate(r{pod=~"$pods",code=~"5.."}[$window])) / sum(rate(r{pod=~"$pods"}[$window])))'), "spec.metrics[2].query", "is a share of r"),
        (query('sum(increase(r{pod=~"$pods",code!~"5.."}[$window])) or vector(0) / sum(increase(r{pod=~"$pods"}[$window]))'), "spec.metrics[2].query", "arithmetic takes precedence over 'or'"),
        (query('x{pod=~"$pods"} or vector(0) * 100', whenEmpty="Zero"), "spec.metrics[2].query", "takes precedence"),
        (query('x{pod=~"$pods"} or (vector(0)) / y{pod=~"$pods"}'), "spec.metrics[2].query", "takes precedence"),
        (query('x{pod=~"$pods"} or vector(0) * 100 / y{pod=~"$pods"}'), "spec.metrics[2].query", "takes precedence"),
        (query('x{pod=~"$pods"} or vector(0) / y{pod=~"$pods"} > bool 1'), "spec.metrics[2].query", "takes precedence"),
    ],
)  # fmt: skip
def test_a_trap_is_told_where_it_is(changes: dict[str, object], where: str, words: str) -> None:
    found = [hint for hint in advised(changes) if hint.startswith(f"{where}: ")]
    assert any(words in hint for hint in found), found


@pytest.mark.parametrize(
    "changes",
    [
        {"guards.0.for": "1d1h"},
        {"steps.1.guards.0.for": "1d"},
        query('x{pod=~"$pods"} > bool 0.05'),
        query('x{pod=~"$pods"} > 0.05', whenEmpty="Zero"),
        query('(sum(rate(r{pod=~"$pods",code=~"5.."}[$window])) or vector(0)) / sum(rate(r{pod=~"$pods"}[$window]))'),
        query('sum(rate(r{pod=~"$pods",code=~"5.."}[$window])) / sum(rate(r{pod=~"$pods"}[$window]))', whenEmpty="Zero"),
        query('sum(rate(s{pod=~"$pods"}[$window])) / sum(rate(c{pod=~"$pods"}[$window]))'),
        query('sum(rate(x{pod=~"${pods}"}[$window]))'),
        query('max(x{service="$service"})'),
        query('x{pod=~"$pods"} / y{pod=~"$pods"} or vector(0)'),
        query('max(x{pod=~"$pods"}) or vector(time()) - 3600'),
        query('max(x{pod=~"$pods"}) or vector(1) * 0.5'),
    ],
)  # fmt: skip
def test_what_does_what_it_says_is_no_trap(changes: dict[str, object]) -> None:
    assert advised(changes) == []


def test_a_rollout_that_judges_nothing_is_told_so() -> None:
    manifest = good()
    spec = manifest["spec"]
    for part in ("metrics", "guards", "thresholds"):
        del spec[part]
    for step in spec["steps"]:
        step.pop("guards", None)
        step.pop("thresholds", None)
    read, problems = check_rollout(manifest)
    assert read is not None
    assert problems == []
    said = [f"{hint.path}: {hint.message}" for hint in rollout_advice(manifest, read)]
    assert any(line.startswith("spec: has no limit that is evaluated: only missing pods") for line in said)


def test_limits_that_only_warn_revert_nothing() -> None:
    changes = {
        "guards.0.onBreach": "Warn",
        "thresholds": GONE,
        "steps.1.thresholds": GONE,
        "steps.1.guards": GONE,
        "metrics.1": {"name": "other", "query": "up{s='$service'}"},
    }
    assert any("spec: has no limit that reverts" in line for line in advised(changes))


def test_a_step_in_which_nothing_reverts_is_named() -> None:
    changes = {"guards.0.onBreach": "Hold", "thresholds": GONE}
    assert "spec.steps[0]: has traffic and no limit that reverts" in advised(changes)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("x > 1", ">"),
        ("(x != 1)", "!="),
        ("x > bool 1", ""),
        ("x + 1", ""),
        ("1 > bool 2", ""),
        ("sum(x > 1)", ""),
        ("x", ""),
    ],
)
def test_a_comparison_at_the_top_leaves_series_out(text: str, sign: str) -> None:
    assert filters(text) == sign


@pytest.mark.parametrize(
    ("text", "counter"),
    [
        ('rate(x{a="1"}[5m]) / rate(x[5m])', "x"),
        ('1 - (sum(rate(x{a="1",b="2"}[5m])) / sum(rate(x{b="2"}[5m])))', "x"),
        ('sum(rate(x{a="1"}[5m]) or vector(0)) / sum(rate(x[5m]))', ""),
        ("rate(x[5m]) / rate(y[5m])", ""),
        ('rate(x{a="1"}[5m]) / rate(x{a="1"}[5m])', ""),
        ('rate(x{a="1"}[5m]) / rate(x{b="1"}[5m])', ""),
        ('rate(x{a="1"}[5m]) * rate(x[5m])', ""),
        ('max_over_time((rate(x{a="1"}[5m]) / rate(x[5m]))[1h:])', "x"),
    ],
)  # fmt: skip
def test_a_share_without_a_default_is_empty_until_the_first(text: str, counter: str) -> None:
    assert empty_until_the_first(text) == counter


def test_a_template_is_warned_of_where_it_is_written() -> None:
    spec = {"query": 'sum(rate(r{pod=~"$pods",code=~"5.."}[$window])) / sum(rate(r{pod=~"$pods"}[$window]))'}
    manifest = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "MetricTemplate",
        "metadata": {"name": "x"},
        "spec": spec,
    }
    _, problems = check_template(manifest)
    assert [(problem.path, "is a share of r" in problem.message) for problem in problems] == [("spec.query", True)]


@pytest.mark.parametrize(
    ("value", "said"),
    [("-5%", "a share of requests is always above '-5%'"), ("100%", "'100%' is never exceeded by a share of requests")],
)
def test_a_limit_that_decides_nothing_is_told_which_way(value: str, said: str) -> None:
    (problem,) = check_rollout(good({"guards.0.max": value}))[1]
    assert problem.message.startswith(said)


def test_a_histogram_without_a_bound_is_one_error() -> None:
    problems = check_rollout(good({"metrics.0.ratio": {"histogram": "x_seconds"}}))[1]
    assert [problem.path for problem in problems] == ["spec.metrics[0].ratio"]


def test_what_is_no_promql_is_told_before_a_limit_that_does_not_fit() -> None:
    problems = check_rollout(good({"metrics.1.query": "max((", "guards.0.max": 5}))[1]
    assert [problem.path for problem in problems][:2] == ["spec.metrics[1].query", "spec.guards[0].max"]


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        (None, "5%", "'5%' is a share, and this metric has no unit: give the metric 'unit: ratio', or write '0.05'"),
        (
            None,
            "200ms",
            "'200ms' is a time, and this metric has no unit: give the metric 'unit: seconds', or write '0.2'",
        ),
        ("seconds", "5%", "'5%' is a share, and this metric is in seconds: write a time such as '200ms' or '1.5s'"),
        ("seconds", 3, "'3' is a plain number, and this metric is in seconds: write a time such as '200ms' or '1.5s'"),
        ("percent", "1s", "'1s' is a time, and this metric is in percent: write percent points such as '80%'"),
        ("ratio", "1s", "'1s' is a time, and this metric is a ratio: write a share such as '1%' or '0.01'"),
    ],
)
def test_a_limit_of_another_unit_is_told_what_would_fit(unit: str | None, value: object, said: str) -> None:
    metric = {"name": "extra", "query": "x"} | ({"unit": unit} if unit else {})
    (problem,) = check_rollout(good({"metrics.2": metric, "guards.1": {"metric": "extra", "max": value}}))[1]
    assert problem.message == said
