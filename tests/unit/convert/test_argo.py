"""Rollouts of Argo Rollouts, with manifests of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.convert.converting import Converter
from tidegate.cli.main import main

ROUTED = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: basket, namespace: shop, labels: {team: basket}, annotations: {note: x}}
spec:
  replicas: 6
  progressDeadlineSeconds: 300
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: basket}
  strategy:
    canary:
      stableService: basket
      canaryService: basket-next
      trafficRouting:
        plugins:
          argoproj-labs/gatewayAPI: {httpRoute: basket, grpcRoutes: [{name: basket-rpc}], namespace: shop}
      analysis:
        templates: [{templateName: errors}]
        startingStep: 2
        args:
        - {name: service, value: basket-next.shop.svc}
      steps:
      - setWeight: 5
      - pause: {duration: 10m}
      - setWeight: 30
      - pause: {duration: 90}
      - analysis: {templates: [{templateName: latency, clusterScope: true}]}
      - setWeight: 60
      - pause: {}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: shop}
spec:
  args: [{name: service}, {name: code, value: 5..}]
  metrics:
  - name: Error Rate
    interval: 30s
    failureLimit: 3
    failureCondition: result[0] > 0.02
    provider:
      prometheus:
        address: http://prometheus.example:9090
        query: |
          sum(rate(hits{service="{{args.service}}",code=~"{{ args.code }}$"}[2m])) / sum(rate(hits{service="{{args.service}}"}[2m]))
---
apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: {name: latency}
spec:
  metrics:
  - name: p95
    interval: 1m
    count: 5
    initialDelay: 2m
    successCondition: len(result) == 0 || result[0] <= 0.25
    provider: {prometheus: {query: 'quantile(0.95, latency{app="basket"})'}}
"""

HOLDING = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: mail}
spec:
  replicas: 3
  minReadySeconds: 5
  selector: {matchLabels: {app: mail}}
  template:
    metadata: {labels: {app: mail}}
    spec: {containers: [{name: mail, image: "mail:1"}]}
  strategy:
    canary:
      maxSurge: 25%
      steps:
      - setCanaryScale: {replicas: 2}
      - setWeight: 50
      - experiment: {templates: []}
"""


def test_weights_with_their_pauses_and_analyses_are_steps(convert: Converter) -> None:
    found = convert(ROUTED)
    assert found.code == 0
    names = [(one["name"], one["weight"], one["duration"]) for one in found.spec["steps"]]
    assert names == [
        ("weight-5", 5, "10m"),
        ("weight-30", 30, "7m30s"),  # 90 s, and 2 m + 4 x 1 m of analysis
        ("weight-60", 60, "0s"),
        ("weight-100", 100, "0s"),
    ]


def test_services_routes_and_deployments_are_those_of_before(convert: Converter) -> None:
    found = convert(ROUTED)
    assert found.spec["baseline"] == {"deployment": "basket", "service": "basket"}
    assert found.spec["candidate"] == {"deployment": "basket-canary", "service": "basket-next"}
    assert found.spec["traffic"] == [
        {"kind": "HTTPRoute", "name": "basket"},
        {"kind": "GRPCRoute", "name": "basket-rpc"},
    ]
    assert found.spec["progressDeadline"] == "5m"
    assert found.objects[0]["metadata"] == {"name": "basket", "namespace": "shop", "labels": {"team": "basket"}}
    assert len(found.objects) == 1
    assert found.comment("scale Deployment basket up") == "baseline:"


def test_it_starts_paused_so_that_nothing_happens_before_it_was_read(convert: Converter) -> None:
    found = convert(ROUTED)
    assert found.spec["paused"] is True
    assert found.comment("set it to false once the comments are dealt with") == "paused: true"


def test_a_pause_without_end_is_a_gate_that_stays_closed(convert: Converter) -> None:
    found = convert(ROUTED)
    *before, last = found.spec["steps"]
    assert last["gate"] == {"after": "2099-01-01T00:00:00Z"}
    assert not any("gate" in one for one in before)
    assert found.comment("this gate stays closed until you take it out") == "gate:"


def test_an_analysis_beside_the_steps_is_guards_from_its_step_on(convert: Converter) -> None:
    found = convert(ROUTED)
    limit = {"metric": "error-rate", "max": "0.02", "for": "1m30s"}
    assert [one.get("guards") for one in found.spec["steps"]] == [None, [limit], [limit], [limit]]
    assert found.spec["interval"] == "30s"
    found.comment("failureLimit 3 of Error Rate counts failures in total")


def test_an_analysis_in_a_step_is_its_thresholds(convert: Converter) -> None:
    found = convert(ROUTED)
    assert [one.get("thresholds") for one in found.spec["steps"]] == [
        None,
        [{"metric": "p95", "max": "0.25"}],
        None,
        None,
    ]


def test_queries_use_the_variables_of_an_arm(convert: Converter) -> None:
    found = convert(ROUTED)
    latency, rate = found.spec["metrics"]
    assert rate["query"] == (
        'sum(rate(hits{service="$service.shop.svc",code=~"5..$$"}[$window])) / sum(rate(hits{service="$service.shop.svc"}[$window]))'
    )
    assert rate["window"] == "2m"
    assert latency["whenEmpty"] == "Zero", "an empty answer was a success"
    found.comment("the range is $window")
    found.comment("Argo queried http://prometheus.example:9090")


def test_a_rollout_that_holds_its_pods_becomes_two_deployments(convert: Converter) -> None:
    found = convert(HOLDING)
    assert found.code == 0
    _, baseline, candidate = found.objects
    for deployment, name, arm in ((baseline, "mail", "baseline"), (candidate, "mail-canary", "candidate")):
        assert deployment["metadata"]["name"] == name
        labels = {"app": "mail", "tidegate-arm": arm}
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        assert deployment["spec"]["template"]["metadata"]["labels"] == labels
        assert (deployment["spec"]["replicas"], deployment["spec"]["minReadySeconds"]) == (3, 5)
    found.comment("no Service was named: mail must select the pods of the baseline alone")
    found.comment("Argo shared the traffic by numbers of pods")


@pytest.mark.parametrize("words", ["setCanaryScale", "experiment: Tidegate starts no ReplicaSets", "maxSurge"])
def test_what_has_no_equal_is_said(words: str, convert: Converter) -> None:
    convert(HOLDING).comment(words)


def test_without_steps_there_is_one_to_be_chosen(convert: Converter) -> None:
    found = convert(HOLDING.partition("      steps:")[0])
    assert [one["weight"] for one in found.spec["steps"]] == [100]
    assert found.comment("these are to be chosen") == "steps:"


BLUE_GREEN = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: search}
spec:
  workloadRef: {kind: Deployment, name: search}
  strategy:
    blueGreen:
      activeService: search
      previewService: search-preview
      autoPromotionEnabled: false
      scaleDownDelaySeconds: 120
      prePromotionAnalysis: {templates: [{templateName: up}]}
      postPromotionAnalysis: {templates: [{templateName: up}]}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: up}
spec:
  metrics:
  - {name: up, count: 2, interval: 20s, successCondition: 'result[0] >= 1', provider: {prometheus: {query: 'min(up{app="search"})'}}}
  - {name: logs, provider: {datadog: {query: x}}}
"""


