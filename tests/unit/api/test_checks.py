from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.unit.api.manifests import BY_RULE, BY_SCHEMA, GONE, Bad, good
from tidegate.api.validation import Problem, Severity, advice, check_command, check_rollout
from tidegate.api.validation.promotions import OWN
from tidegate.api.values import promql
from tidegate.core.metrics import variables
from tidegate.core.model.template_fields import SCHEDULING


def problems(changes: dict[str, object]) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in check_rollout(good(changes))[1]]


def test_a_good_rollout_has_no_problems_and_no_advice() -> None:
    spec, found = check_rollout(good())
    assert found == []
    assert spec is not None
    assert [str(problem) for problem in advice(spec)] == []


def test_an_undo_without_a_deadline_is_warned_of() -> None:
    hook = {"name": "undo", "when": "Revert", "job": {"cronJob": "undo"}}
    spec, _ = check_rollout(good({"hooks": [hook]}))
    assert spec is not None
    (problem,) = advice(spec)
    assert (problem.path, problem.severity) == ("spec.hooks[0].job", Severity.WARNING)
    assert "the next run waits until the Job has ended" in problem.message


@pytest.mark.parametrize("bad", [*BY_RULE, *BY_SCHEMA], ids=lambda bad: bad.case)
def test_what_the_api_server_refuses_is_refused_here_and_the_field_is_named(bad: Bad) -> None:
    found = [message for path, message in problems(bad.changes) if path == bad.path]
    assert any(bad.words in message for message in found), problems(bad.changes)


_COHORT: dict[str, object] = {"kind": "HTTPRoute", "name": "web", "rules": ["beta"], "cohort": "beta"}
_BY_SHOP: dict[str, Any] = {
    "name": "by-shop",
    "ratio": {"bad": 'x_total{pod=~"$pods",code="500"}', "total": 'x_total{pod=~"$pods"}', "by": ["shop"]},
}
_ALL_SHOPS = {"name": "all", "ratio": {key: text for key, text in _BY_SHOP["ratio"].items() if key != "by"}}
_REGRESSION = {"margin": "20%", "floor": "0.1%"}
_SEGMENTED: dict[str, object] = {
    "metrics.2": _BY_SHOP,
    "metrics.3": _ALL_SHOPS,
    "guards.1": {"metric": "all", "regression": _REGRESSION},
    "guards.2": {"metric": "by-shop", "regression": _REGRESSION},
}
_SHADOW: dict[str, object] = {"name": "canary", "weight": 0, "mirror": {"percent": 10}}
_PODS: dict[str, object] = {"kind": "ReplicaRatio", "name": "web", "replicaRatio": {"total": 20}}
_BY_PODS: dict[str, object] = {"candidate.service": "web", "traffic.0": _PODS}
_BACKENDS: dict[str, object] = {"baseline": {"name": "a"}, "candidate": {"name": "b"}}

