"""Each preset by itself: it parses, it tells the arms apart, and nothing that is given can change what it asks."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.unit.api.manifests import good
from tidegate.api.presets import registry
from tidegate.api.presets.page import as_markdown
from tidegate.api.presets.preset import SHARE, Parameter, Preset, one_of
from tidegate.api.presets.resolving import Fault, filled, parameter_faults, resolved
from tidegate.api.presets.words import queries
from tidegate.api.rollout.metrics import Metric
from tidegate.api.validation import check_rollout
from tidegate.api.values import promql
from tidegate.api.values.scalars import Unit
from tidegate.cli.main import main

ROOT = Path(__file__).parents[3]
PRESETS = [pytest.param(preset, id=name) for name, preset in registry.PRESETS.items()]
PARAMETERS = [
    pytest.param(preset, parameter, id=f"{name}-{parameter.name}")
    for name, preset in registry.PRESETS.items()
    for parameter in preset.parameters
]
ATTACKS = (
    "",
    "a b",
    'x"} or vector(1)',
    "x}",
    "$pods",
    "<codeLabel>",
    "a\\",
    "a\n",
    "code=~",
    "1",
    "0.99) or (1",
    "é",
    "0",
)
"""None of these is a label, a metric, a share strictly between 0 and 1, or a choice."""


def query(preset: Preset, given: dict[str, str] | None = None) -> Metric:
    metric, faults = resolved(Metric(name="m", preset=preset.name, parameters=given))
    assert faults == ()
    return metric


def texts(metric: Metric) -> list[str]:
    return [metric.query] if metric.query else [metric.ratio.bad, metric.ratio.total] if metric.ratio else []


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_promql_with_known_variables(preset: Preset) -> None:
    metric = query(preset)
    fault = promql.query_fault if metric.query else promql.selector_fault
    for text in texts(metric):
        assert fault(text) == "", text
        assert promql.variables(text) <= set(promql.VARIABLES)
        assert not promql.has_fixed_range(text)
        assert not promql.guesses_pods(text)


@pytest.mark.parametrize("preset", PRESETS)
def test_each_of_its_texts_tells_the_arms_and_the_namespaces_apart(preset: Preset) -> None:
    for text in texts(query(preset)):
        assert promql.variables(text) & promql.ARM_VARIABLES, text
        assert "namespace" in promql.variables(text)


@pytest.mark.parametrize("preset", PRESETS)
def test_its_parameters_are_its_gaps_and_its_defaults_are_of_their_form(preset: Preset) -> None:
    gaps = set(re.findall(r"<(\w+)>", " ".join(text for _, text in queries(preset))))
    assert gaps == {parameter.name for parameter in preset.parameters}
    for parameter in preset.parameters:
        assert re.fullmatch(parameter.form.pattern, parameter.default or ""), parameter.name
        assert (ROOT / "docs/presets.md").read_text().count(f"| `{parameter.name}` | `{parameter.default}` |")


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_named_after_its_system_and_has_the_unit_of_its_form(preset: Preset) -> None:
    system = next(system for system in registry.SYSTEMS if preset in system.presets)
    assert preset.name.partition("/")[0] == system.name
    assert (preset.unit is Unit.RATIO) == (query(preset).ratio is not None)
    assert query(preset).effective_unit is preset.unit


@pytest.mark.parametrize(("preset", "parameter"), PARAMETERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_is_never_promql_of_its_own(preset: Preset, parameter: Parameter, attack: str) -> None:
    faults = parameter_faults(preset, {parameter.name: attack})
    assert [(fault.path, fault.message.split(" is not ")[1]) for fault in faults] == [
        (("parameters", parameter.name), parameter.form.words)
    ]


def test_what_is_given_is_filled_in() -> None:
    given = {
        "quantile": "0.5",
        "histogram": "rpc_seconds",
        "namespaceLabel": "kubernetes_namespace",
        "podLabel": "pod_name",
    }
    assert query(registry.PRESETS["http/latency"], given).query == (
        "histogram_quantile(0.5, sum by (le) "
        '(rate(rpc_seconds_bucket{kubernetes_namespace="$namespace",pod_name=~"$pods"}[$window])))'
    )


NEEDY = Preset(
    "made/up",
    "says",
    "<a> + <b>",
    Unit.NONE,
    (Parameter("a", one_of("x", "y"), "an a"), Parameter("b", SHARE, "a b", "0.5")),
)


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"a": "x"}, ()),
        ({}, (Fault(("parameters",), "preset made/up needs 'a': an a"),)),
        ({"a": "z"}, (Fault(("parameters", "a"), "'z' is not one of x, y"),)),
        ({"a": "y", "c": "1"}, (Fault(("parameters", "c"), "preset made/up has no parameter 'c': it has a, b"),)),
        ({"a": "y", "b": "0.0"}, (Fault(("parameters", "b"), "'0.0' is not a share between 0 and 1, such as '0.95'"),)),
    ],
)
def test_parameters_that_are_missing_unknown_or_wrong_are_named(
    given: dict[str, str], faults: tuple[Fault, ...]
) -> None:
    assert parameter_faults(NEEDY, given) == faults


def test_defaults_fill_the_gaps_that_are_left() -> None:
    assert filled("<a> + <b>", NEEDY, {"a": "x"}) == "x + 0.5"


def test_a_preset_without_parameters_says_so() -> None:
    bare = dataclasses.replace(NEEDY, query="up", parameters=())
    assert [fault.message for fault in parameter_faults(bare, {"a": "x"})] == [
        "preset made/up has no parameter 'a': it has none"
    ]


def rollout(metric: dict[str, object]) -> dict[str, object]:
    return good({"metrics.0": {"name": "errors", **metric}})


def test_a_checked_rollout_has_ordinary_metrics_and_keeps_what_it_says_itself() -> None:
    spec, problems = check_rollout(rollout({"preset": "contour/error-rate", "window": "5m", "minimumRequests": 50}))
    assert problems == []
    assert spec is not None
    metric = spec.metrics[0]
    assert (metric.preset, metric.parameters, metric.unit) == (None, None, Unit.RATIO)
    assert (str(metric.window), metric.minimum_requests) == ("5m", 50)
    again, problems = check_rollout(good() | {"spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True)})
    assert (again, problems) == (spec, [])


def test_a_unit_of_its_own_goes_before_the_presets() -> None:
    spec, problems = check_rollout(good({"metrics.2": {"name": "rate", "preset": "http/latency", "unit": "none"}}))
    assert problems == []
    assert spec is not None
    assert spec.metrics[2].unit is Unit.NONE


@pytest.mark.parametrize(
    ("name", "metric", "path", "message"),
    [
        ("http/error-rate", {"unit": "seconds"}, "unit", "a ratio metric has unit ratio"),
        (
            "http/latency",
            {"minimumRequests": 5},
            "minimumRequests",
            "'minimumRequests' is only allowed with 'ratio' or 'average', or with a 'query' that has 'requests'",
        ),
        ("http/error-rate", {"whenEmpty": "Zero"}, "whenEmpty", "'whenEmpty' is only allowed with 'query'"),
    ],
)
def test_what_does_not_fit_the_presets_query_is_refused_as_with_any_other(
    name: str, metric: dict[str, object], path: str, message: str
) -> None:
    found = check_rollout(good({"metrics.2": {"name": "extra", "preset": name, **metric}}))[1]
    assert [(problem.path, problem.message) for problem in found] == [(f"spec.metrics[2].{path}", message)]


@pytest.mark.parametrize(
    ("metric", "path", "words"),
    [
        (
            {"preset": "http/error-rat"},
            "preset",
            "did you mean http/error-rate? There are http/error-rate, http/latency",
        ),
        (
            {"preset": "gateway/error-rate"},
            "preset",
            "did you mean istio-gateway/error-rate or envoy-gateway/error-rate? There are",
        ),
        ({"preset": "nginx/error-rate"}, "preset", "there is no preset for ingress-nginx"),
        (
            {"preset": "http/error-rate", "parameters": {"label": "x"}},
            "parameters.label",
            "has no parameter 'label': it has codeLabel",
        ),
        (
            {"preset": "http/error-rate", "parameters": {"codeLabel": "x-y"}},
            "parameters.codeLabel",
            "'x-y' is not the name of a label",
        ),
    ],
)
def test_what_is_wrong_is_said_once_at_its_field(metric: dict[str, object], path: str, words: str) -> None:
    found = {problem.path: problem.message for problem in check_rollout(rollout(metric))[1]}
    assert words in found.pop(f"spec.metrics[0].{path}")
    assert found == {}


def test_presets_that_make_the_spec_too_big_to_remember_are_refused() -> None:
    padding = {"name": "padding", "query": f'max(x{{pod=~"$pods",a="{"a" * 4000}"}})'}
    metrics = [{"name": f"m{index}", "preset": "traefik/error-rate"} for index in range(24)]
    given = good({"metrics": [*good()["spec"]["metrics"], *({**padding, "name": f"p{i}"} for i in range(6)), *metrics]})
    assert [(problem.path, problem.message.split(";")[1]) for problem in check_rollout(given)[1]] == [
        ("spec.metrics", " at most 32768 fit into the status")
    ]


def test_the_page_of_presets_is_the_one_made_from_the_code() -> None:
    assert (ROOT / "docs/presets.md").read_text() == as_markdown(), "run: make generate"


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_shows_each(preset: Preset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preset", preset.name]) == 0
    shown = capsys.readouterr().out
    for part in (
        preset.says,
        *(text for _, text in queries(preset)),
        *(f"<{one.name}>" for one in preset.parameters),
    ):
        assert part in shown


def test_the_command_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preset"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == list(registry.PRESETS)


def test_the_command_refuses_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preset", "istio/error"]) == 2
    assert "there is no preset 'istio/error': did you mean istio/error-rate?" in capsys.readouterr().err
