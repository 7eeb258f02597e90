"""Canaries of Flagger, with manifests of our own."""

from __future__ import annotations

import pytest

from tests.unit.convert.converting import Converter

CANARY = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: cart, namespace: shop}
spec:
  provider: gatewayapi:v1
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}
  autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: cart}
  progressDeadlineSeconds: 120
  service: {port: 80}
  analysis:
    interval: 30s
    threshold: 4
    maxWeight: 45
    stepWeight: 20
    metrics:
    - {name: request-success-rate, interval: 1m, thresholdRange: {min: 99.5}}
    - {name: request-duration, interval: 2m, thresholdRange: {max: 250}}
    - name: queue length
      interval: 1m
      templateRef: {name: queue, namespace: metrics}
      templateVariables: {kind: orders}
      thresholdRange: {max: 40}
    webhooks:
    - {name: ask, type: confirm-promotion, url: http://ask.example}
    - {name: load, url: http://load.example}
---
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: queue, namespace: metrics}
spec:
  provider: {type: prometheus, address: http://prometheus.example:9090}
  query: |
    max(queue{ns="{{ namespace }}",pod=~"{{ target }}-[0-9a-z]+-[0-9a-z]+",kind="{{ variables.kind }}"}) / max(size{svc="{{ service }}"}[{{ interval }}] offset 0s)
""".replace("[{{ interval }}] offset 0s", "")


def test_what_flagger_has_made_are_the_arms(convert: Converter) -> None:
    found = convert(CANARY)
    assert found.code == 0
    assert found.spec["baseline"] == {"deployment": "cart-primary", "service": "cart-primary"}
    assert found.spec["candidate"] == {"deployment": "cart", "service": "cart-canary"}
    assert found.spec["traffic"] == [{"kind": "HTTPRoute", "name": "cart"}]
    assert (found.spec["interval"], found.spec["progressDeadline"]) == ("30s", "2m")
    assert found.spec["paused"] is True
    assert found.comment("remove their ownerReferences") == "baseline:"
    assert found.comment("Flagger scales it to 0 between two runs") == "candidate:"


def test_weights_go_up_to_the_highest_one(convert: Converter) -> None:
    steps = convert(CANARY).spec["steps"]
    assert [(one["weight"], one["duration"]) for one in steps] == [(20, "30s"), (40, "30s"), (45, "30s")]
    listed = convert(CANARY.replace("stepWeight: 20", "stepWeights: [1, 2, 50]")).spec["steps"]
    assert [one["weight"] for one in listed] == [1, 2, 50]


def test_failed_checks_in_all_become_a_breach_that_lasts(convert: Converter) -> None:
    found = convert(CANARY)
    assert found.spec["guards"] == [
        {"metric": "error-rate", "max": "0.5%", "for": "1m30s"},
        {"metric": "p99-latency", "max": "250ms", "for": "1m30s"},
        {"metric": "queue-length", "max": "40", "for": "1m30s"},
    ]
    assert found.comment("threshold 4 counts failed checks of the whole canary") == "guards:"
    once = convert(CANARY.replace("threshold: 4", "threshold: 1"))
    assert not any("for" in one for one in once.spec["guards"])


def test_built_in_metrics_are_presets_of_what_flagger_read(convert: Converter) -> None:
    found = convert(CANARY.replace("gatewayapi:v1", "istio"))
    assert [one.get("preset") for one in found.spec["metrics"]] == ["istio/error-rate", "istio/latency", None]
    assert [one["window"] for one in found.spec["metrics"]] == ["1m", "2m", "1m"]
    found.comment("a success rate of at least 99.5 % is an error rate of at most 0.5 %")
    unknown = convert(CANARY)
    assert unknown.spec["metrics"][0]["preset"] == "http/error-rate"
    assert unknown.comment("see tidegate preset for what fits your metrics") == "- name: error-rate"


def test_a_templates_query_uses_the_variables_of_an_arm(convert: Converter) -> None:
    query = convert(CANARY).spec["metrics"][2]["query"]
    assert query == (
        'max(queue{ns="$namespace",pod=~"$workload-[0-9a-z]+-[0-9a-z]+",kind="orders"}) / max(size{svc="cart"})'
    )


def test_a_range_that_is_the_interval_is_the_window(convert: Converter) -> None:
    query = "query: sum(rate(errors[{{ interval }}]))"
    text = CANARY.replace("templateRef: {name: queue, namespace: metrics}", query).replace(
        "templateVariables: {kind: orders}", ""
    )
    metric = convert(text).spec["metrics"][2]
    assert (metric["query"], metric["window"]) == ("sum(rate(errors[$window]))", "1m")


@pytest.mark.parametrize(
    "words",
    [
        "autoscalerRef: give each Deployment an autoscaler",
        "webhook ask (confirm-promotion): no confirmation is asked for before the promotion",
        "webhook load (rollout): no load is generated",
    ],
)
def test_what_has_no_equal_is_said_at_the_top(words: str, convert: Converter) -> None:
    assert convert(CANARY).comment(words) == "apiVersion: tidegate.dev/v1alpha1"


def test_an_a_b_test_is_a_share_of_all(convert: Converter) -> None:
    rules = "iterations: 10\n    match: [{headers: {cookie: {exact: insider}}}]"
    found = convert(CANARY.replace("maxWeight: 45\n    stepWeight: 20", rules))
    assert [(one["weight"], one["duration"]) for one in found.spec["steps"]] == [(10, "5m")]
    assert found.comment("there are no rules for some users here") == "steps:"


def test_blue_green_has_users_on_it_while_it_is_evaluated(convert: Converter) -> None:
    found = convert(CANARY.replace("maxWeight: 45\n    stepWeight: 20", "iterations: 4"))
    assert [(one["weight"], one["duration"]) for one in found.spec["steps"]] == [(100, "2m")]
    assert found.comment("here users are on it while it is evaluated") == "steps:"


def test_other_routing_and_other_targets_are_to_be_dealt_with(convert: Converter) -> None:
    found = convert(CANARY.replace("gatewayapi:v1", "nginx").replace("kind: Deployment", "kind: DaemonSet"))
    assert found.comment("provider nginx routed the traffic") == "traffic:"
    assert found.comment("targetRef to a DaemonSet") == "candidate:"


def test_a_template_that_asks_something_else_is_left_out(convert: Converter) -> None:
    found = convert(CANARY.replace("type: prometheus", "type: graphite"))
    assert found.comment("metric queue length queries graphite") == "metrics:"
    assert len(found.spec["metrics"]) == 2
    missing = convert(CANARY.partition("---")[0])
    missing.comment("MetricTemplate queue is not among the files")