ONLY_HERE: tuple[tuple[str, dict[str, object], str, str], ...] = (
    ("a share of 1", {"guards.0.max": 1}, "spec.guards[0].max", "is more than 100% of a ratio"),
    ("a time on a share", {"guards.0.max": "200ms"}, "spec.guards[0].max", "write a share such as '1%' or '0.01'"),
    ("a share on a time", {"steps.1.guards.0.max": "5%"}, "spec.steps[1].guards[0].max", "write a time such as"),
    ("a floor in another unit", {"thresholds.0.floor": "5%"}, "spec.thresholds[0].floor", "write a time such as"),
    ("a share above all", {"guards.0.max": "100%"}, "spec.guards[0].max", "never exceeded by a share of requests"),
    ("a fall below nothing", {"thresholds.0": {"metric": "latency", "maxDecrease": "100%"}}, "spec.thresholds[0].maxDecrease", "no value can fall by 100%"),
    ("a checkpoint after the end", {"steps.0.checkpoints.0.at": "2h"}, "spec.steps[0].checkpoints[0].at", "after the end of the step, whose duration is 1h"),
    ("a series that ends after the end", {"steps.0.checkpoints.1.until": "2h"}, "spec.steps[0].checkpoints[1].until", "after the end of the step"),
    ("checkpoints out of order", {"steps.0.checkpoints": [{"at": "20m"}, {"at": "10m"}]}, "spec.steps[0].checkpoints[1].at", "must come after the entry before it"),
    ("a checkpoint behind an open series", {"steps.0.checkpoints": [{"every": "10m"}, {"at": "30m"}]}, "spec.steps[0].checkpoints[1].at", "must come after"),
    ("checkpoints without a duration", {"steps.0.duration": GONE}, "spec.steps[0].checkpoints", "without a 'duration' is evaluated once"),
    ("too many checkpoints", {"steps.1.checkpoints": [{"every": "1s"}]}, "spec.steps[1].checkpoints", "are 86400 in total; at most 20000 are allowed"),
    ("an unknown variable", {"metrics.1.query": 'max(x{pod=~"$pod"})'}, "spec.metrics[1].query", "there is no variable $pod: there are $namespace"),
    ("an unclosed query", {"metrics.1.query": 'max(x{pod=~"$pods"}'}, "spec.metrics[1].query", "is not valid PromQL: unclosed left parenthesis"),
    ("an unknown function", {"metrics.1.query": 'maxi(x{pod=~"$pods"})'}, "spec.metrics[1].query", "unknown function"),
    ("a range as an answer", {"metrics.1.query": 'x{pod=~"$pods"}[$window]'}, "spec.metrics[1].query", "must return a scalar or an instant vector"),
    ("a range in parentheses", {"metrics.1.query": '((x{pod=~"$pods"}[5m:1m]))'}, "spec.metrics[1].query", "must return a scalar or an instant vector"),
    ("an offset in a ratio", {"metrics.0.ratio.bad": "x_total offset 5m"}, "spec.metrics[0].ratio.bad", "without range, offset or functions"),
    ("a quotient in a ratio", {"metrics.0.ratio.bad": "x_total / y_total"}, "spec.metrics[0].ratio.bad", "must be a plain selector"),
    ("a comment in a ratio", {"metrics.0.ratio.bad": "x_total # errors"}, "spec.metrics[0].ratio.bad", "must have no comment"),
    ("the same query for both arms", {"metrics.1.query": "max(x)"}, "spec.metrics[1].query", "must use $workload, $service or $pods"),
    ("an entry beside another without rules", {"traffic.0": {"kind": "HTTPRoute", "name": "web"}, "traffic.1": _COHORT}, "spec.traffic[0].rules", "HTTPRoute/web has 2 entries, so each must name its 'rules'"),
    ("a rule in two entries", {"traffic.1": {**_COHORT, "rules": ["everyone"]}}, "spec.traffic[1].rules[0]", "rule 'everyone' of HTTPRoute/web belongs to spec.traffic[0]"),
    ("entries with other backends", {"traffic.1": {**_COHORT, "backends": _BACKENDS}}, "spec.traffic[1].backends", "must name the same backends as spec.traffic[0]"),
    ("pods that a breach would scale", {**_BY_PODS, "guards.0.onBreach": "Scale", "guards.0.scale": {"by": 1, "max": 9}}, "spec.guards[0].onBreach", "those are its weight"),
    ("a weight that leaves too few pods", {**_BY_PODS, "baseline.minAvailable": 4}, "spec.steps[1].weight", "leaves the baseline 1 of 20 pods, and baseline.minAvailable asks for 4"),
    ("a cohort taken back alone by pods", {"traffic.1": {**_COHORT, "revert": "ScaleToZero"}, "guards.0.cohort": "beta", "guards.0.scope": "Cohort"}, "spec.guards[0].scope", "a cohort cannot be reverted alone"),
    ("a share of a cohort that traffic has not", {"traffic.1": _COHORT, "candidate.scaling": {"mode": "MatchWeight", "cohortShares": {"staff": 5}}}, "spec.candidate.scaling.cohortShares.staff", "there is no cohort 'staff': spec.traffic has beta"),
    ("shares of more than all requests", {"traffic.1": _COHORT, "traffic.2": {**_COHORT, "cohort": "staff", "rules": ["staff"]}, "candidate.scaling": {"mode": "MatchWeight", "cohortShares": {"beta": 60, "staff": 41}}}, "spec.candidate.scaling.cohortShares", "are more than 100% together"),
    ("a weight for nobody", {"traffic.0": _COHORT}, "spec.steps[0].weight", "every entry of spec.traffic is a cohort"),
    ("a query for a cohort without one", {"metrics.1.query": 'max(x{pod=~"$pods",circle="$cohort"})'}, "spec.steps[1].guards[0].cohort", "metric 'latency' uses $cohort: say which"),
    ("a cohort of a step's guard that there is not", {"steps.1.guards.0.cohort": "staff"}, "spec.steps[1].guards[0].cohort", "there is no cohort 'staff'"),
    ("two lines that say the same", {"guards.1": {"metric": "errors", "max": "5%"}}, "spec.guards[1]", "is a duplicate of spec.guards[0] ('errors max 5%')"),
    ("a step's line that says the same", {"steps.1.guards.0": {"metric": "errors", "max": "5%"}}, "spec.steps[1].guards[0]", "is a duplicate of spec.guards[0]"),
    ("a name that another line has", {"guards.1": {"name": "errors max 5%", "metric": "latency", "max": "1s"}}, "spec.guards[1]", "is a duplicate of"),
    ("a test on a query", {"thresholds.0": {"metric": "latency", "regression": {}}}, "spec.thresholds[0].regression", "metric 'latency' must be a 'ratio'"),
    ("a test of no confidence", {"guards.0": {"metric": "errors", "regression": {"confidence": "10%"}}}, "spec.guards[0].regression.confidence", "write 50% to 99.999%"),
    ("a test against nothing", {"guards.0": {"metric": "errors", "regression": {"limit": "0%"}}}, "spec.guards[0].regression.limit", "write more than 0%"),
    ("a test against a time", {"guards.0": {"metric": "errors", "regression": {"limit": "5s"}}}, "spec.guards[0].regression.limit", "write a share such as"),
    ("a test that asks the same of both arms", {"metrics.0.ratio.total": "x_total", "guards.0": {"metric": "errors", "regression": {"limit": "5%"}}}, "spec.metrics[0].ratio.total", "must use $workload"),
    ("slower than a share", {"metrics.0.ratio": {"histogram": "x_seconds", "slowerThan": "5%"}}, "spec.metrics[0].ratio.slowerThan", "write a bucket's bound such as '250ms'"),
    ("slower than nothing", {"metrics.0.ratio": {"histogram": "x_seconds", "slowerThan": 0}}, "spec.metrics[0].ratio.slowerThan", "write a bucket's bound"),
    ("a histogram's buckets", {"metrics.0.ratio": {"histogram": "x_seconds_bucket", "slowerThan": "1s"}}, "spec.metrics[0].ratio.histogram", "without _bucket: the operator adds that"),
    ("a histogram without a name", {"metrics.0.ratio": {"histogram": '{job="x"}', "slowerThan": "1s"}}, "spec.metrics[0].ratio.histogram", "must begin with the histogram's name"),
    ("a hook in a step that there is not", {"hooks": [{"name": "x", "when": "StepEnd", "steps": ["ramp"], "job": {"cronJob": "x"}}]}, "spec.hooks[0].steps[0]", "'ramp' is not a step of this Rollout; there are canary, everyone"),
    ("two hooks of one name", {"hooks": [{"name": "x", "when": "End", "job": {"cronJob": "x"}}, {"name": "x", "when": "End", "job": {"cronJob": "y"}}]}, "spec.hooks[1].name", "hook 'x' is a duplicate of entry"),
    ("a job twice in a gate", {"steps.1.gate.jobs": [{"cronJob": "x"}, {"cronJob": "x"}]}, "spec.steps[1].gate.jobs[1].cronJob", "CronJob 'x' is a duplicate of entry"),
    ("a CronJob that none can be called", {"steps.1.gate.jobs": [{"cronJob": "Smoke Test"}]}, "spec.steps[1].gate.jobs[0].cronJob", ""),
    ("nine tests", {"guards": [{"name": f"t{n}", "metric": "errors", "regression": {}} for n in range(9)]}, "spec.guards[8]", "at most 8 are allowed"),
    ("a misspelt field", {"guards.0.onbreach": "Hold"}, "spec.guards[0].onbreach", "is not a known field; did you mean 'onBreach'?"),
    ("a field in the models' own spelling", {"guards.0.on_breach": "Hold"}, "spec.guards[0].on_breach", "did you mean 'onBreach'?"),
    ("an instant without a zone", {"steps.1.gate.after": "2026-11-21T14:00:00"}, "spec.steps[1].gate.after", "must have a time zone"),
    ("an instant in seconds", {"steps.1.gate.after": "1795269600"}, "spec.steps[1].gate.after", "is not a valid timestamp; write it like"),
    ("an instant without seconds", {"steps.1.gate.after": "2026-11-21T14:00Z"}, "spec.steps[1].gate.after", "is not a valid timestamp; write it like"),
    ("a 13th month", {"steps.1.gate.after": "2026-13-21T14:00:00Z"}, "spec.steps[1].gate.after", "is not a valid timestamp; write it like"),
    ("a list for an instant", {"steps.1.gate.after": []}, "spec.steps[1].gate.after", "must be an instant such as"),
    ("a list for an object", {"baseline": []}, "spec.baseline", "must be an object with fields"),
    ("an object for a list", {"steps": {}}, "spec.steps", "must be a list"),
)  # fmt: skip


