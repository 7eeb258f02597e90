"""A good Rollout, and every way to spoil it that somebody must refuse."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
GONE = object()
"""As a change: the field is taken away."""

_COUNTER = 'http_requests_total{pod=~"$pods"}'
_GOOD: Object = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "web"},
    "spec": {
        "baseline": {"deployment": "web", "service": "web"},
        "candidate": {"deployment": "web-canary", "service": "web-canary"},
        "traffic": [{"kind": "HTTPRoute", "name": "web", "rules": ["everyone"]}],
        "metrics": [
            {"name": "errors", "ratio": {"bad": 'http_requests_total{pod=~"$pods",code=~"5.."}', "total": _COUNTER}},
            {"name": "latency", "query": 'max(latency_seconds{pod=~"$pods"})', "unit": "seconds"},
        ],
        "guards": [{"metric": "errors", "max": "5%", "for": "5m"}],
        "thresholds": [{"metric": "latency", "maxIncrease": "20%", "floor": "100ms"}],
        "steps": [
            {"name": "canary", "weight": 5, "duration": "1h", "checkpoints": [{"at": "10m"}, {"every": "20m"}]},
            {
                "name": "everyone",
                "weight": 100,
                "duration": "1d",
                "gate": {"sinceStep": {"step": "canary", "elapsed": "1d"}},
                "thresholds": [{"metric": "errors", "max": "1%"}],
                "guards": [{"metric": "latency", "max": "250ms"}],
            },
        ],
        "promotion": {"strategy": "CopyTemplate"},
    },
}


def good(changes: dict[str, object] | None = None) -> Object:
    """A good Rollout with changes, by dotted path from `spec`, such as `steps.0.weight`."""
    manifest = copy.deepcopy(_GOOD)
    for path, value in (changes or {}).items():
        change(manifest["spec"], path.split("."), value)
    return manifest


def change(spec: Object, path: list[str], value: object) -> None:
    """Changes one field of a part of a manifest, by the way to it."""
    place: Any = spec
    for part in path[:-1]:
        place = place[int(part)] if isinstance(place, list) else place[part]
    last: Any = int(path[-1]) if isinstance(place, list) else path[-1]
    if value is GONE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value


_HOOK: Object = {"name": "undo", "when": "Revert", "job": {"cronJob": "undo"}}


@dataclass(frozen=True)
class Bad:
    """A spoilt Rollout: what was changed, which field is to be named, and in which words."""

    case: str
    changes: dict[str, object]
    path: str
    words: str
    server_path: str = ""
    """Where the API server sees it, if elsewhere."""
    server_words: str = ""
    """What it says, if in other words."""


# fmt: off
_ARMS: Object = {"baseline": {"name": "web"}, "candidate": {"name": "web-canary"}}
_CUSTOM: Object = {"group": "serving.knative.dev", "kind": "Service", "baseline": "/spec/a", "candidate": "/spec/b"}
_MIRROR: Object = {"percent": 10}
_SHADOW: Object = {"name": "canary", "weight": 0, "mirror": _MIRROR}
_FIRST = "a step with 'mirror' must come before every step with a weight above 0"
_NEEDS = "'mirror' in 'steps' needs entries of 'traffic' without 'cohort', all of them of a kind that can mirror"
_COHORT: Object = {"kind": "HTTPRoute", "name": "web", "rules": ["beta"], "cohort": "beta"}
_PODS: Object = {"kind": "ReplicaRatio", "name": "web", "replicaRatio": {"total": 20}}
_BY_PODS: Object = {"candidate.service": "web", "traffic.0": _PODS}
_METRIC: Object = {"name": "extra", "query": "up"}

BY_RULE = (
    Bad("a metric without a query", {"metrics.2": {"name": "none"}}, "spec.metrics[2]", "give exactly one of 'query', 'ratio', 'average', 'preset' and 'template'"),
    Bad("a metric with both", {"metrics.0.query": "up"}, "spec.metrics[0]", "give exactly one of 'query', 'ratio', 'average', 'preset' and 'template'"),
    Bad("a metric with a query and a preset", {"metrics.1.preset": "http/latency"}, "spec.metrics[1]", "give exactly one of 'query', 'ratio', 'average', 'preset' and 'template'"),
    Bad("a metric with a query and a template", {"metrics.1.template": {"name": "latency"}}, "spec.metrics[1]", "give exactly one of 'query', 'ratio', 'average', 'preset' and 'template'"),
    Bad("parameters without a preset", {"metrics.1.parameters": {"quantile": "0.9"}}, "spec.metrics[1].parameters", "'parameters' is only allowed with 'preset' and 'template'"),
    Bad("images matched where the version is copied", {"promotion": {"strategy": "CopyTemplate", "match": "Images"}}, "spec.promotion.match", "'match: Images' is only allowed with 'strategy: AwaitBaseline'"),
    Bad("a ratio in seconds", {"metrics.0.unit": "seconds"}, "spec.metrics[0].unit", "a ratio metric has unit ratio"),
    Bad("a query with a least number of requests", {"metrics.1.minimumRequests": 5}, "spec.metrics[1].minimumRequests", "'minimumRequests' is only allowed with 'ratio'"),
    Bad("requests beside a ratio", {"metrics.0.requests": "up"}, "spec.metrics[0].requests", "'requests' is only allowed with 'query'"),
    Bad("an increase without a floor", {"thresholds.0.floor": GONE}, "spec.thresholds[0].maxIncrease", "'maxIncrease' needs a 'floor'"),
    Bad("a ratio that is zero when empty", {"metrics.0.whenEmpty": "Zero"}, "spec.metrics[0].whenEmpty", "'whenEmpty' is only allowed with 'query'"),
    Bad("a window of half a second", {"metrics.0.window": "500ms"}, "spec.metrics[0].window", "'window' must be at least 1s"),
    Bad("a window of no days and 999 ms", {"metrics.0.window": "0d999ms"}, "spec.metrics[0].window", "'window' must be at least 1s"),
    Bad("a range in a ratio", {"metrics.0.ratio.bad": "x_total[5m]"}, "spec.metrics[0].ratio.bad", "must be a plain selector of a counter"),
    Bad("a function in a ratio", {"metrics.0.ratio.total": "rate(x_total[5m])"}, "spec.metrics[0].ratio.total", "must be a plain selector of a counter"),
    Bad("half a ratio", {"metrics.0.ratio.total": GONE}, "spec.metrics[0].ratio", "give 'bad' and 'total', or 'histogram' and 'slowerThan'"),
    Bad("a ratio of two kinds", {"metrics.0.ratio.slowerThan": "250ms"}, "spec.metrics[0].ratio", "give 'bad' and 'total', or 'histogram' and 'slowerThan'"),
    Bad("native counters", {"metrics.0.ratio.native": True}, "spec.metrics[0].ratio.native", "'native' is only allowed with 'histogram'"),
    Bad("a range in a histogram", {"metrics.0.ratio": {"histogram": "x_seconds[5m]", "slowerThan": "250ms"}}, "spec.metrics[0].ratio.histogram", "must be a plain selector of a"),
    Bad("half an average", {"metrics.2": {"name": "time", "average": {"sum": "x_sum"}}}, "spec.metrics[2].average", "give 'sum' and 'count', or 'histogram'"),
    Bad("native sums", {"metrics.2": {"name": "time", "average": {"sum": "x_sum", "count": "x_count", "native": True}}}, "spec.metrics[2].average.native", "'native' is only allowed with 'histogram'"),
    Bad("a range in an average", {"metrics.2": {"name": "time", "average": {"sum": "x_sum[5m]", "count": "x_count"}}}, "spec.metrics[2].average.sum", "must be a plain selector of a counter"),
    Bad("a function in an average", {"metrics.2": {"name": "time", "average": {"sum": "x_sum", "count": "rate(x_count[5m])"}}}, "spec.metrics[2].average.count", "must be a plain selector of a counter"),
    Bad("a histogram with a range in an average", {"metrics.2": {"name": "time", "average": {"histogram": "x[5m]"}}}, "spec.metrics[2].average.histogram", "must be a plain selector of a"),
    Bad("an average that is zero when empty", {"metrics.2": {"name": "time", "average": {"histogram": "x"}, "whenEmpty": "Zero"}}, "spec.metrics[2].whenEmpty", "'whenEmpty' is only allowed with 'query'"),
    Bad("a token for a service of apprise", {"notifications": [{"secret": {"name": "chat", "tokenKey": "token"}}]}, "spec.notifications[0].secret.tokenKey", "tokenKey is for kind CloudEvents"),
    Bad("a line without a limit", {"guards.0.max": GONE}, "spec.guards[0]", "give exactly one of"),
    Bad("a line with two limits", {"guards.0.min": "1%"}, "spec.guards[0]", "write an entry for each limit"),
    Bad("a floor without a comparison", {"guards.0.floor": "1%"}, "spec.guards[0].floor", "'floor' is only allowed with 'maxIncrease'"),
    Bad("a floor beside a limit", {"guards.0.max": GONE, "guards.0.regression": {"floor": "1%", "limit": "1%"}}, "spec.guards[0].regression.floor", "'floor' is for a comparison with the baseline"),
    Bad("a margin beside a limit", {"guards.0.max": GONE, "guards.0.regression": {"margin": "5%", "limit": "1%"}}, "spec.guards[0].regression.margin", "'margin' is for a comparison with the baseline"),
    Bad("a split that reverts", {"guards.0.max": GONE, "guards.0.split": {}}, "spec.guards[0].onBreach", "a revert does not fix routing"),
    Bad("a job without its response", {"guards.0.job": {"cronJob": "tidy"}}, "spec.guards[0].job", "'job' is required with 'onBreach: RunJob'"),
    Bad("a response without its job", {"guards.0.onBreach": "RunJob"}, "spec.guards[0].job", "'job' is required with 'onBreach: RunJob'"),
    Bad("a cooldown of nothing", {"guards.0.onBreach": "RunJob", "guards.0.job": {"cronJob": "tidy", "cooldown": "0s"}}, "spec.guards[0].job.cooldown", "'cooldown' must be at least 1s"),
    Bad("a scale without its response", {"guards.0.scale": {"by": 1, "max": 5}}, "spec.guards[0].scale", "'scale' is required with 'onBreach: Scale'"),
    Bad("a response without its scale", {"guards.0.onBreach": "Scale"}, "spec.guards[0].scale", "'scale' is required with 'onBreach: Scale'"),
    Bad("a scaling at every moment", {"guards.0.onBreach": "Scale", "guards.0.scale": {"by": "50%", "max": 5, "cooldown": "0s"}}, "spec.guards[0].scale.cooldown", "'cooldown' must be at least 1s"),
    Bad("a fixed size without a number", {"candidate.scaling": {"mode": "Fixed"}}, "spec.candidate.scaling.replicas", "'replicas' is required with 'mode: Fixed'"),
    Bad("a number for no fixed size", {"candidate.scaling": {"replicas": 3}}, "spec.candidate.scaling.replicas", "'replicas' is required with 'mode: Fixed'"),
    Bad("bounds of no match", {"candidate.scaling": {"min": 3}}, "spec.candidate.scaling.mode", "'min', 'max' and 'cohortShares' are only allowed with 'mode: MatchWeight'"),
    Bad("bounds the wrong way round", {"candidate.scaling": {"mode": "MatchWeight", "min": 3, "max": 2}}, "spec.candidate.scaling.min", "'min' must not be more than 'max'"),
    Bad("a deadline of half a second", {"hooks": [{**_HOOK, "job": {"cronJob": "undo", "deadline": "500ms"}}]}, "spec.hooks[0].job.deadline", "'deadline' must be at least 1s"),
    Bad("steps of a hook after the run", {"hooks": [{**_HOOK, "steps": ["canary"]}]}, "spec.hooks[0].steps", "'steps' is only allowed with 'when: StepStart'"),
    Bad("a failure after the run that reverts", {"hooks": [{**_HOOK, "onFailure": "Revert"}]}, "spec.hooks[0].onFailure", "'onFailure' is for hooks during the run"),
    Bad("a restart without a hold", {"steps.1.thresholds.0.afterHold": "Restart"}, "spec.steps[1].thresholds[0].afterHold", "'afterHold' is only allowed with 'onBreach: Hold'"),
    Bad("a check by two limits", {"steps.1.gate.checks": [{"metric": "errors", "max": 1, "min": 0}]}, "spec.steps[1].gate.checks[0]", "give either 'max' or 'min'"),
    Bad("a step back without a goal", {"guards.0.onBreach": "StepBack"}, "spec.guards[0].stepBack", "'stepBack' is required with"),
    Bad("a goal without a step back", {"guards.0.stepBack": {"weight": 5}}, "spec.guards[0].stepBack", "'stepBack' is required with 'onBreach: StepBack'"),
    Bad("a step back to two goals", {"guards.0.onBreach": "StepBack", "guards.0.stepBack": {"step": "canary", "weight": 5}}, "spec.guards[0].stepBack", "give either 'step' or 'weight'"),
    Bad("a checkpoint at and every", {"steps.0.checkpoints.0.every": "1m"}, "spec.steps[0].checkpoints[0]", "give either 'at' or 'every'"),
    Bad("until without every", {"steps.0.checkpoints.0.until": "20m"}, "spec.steps[0].checkpoints[0].until", "'until' is only allowed with 'every'"),
    Bad("a checkpoint at once", {"steps.0.checkpoints.0.at": "0s"}, "spec.steps[0].checkpoints[0].at", "'at' must be more than 0s"),
    Bad("a checkpoint every 0 s", {"steps.0.checkpoints.1.every": "0m"}, "spec.steps[0].checkpoints[1].every", "'every' must be more than 0s"),
    Bad("custom without its numbers", {"traffic.0": {"kind": "Custom", "name": "web"}}, "spec.traffic[0].custom", "'custom' is required with 'kind: Custom'"),
    Bad("numbers for a kind that has a row", {"traffic.0.custom": _CUSTOM}, "spec.traffic[0].custom", "'custom' is required with 'kind: Custom'"),
    Bad("backends beside pointers", {"traffic.0": {"kind": "Custom", "name": "web", "custom": _CUSTOM, "backends": _ARMS}}, "spec.traffic[0].backends", "leave 'backends' out"),
    Bad("rules of a kind without any", {"traffic.0.kind": "TraefikService"}, "spec.traffic[0].rules", "leave 'rules' out"),
    Bad("a cohort without rules", {"traffic.0": {"kind": "HTTPRoute", "name": "web", "cohort": "beta"}}, "spec.traffic[0].rules", "'cohort' needs 'rules'"),
    Bad("the scope of a cohort without one", {"guards.0.scope": "Cohort"}, "spec.guards[0].scope", "'scope: Cohort' needs 'cohort'"),
    Bad("a cohort that is held alone", {"traffic.1": _COHORT, "guards.0.scope": "Cohort", "guards.0.cohort": "beta", "guards.0.onBreach": "Hold"}, "spec.guards[0].scope", "is only allowed with 'onBreach: Revert'"),
    Bad("one route twice", {"traffic.1": {"kind": "HTTPRoute", "name": "web"}}, "spec.traffic[1].name", "traffic target 'HTTPRoute/web' is a duplicate of entry", "spec.traffic", "a route must have one entry in 'traffic' for each 'cohort'"),
    Bad("one cohort of a route twice", {"traffic.1": _COHORT, "traffic.2": {**_COHORT, "rules": ["others"]}}, "spec.traffic[2].name", "traffic target 'HTTPRoute/web of cohort beta' is a duplicate of entry", "spec.traffic", "a route must have one entry in 'traffic' for each 'cohort'"),
    Bad("a cohort of a step that traffic has not", {"traffic.1": _COHORT, "steps.0.cohorts": {"staff": 5}}, "spec.steps[0].cohorts.staff", "there is no cohort 'staff': spec.traffic has beta", "spec.steps", "every name in the steps' 'cohorts' must be a 'cohort' of 'traffic'"),
    Bad("a mirror beside a weight", {"steps.0.mirror": _MIRROR}, "spec.steps[0].weight", "a step with 'mirror' must have weight 0: the candidate's metrics cannot distinguish mirrored requests from those of users"),
    Bad("a mirror beside a cohort", {"traffic.1": _COHORT, "steps.0": {**_SHADOW, "cohorts": {"beta": 5}}}, "spec.steps[0].cohorts", "a step with 'mirror' must have every cohort at 0"),
    Bad("a mirror after a weight", {"steps.1": {"name": "shadow", "weight": 0, "mirror": _MIRROR}, "steps.2": {"name": "everyone", "weight": 100}}, "spec.steps[1].mirror", "comes after step 'canary', which gives the candidate traffic", "spec.steps", _FIRST),
    Bad("a mirror after a cohort", {"traffic.1": _COHORT, "steps.0": {"name": "canary", "weight": 0, "cohorts": {"beta": 5}}, "steps.1": {"name": "shadow", "weight": 0, "mirror": _MIRROR}, "steps.2": {"name": "everyone", "weight": 100}}, "spec.steps[1].mirror", "comes after step 'canary', which gives the candidate traffic", "spec.steps", _FIRST),
    Bad("a mirror in the last step", {"steps": [_SHADOW]}, "spec.steps[0].mirror", "is in the last step, and the promotion follows it", "spec.steps", "the last step cannot have 'mirror'"),
    Bad("a mirror of connections", {"traffic.0.kind": "TCPRoute", "steps.0": _SHADOW}, "spec.steps[0].mirror", "and TCPRoute/web in spec.traffic cannot", "spec.steps", _NEEDS),
    Bad("a mirror of cohorts alone", {"traffic.0": _COHORT, "steps": [_SHADOW, {"name": "end", "weight": 0}]}, "spec.steps[0].mirror", "mirrors no route", "spec.steps", _NEEDS),
    Bad("a guard's cohort that traffic has not", {"guards.0.cohort": "staff"}, "spec.guards[0].cohort", "there is no cohort 'staff': no entry of spec.traffic has a 'cohort'", "spec.guards", "every 'cohort' in 'guards' must be a 'cohort' of 'traffic'"),
    Bad("a threshold's cohort that traffic has not", {"thresholds.0.cohort": "staff"}, "spec.thresholds[0].cohort", "there is no cohort 'staff'", "spec.thresholds", "every 'cohort' in 'thresholds' must be a 'cohort' of 'traffic'"),
    Bad("a subset of a kind without any", {"traffic.0.backends": {"baseline": {"subset": "v1"}, "candidate": {"subset": "v2"}}}, "spec.traffic[0].backends", "'subset' is only allowed with ApisixRoute"),
    Bad("a flag without variants", {"traffic.0.kind": "FeatureFlag"}, "spec.traffic[0].backends", "needs 'backends'"),
    Bad("shares of cohorts for a fixed size", {"traffic.1": _COHORT, "candidate.scaling": {"mode": "Fixed", "replicas": 2, "cohortShares": {"beta": 5}}}, "spec.candidate.scaling.mode", "'min', 'max' and 'cohortShares' are only allowed with 'mode: MatchWeight'"),
    Bad("pods as weights and an end that takes them", {**_BY_PODS, "traffic.0": {**_PODS, "revert": "ScaleToZero"}}, "spec.traffic[0].revert", "scales the candidate to 0 pods at weight 0", "spec.traffic[0].revert"),
    Bad("pods in all for a kind that has a router", {"traffic.0.replicaRatio": {"total": 20}}, "spec.traffic[0].replicaRatio", "'replicaRatio' is required with 'kind: ReplicaRatio'"),
    Bad("a cohort of pods", {**_BY_PODS, "traffic.0": {**_PODS, "cohort": "beta"}}, "spec.traffic[0].cohort", "cannot distinguish users"),
    Bad("a router beside pods", {**_BY_PODS, "traffic.1": {"kind": "HTTPRoute", "name": "web"}}, "spec.traffic", "must be the only entry of 'traffic'"),
    Bad("pods behind two Services", {"traffic.0": _PODS}, "spec.traffic", "one Service selects both arms"),
    Bad("pods that are scaled as well", {**_BY_PODS, "candidate.scaling": {"mode": "MatchWeight"}}, "spec.candidate.scaling", "leave 'scaling' out"),
    Bad("a weight that is no pod", {**_BY_PODS, "traffic.0": {**_PODS, "replicaRatio": {"total": 8}}, "steps.0.weight": 10}, "spec.steps[0].weight", "0 of 8 pods = 0%, asked 10%: 1 of 8 pods = 12.5% would exceed it", "spec.steps", "every weight above 0 must be at least one of 'replicaRatio.total' pods"),
    Bad("a fraction that is no pod", {**_BY_PODS, "steps.0.weight": "4.999"}, "spec.steps[0].weight", "gives the candidate no pod", "spec.steps", "every weight above 0 must be at least one"),
    Bad("one Deployment for both", {"candidate.deployment": "web"}, "spec.candidate", "must be two Deployments"),
    Bad("one Service for both", {"candidate.service": "web"}, "spec.candidate", "must be two Services"),
    Bad("an interval of 999 ms", {"interval": "999ms"}, "spec.interval", "'interval' must be at least 1s"),
    Bad("no deadline", {"progressDeadline": "0m"}, "spec.progressDeadline", "'progressDeadline' must be at least 1s"),
    Bad("a guard on nothing", {"guards.0.metric": "speed"}, "spec.guards[0].metric", "there is no metric 'speed': spec.metrics has errors, latency", "spec.guards", "every 'metric' in 'guards' must be a name in 'metrics'"),
    Bad("a threshold on nothing", {"thresholds.0.metric": "speed"}, "spec.thresholds[0].metric", "there is no metric 'speed'", "spec.thresholds", "every 'metric' in 'thresholds' must be a name in 'metrics'"),
    Bad("a step's guard on nothing", {"steps.1.guards.0.metric": "speed"}, "spec.steps[1].guards[0].metric", "there is no metric 'speed'", "spec.steps", "every 'metric' in the steps' 'guards' must be"),
    Bad("a step's threshold on nothing", {"steps.1.thresholds.0.metric": "speed"}, "spec.steps[1].thresholds[0].metric", "there is no metric 'speed'", "spec.steps", "every 'metric' in the steps' 'thresholds' must be"),
    Bad("guards and no metrics", {"metrics": GONE}, "spec.guards[0].metric", "spec.metrics is empty", "spec.guards", "must be a name in 'metrics'"),
    Bad("a gate on the step itself", {"steps.1.gate.sinceStep.step": "everyone"}, "spec.steps[1].gate.sinceStep.step", "'everyone' is not an earlier step; earlier ones are canary", "spec.steps", "must be the name of an earlier step"),
    Bad("a gate on a later step", {"steps.0.gate": {"sinceStep": {"step": "everyone", "elapsed": "1h"}}}, "spec.steps[0].gate.sinceStep.step", "'everyone' is not an earlier step; the first step has none", "spec.steps", "must be the name of an earlier step"),
    Bad("a gate on no step", {"steps.1.gate.sinceStep.step": "ramp"}, "spec.steps[1].gate.sinceStep.step", "'ramp' is not a step of this Rollout", "spec.steps", "must be the name of an earlier step"),
    Bad("a quorum of more than there are", {"steps.1.gate": {"approvals": [{"name": "finance"}], "required": 2}}, "spec.steps[1].gate.required", "'required' must not be more than there are 'approvals'", "spec.steps[1].gate.required"),
    Bad("a window that has no length", {"steps.1.gate.windows": [{"from": "09:00", "to": "09:00", "timeZone": "UTC"}]}, "spec.steps[1].gate.windows[0].to", "'from' and 'to' must differ", "spec.steps[1].gate.windows[0].to"),
    Bad("a window that begins at the end of the day", {"windows": [{"from": "24:00", "to": "09:00", "timeZone": "UTC"}]}, "spec.windows[0].from", "'from' must be before 24:00", "spec.windows[0].from"),
    Bad("a freeze that ends before it begins", {"freezes": [{"from": "2026-12-18T17:00:00Z", "to": "2026-12-18T16:00:00Z", "reason": "x"}]}, "spec.freezes[0].to", "'to' must be later than 'from'", "spec.freezes[0].to"),
)
"""Refused by a CEL rule and by its twin."""

BY_SCHEMA = (
    Bad("no baseline", {"baseline": GONE}, "spec.baseline", "is required", server_words="Required value"),
    Bad("no promotion strategy", {"promotion": {}}, "spec.promotion.strategy", "is required", server_words="Required value"),
    Bad("no traffic", {"traffic": []}, "spec.traffic", "must not be empty", server_words="should have at least 1 items" ),
    Bad("no steps", {"steps": []}, "spec.steps", "must not be empty", server_words="should have at least 1 items"),
    Bad("no rules", {"traffic.0.rules": []}, "spec.traffic[0].rules", "must not be empty", server_words="should have at least 1 items"),
    Bad("an unknown kind of route", {"traffic.0.kind": "Ingress"}, "spec.traffic[0].kind", "'Ingress' is not known; write 'HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute', 'LinkerdHTTPRoute'", server_words="Unsupported value"),
    Bad("an unknown action", {"guards.0.onBreach": "Panic"}, "spec.guards[0].onBreach", "'Panic' is not known; write 'Revert', 'StepBack', 'Hold', 'Scale', 'RunJob' or 'Warn'", server_words="Unsupported value"),
    Bad("a duration in words", {"steps.0.duration": "two hours"}, "spec.steps[0].duration", "write it like 30s, 90m, 1h30m or 2d", server_words="should match"),
    Bad("an empty duration", {"steps.0.duration": ""}, "spec.steps[0].duration", "write it like 30s", server_words="should be at least 2 chars long"),
    Bad("a duration without a unit", {"guards.0.for": 300}, "spec.guards[0].for", "write it like 30s", server_words="must be of type string"),
    Bad("a weight of 101", {"steps.0.weight": 101}, "spec.steps[0].weight", "percent from 0 to 100", server_words="should be less than or equal to 100"),
    Bad("a weight with a sign", {"steps.0.weight": "5%"}, "spec.steps[0].weight", "percent from 0 to 100", server_words="should match"),
    Bad("a bare fraction as a weight", {"steps.0.weight": 0.5}, "spec.steps[0].weight", "a quoted decimal such as '0.5'", server_words="must be of type integer"),
    Bad("a weight with four decimals", {"steps.0.weight": "0.1234"}, "spec.steps[0].weight", "percent from 0 to 100", server_words="should match"),
    Bad("a bare fraction as a limit", {"guards.0.max": 0.05}, "spec.guards[0].max", "a quoted number such as '0.2'", server_words="must be of type integer"),
    Bad("a change without a sign", {"thresholds.0.maxIncrease": "20"}, "spec.thresholds[0].maxIncrease", "write it like '20%'", server_words="should match"),
    Bad("a step's name with capitals", {"steps.1.name": "Everyone"}, "spec.steps[1].name", "'Everyone' is not lower-case letters", server_words="should match"),
    Bad("no pod at all to go back to", {"baseline.minAvailable": 0}, "spec.baseline.minAvailable", "0 is not a valid number of pods; write an integer", server_words="should be greater than or equal to 1"),
    Bad("more than all pods", {"baseline.minAvailable": "101%"}, "spec.baseline.minAvailable", "'101%' is not a valid number of pods", server_words="should match"),
    Bad("a text for a number", {"metrics.0.minimumRequests": "2"}, "spec.metrics[0].minimumRequests", "must be a whole number", server_words="must be of type integer"),
    Bad("a field that is no field", {"promotion": {"strategy": "CopyTemplate", "exclude": ["spec.containers"]}}, "spec.promotion.exclude[0]", "is not a field of a pod template; write it like", server_words="should match"),
    Bad("a field excluded twice", {"promotion": {"strategy": "CopyTemplate", "exclude": ["dnsPolicy", "dnsPolicy"]}}, "spec.promotion.exclude[1]", "field 'dnsPolicy' is a duplicate of entry 0", server_words="Duplicate value"),
    Bad("a text for yes or no", {"paused": "yes"}, "spec.paused", "must be true or false", server_words="must be of type boolean"),
    Bad("a day without a time", {"steps.1.gate.after": "tomorrow"}, "spec.steps[1].gate.after", "write it like 2026-11-21T14:00:00Z", server_words="must be of type date-time"),
    Bad("a query that is too long", {"metrics.1.query": "x" * 4097}, "spec.metrics[1].query", "has more than 4096 characters", server_words="may not be more than 4096 bytes"),
    Bad("a preset without a system", {"metrics.2": {"name": "extra", "preset": "latency"}}, "spec.metrics[2].preset", "'latency' is not the name of a preset, such as 'http/error-rate'", server_words="should match"),
    Bad("a parameter that is a number", {"metrics.2": {"name": "extra", "preset": "http/latency", "parameters": {"quantile": 0.9}}}, "spec.metrics[2].parameters.quantile", "must be a string; write it in quotes", server_words="must be of type string"),
    Bad("a template of another kind", {"metrics.2": {"name": "extra", "template": {"name": "latency", "kind": "RolloutCommand"}}}, "spec.metrics[2].template.kind", "'RolloutCommand' is not known; write 'MetricTemplate' or 'ClusterMetricTemplate'", server_words="Unsupported value"),
    Bad("a template without a name", {"metrics.2": {"name": "extra", "template": {"kind": "MetricTemplate"}}}, "spec.metrics[2].template.name", "is required", server_words="Required value"),
    Bad("a template's name with capitals", {"metrics.2": {"name": "extra", "template": {"name": "Latency"}}}, "spec.metrics[2].template.name", "'Latency' is not the name of an object", server_words="should match"),
    Bad("33 metrics", {"metrics": [{**_METRIC, "name": f"m{i}"} for i in range(33)]}, "spec.metrics", "has 33 entries; at most 32 are allowed", server_words="must have at most 32 items"),
    Bad("two steps of one name", {"steps.1.name": "canary"}, "spec.steps[1].name", "step 'canary' is a duplicate of entry 0", "spec.steps[1]", "Duplicate value"),
    Bad("two metrics of one name", {"metrics.1.name": "errors"}, "spec.metrics[1].name", "metric 'errors' is a duplicate of entry", "spec.metrics[1]", "Duplicate value"),
    Bad("a cohort's name with capitals", {"traffic.1": {**_COHORT, "cohort": "Beta"}}, "spec.traffic[1].cohort", "'Beta' is not lower-case letters", server_words="should match"),
    Bad("a mirror of nothing", {"steps.0": {**_SHADOW, "mirror": {"percent": 0}}}, "spec.steps[0].mirror.percent", "is 0; the minimum is 1", server_words="should be greater than or equal to 1"),
    Bad("a mirror of more than everything", {"steps.0": {**_SHADOW, "mirror": {"percent": 101}}}, "spec.steps[0].mirror.percent", "is 101; the maximum is 100", server_words="should be less than or equal to 100"),
    Bad("a weight of a cohort beyond 100", {"traffic.1": _COHORT, "steps.0.cohorts": {"beta": 101}}, "spec.steps[0].cohorts.beta", "percent from 0 to 100", server_words="should be less than or equal to 100"),
    Bad("one rule twice", {"traffic.0.rules": ["a", "a"]}, "spec.traffic[0].rules[1]", "rule 'a' is a duplicate of entry", server_words="Duplicate value"),
    Bad("one label twice", {"metrics.0.ratio.by": ["a", "a"]}, "spec.metrics[0].ratio.by[1]", "label 'a' is a duplicate of entry", server_words="Duplicate value"),
)
"""Refused by the schema on the server, by the models or by a check here."""