def test_blue_green_is_0_and_100(convert: Converter) -> None:
    found = convert(BLUE_GREEN)
    assert found.code == 0
    preview, switched = found.spec["steps"]
    assert (preview["weight"], switched["weight"]) == (0, 100)
    assert switched["gate"] == {"after": "2099-01-01T00:00:00Z"}
    assert switched["duration"] == "2m20s"
    assert switched["thresholds"] == [{"metric": "up", "min": "1"}]
    assert "thresholds" not in preview
    found.comment("at weight 0 the candidate has no requests")
    found.comment("metric logs queries datadog: only Prometheus is supported")
    found.comment("Argo switches the selector of a Service")


def test_a_template_that_was_not_given_is_missed(convert: Converter) -> None:
    found = convert(ROUTED.partition("---")[0])
    assert found.code == 0
    found.comment("AnalysisTemplate errors is not among the files")
    assert "metrics" not in found.spec


def test_an_argument_that_is_only_known_in_the_cluster_gives_no_data(convert: Converter) -> None:
    found = convert(
        ROUTED.replace("- {name: service, value: basket-next.shop.svc}", "- {name: service, valueFrom: {}}")
    )
    assert 'service="TODO-args-service"' in found.spec["metrics"][1]["query"]
    found.comment("'{{args.service}}' is not known here")


def test_a_condition_that_is_not_understood_is_left_to_a_person(convert: Converter) -> None:
    found = convert(ROUTED.replace("result[0] > 0.02", "result[0] * 2 > 0.02"))
    found.comment("the condition 'result[0] * 2 > 0.02' of Error Rate is not understood")


def test_a_dry_run_only_warns(convert: Converter) -> None:
    found = convert(ROUTED.replace("startingStep: 2", "dryRun: [{metricName: '*'}]"))
    assert found.spec["guards"] == [{"metric": "error-rate", "max": "0.02", "for": "1m30s", "onBreach": "Warn"}]


def test_templates_that_name_each_other_come_to_an_end(convert: Converter) -> None:
    text = BLUE_GREEN + "  templates: [{templateName: up}]\n"
    assert convert(text).code == 0


def test_more_steps_than_there_may_be_are_thinned_out(convert: Converter) -> None:
    steps = "".join(f"      - setWeight: {weight}\n      - pause: {{duration: 1m}}\n" for weight in range(1, 101))
    found = convert(HOLDING.partition("      - setCanaryScale")[0] + steps)
    weights = [one["weight"] for one in found.spec["steps"]]
    assert found.code == 0
    assert (len(weights), weights[0], weights[-1]) == (32, 1, 100)
    assert found.comment("there were 100 steps") == "steps:"


def test_a_result_that_is_not_valid_says_so(convert: Converter) -> None:
    found = convert(ROUTED.replace("name: basket, namespace", "name: BASKET, namespace"))
    assert found.code == 1
    assert "tidegate: Rollout BASKET: metadata.name: 'BASKET' is not a valid name" in found.said


def test_nothing_to_convert_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("{apiVersion: v1, kind: Service, metadata: {name: web}}\n")
    assert main(["convert", str(file)]) == 2
    assert "no Rollout of Argo Rollouts and no Canary of Flagger in it: Service (v1)" in capsys.readouterr().err


def test_it_can_be_written_to_a_file_and_linted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, made = tmp_path / "argo.yaml", tmp_path / "made.yaml"
    given.write_text(ROUTED)
    assert main(["convert", str(given), "--output", str(made)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("1 Rollout; comments: ")
    assert main(["lint", str(made)]) == 0