@pytest.mark.parametrize(("case", "changes", "path", "words"), ONLY_HERE, ids=[case for case, *_ in ONLY_HERE])
def test_what_only_a_check_can_see_is_said_with_its_field(
    case: str, changes: dict[str, object], path: str, words: str
) -> None:
    found = [message for where, message in problems(changes) if where == path]
    assert any(words in message for message in found), (case, problems(changes))


FINE: tuple[tuple[str, dict[str, object]], ...] = (
    ("null means not given", {"interval": None, "guards.0.floor": None}),
    ("a checkpoint at the very end", {"steps.0.checkpoints.0.at": "1h", "steps.0.checkpoints.1": {"at": "59m"}, "steps.0.checkpoints": [{"at": "1h"}]}),
    ("the same limit as a guard and as a threshold", {"steps.1.thresholds.0": {"metric": "errors", "max": "5%"}}),
    ("the same line in two steps", {"steps.0.thresholds": [{"metric": "errors", "max": "1%"}]}),
    ("two tiers with names", {"guards.1": {"name": "soon", "metric": "errors", "max": "5%", "onBreach": "Warn"}}),
    ("pods as weights", _BY_PODS),
    ("a dollar sign", {"metrics.1.query": 'max(x{pod=~"$pods",path="$$a"})'}),
    ("a regex that ends with a dollar", {"metrics.0.ratio.bad": 'x_total{pod=~"$pods",code=~"5..$"}'}),
    ("parentheses and brackets in a label", {"metrics.0.ratio.bad": 'x_total{pod=~"$pods",code=~"(4|5)[0-9]."}'}),
    ("a raw string with a backslash", {"metrics.1.query": 'max(x{pod=~"$pods",path=~`/a/\\d+"`})'}),
    ("a scalar", {"metrics.1.query": 'scalar(max(x{pod=~"$pods"}))'}),
    ("a variable in braces", {"metrics.1.query": 'max_over_time(x{pod=~"${pods}"}[${window}])'}),
    ("an instant elsewhere", {"steps.1.gate.after": "2026-11-21t14:00:00.123456789+02:00"}),
    ("a window of 1000 ms", {"metrics.0.window": "1000ms", "interval": "1s"}),
    ("a step that mirrors", {"steps.0": _SHADOW}),
    ("two steps that mirror, and one between", {"steps": [_SHADOW, {"name": "pause", "weight": 0}, {**_SHADOW, "name": "more", "mirror": {"percent": 100}}, {"name": "end", "weight": 100}]}),
    ("a step that mirrors beside a cohort at 0", {"traffic.1": _COHORT, "steps.0": {**_SHADOW, "cohorts": {"beta": 0}}}),
    ("a step without a duration", {"steps.0.duration": GONE, "steps.0.checkpoints": GONE}),
)  # fmt: skip


@pytest.mark.parametrize(("case", "changes"), FINE, ids=[case for case, _ in FINE])
def test_what_is_right_is_left_alone(case: str, changes: dict[str, object]) -> None:
    assert problems(changes) == [], case


ADVICE: tuple[tuple[str, dict[str, object], str, str], ...] = (
    ("a fixed range", {"metrics.1.query": 'max_over_time(x{pod=~"$pods"}[5m])'}, "spec.metrics[1].query", "write [$window]"),
    ("a guess at pods", {"metrics.1.query": 'max(x{pod=~"$workload-.*"})'}, "spec.metrics[1].query", 'write pod=~"$pods"'),
    ("a metric nobody uses", {"metrics.2": {"name": "idle", "query": "up"}}, "spec.metrics[2].name", "no threshold or guard uses 'idle'"),
    ("a window shorter than two intervals", {"metrics.0.window": "59s"}, "spec.metrics[0].window", "is short for an interval of 30s"),
    ("a for shorter than the interval", {"guards.0.for": "10s"}, "spec.guards[0].for", "is shorter than the interval, 30s"),
    ("nothing that can send all traffic back", {"guards": GONE, "steps.1.guards": GONE, "steps.1.thresholds": GONE, "thresholds.1": {"metric": "errors", "max": "1%", "onBreach": "Warn"}}, "spec.steps[1]", "nothing can send traffic back"),
    ("a cohort that a query does not ask for", {"traffic.1": _COHORT, "guards.0.cohort": "beta", "steps.0.cohorts": {"beta": 50}}, "spec.guards[0].cohort", "metric 'errors' does not use $cohort"),
    ("a line of a cohort at 0", {"traffic.1": _COHORT, "steps.1.guards.0.cohort": "beta"}, "spec.steps[1].guards[0]", "is never evaluated: cohort beta has weight 0 in this step"),
    ("a cohort by its position", {"traffic.1": {**_COHORT, "rules": ["#1"]}}, "spec.traffic[1].rules[0]", "is a position: a rule inserted before it becomes the cohort"),
    ("a step back that leaves sessions", {"traffic.0.revert": "ScaleToZero", "guards.0.onBreach": "StepBack", "guards.0.stepBack": {"weight": 1}}, "spec.guards[0].onBreach", "keeps the candidate's pods"),
    ("a cohort whose pods are not counted", {"traffic.1": _COHORT, "candidate.scaling": {"mode": "MatchWeight"}}, "spec.candidate.scaling.mode", "counts no pods for cohort beta"),
    ("a step that has the pods of the one before", {**_BY_PODS, "steps.1.weight": 9}, "spec.steps[1].weight", "gives the candidate as many pods as the 5 of the step before: 1 of 20 pods = 5%, asked 9%: 2 of 20 pods = 10% would exceed it"),
    ("the one Service of both arms", {**_BY_PODS, "metrics.1.query": 'max(x{service="$service"})'}, "spec.metrics[1].query", "both have the same"),
    ("less weight than before", {"steps.0.weight": 100, "steps.1.weight": 50}, "spec.steps[1].weight", "is less than the 100 of the step before"),
    ("a line in a step without traffic", {"steps.0.weight": 0, "steps.0.guards": [{"metric": "errors", "max": "1%"}]}, "spec.steps[0].guards[0]", "no traffic at weight 0"),
    ("a comparison with a baseline without traffic", {"steps.1.guards.0": {"metric": "latency", "maxIncrease": "10%", "floor": "1ms"}}, "spec.steps[1].guards[0]", "at weight 100 the baseline has no traffic"),
    ("lines and never any traffic", {"steps.0.weight": 0, "steps.1.weight": 0}, "spec.guards[0]", "no step gives the candidate traffic"),
    ("a test on counts of mirrored requests", {"steps.0": {**_SHADOW, "guards": [{"metric": "errors", "regression": {"floor": "1%"}}]}}, "spec.steps[0].guards[0]", "is never evaluated: tests on counts count no mirrored requests"),
    ("mirrored requests and nothing to judge", {"steps.0": _SHADOW, "guards": GONE, "thresholds": GONE}, "spec.steps[0].mirror", "has nothing to evaluate"),
    ("segments counted together", _SEGMENTED, "spec.guards[1].metric", "counts the segments of 'by-shop' together"),
    ("checkpoints and nothing to judge", {"thresholds": GONE}, "spec.steps[0].checkpoints", "have nothing to evaluate"),
)  # fmt: skip


@pytest.mark.parametrize(("case", "changes", "path", "words"), ADVICE, ids=[case for case, *_ in ADVICE])
def test_what_was_probably_not_meant_is_a_warning(case: str, changes: dict[str, object], path: str, words: str) -> None:
    spec, found = check_rollout(good(changes))
    assert (spec is not None, found) == (True, []), case
    given = [problem for problem in advice(spec) if spec is not None] if spec else []
    assert [one for one in given if one.path == path and words in one.message], [str(one) for one in given]
    assert {one.severity for one in given if one.path == path and words in one.message} == {Severity.WARNING}


@pytest.mark.parametrize(
    "changes",
    [
        {"guards.1": {"metric": "all", "regression": {"limit": "1%"}}},
        {"guards.1": {"metric": "all", "max": "20%", "for": "2m"}},
        {
            "metrics.3": {
                "name": "all",
                "ratio": {"bad": 'y_total{pod=~"$pods",code="500"}', "total": 'y_total{pod=~"$pods"}'},
            }
        },
    ],
)
def test_a_limit_of_its_own_and_other_counters_pool_no_segments(changes: dict[str, object]) -> None:
    spec, found = check_rollout(good(_SEGMENTED | changes))
    assert (spec is not None, found) == (True, [])
    assert spec is not None
    assert not [one for one in advice(spec) if "together" in one.message]


def test_a_ramp_that_ends_below_100_is_no_matter_but_good_to_know() -> None:
    spec, _ = check_rollout(good({"steps.1.weight": 50}))
    assert spec is not None
    (found,) = advice(spec)
    assert (found.path, found.severity) == ("spec.steps[1].weight", Severity.NOTICE)
    assert "leaves 50% of the traffic to the baseline" in found.message


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nodeSelector", "never promoted"),
        ("labels", "never promoted"),
        ("serviceAcountName", "not a field of a pod template"),
        ("containers[app].resource", "not a field of a container"),
        ("containers[app].image", "neither a release nor promoted"),
        ("containers", "neither a release nor promoted"),
        ("containers[app].env[TRACK]", ""),
        ("containers[app]", ""),
        ("annotations.nodeSelector", ""),
        ("volumes[cache]", ""),
        ("serviceAccountName", ""),
    ],
)
def test_an_exclusion_that_does_nothing_or_too_much_is_a_warning(path: str, words: str) -> None:
    spec, found = check_rollout(good({"promotion": {"strategy": "CopyTemplate", "exclude": [path]}}))
    assert spec is not None, found
    messages = [one.message for one in advice(spec) if one.path == "spec.promotion.exclude[0]"]
    assert (words in messages[0]) if words else not messages


def test_the_fields_that_are_never_promoted_are_those_of_the_core() -> None:
    assert SCHEDULING | {"labels"} == OWN


def test_a_spec_of_more_than_32_kib_is_too_much_to_remember() -> None:
    long = {f"metrics.{number}": {"name": f"m{number}", "query": "x" * 4000} for number in range(2, 12)}
    assert [path for path, message in problems(long) if "at most 32768 fit" in message] == ["spec"]


def test_a_name_no_command_could_use_is_refused() -> None:
    manifest = good() | {"metadata": {"name": "w" * 64}}
    assert [problem.path for problem in check_rollout(manifest)[1]] == ["metadata.name"]


def test_a_manifest_without_a_spec_says_what_is_required() -> None:
    spec, found = check_rollout({"kind": "Rollout"})
    assert spec is None
    assert Problem(("spec", "baseline"), "is required") in found


@pytest.mark.parametrize("spec", [None, [], "text", 3])
def test_a_spec_that_is_no_object_is_a_problem_and_no_crash(spec: Any) -> None:  # noqa: ANN401
    assert check_rollout({"spec": spec})[1] != []


def test_what_the_server_has_filled_in_is_no_problem() -> None:
    spec, _ = check_rollout(good())
    assert spec is not None
    stored = json.loads(spec.model_dump_json(by_alias=True))
    assert check_rollout(good() | {"spec": stored}) == (spec, [])


def test_a_command_is_checked_too() -> None:
    assert check_command({"spec": {"rollout": "web", "action": "Abort"}})[1] == []
    found = check_command({"spec": {"rollout": "web", "action": "abort"}})[1]
    assert [str(problem) for problem in found] == [
        "spec.action: 'abort' is not known; write 'Abort', 'Pause', 'Resume', 'Retry', 'Approve', 'Reject', 'Advance' or 'Promote'"
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"action": "Approve", "step": "all", "name": "finance"}, []),
        ({"action": "Reject", "step": "all", "name": "finance"}, ["spec.reason: 'Reject' needs a 'reason'"]),
        ({"action": "Approve", "step": "all"}, ["spec.action: 'step' and 'name' are required with 'Approve' and 'Reject', and not allowed otherwise"]),
        ({"action": "Abort", "name": "finance"}, ["spec.action: 'step' and 'name' are required with 'Approve' and 'Reject', and not allowed otherwise"]),
    ],
)  # fmt: skip
def test_an_approval_names_its_step(spec: dict[str, str], words: list[str]) -> None:
    assert [str(one) for one in check_command({"spec": {"rollout": "web", **spec}})[1]] == words


def test_the_variables_checked_are_those_the_core_fills_in() -> None:
    assert promql.VARIABLES == variables.VARIABLES


def test_a_check_costs_the_operator_little() -> None:
    manifest = good()
    check_rollout(manifest)
    began = time.thread_time()  # of the processor: a busy machine takes no more of it
    for _ in range(20):
        check_rollout(manifest)
    assert (time.thread_time() - began) / 20 < 0.05  # it is 1 ms
