"""A Canary of Flagger becomes a Rollout on the Deployments and Services that Flagger has made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.api.rollout.traffic import RouteKind
from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft, finish, rollout, step_name
from tidegate.cli.convert.flagger_metrics import Templates, limits
from tidegate.cli.convert.reading import as_duration, listing, mapping, mappings, seconds, text

EVERY: Final = 60.0
"""Seconds between two checks where the Canary does not say."""
SHARE: Final = 10
"""Percent of an A/B test's step: there are no rules for some users yet."""
_WEBHOOKS: Final = {
    "confirm-rollout": "no confirmation is asked for before the run: set spec.paused, or a gate with a date",
    "confirm-traffic-increase": "no confirmation is asked for before a raise: tidegate pause",
    "confirm-promotion": "no confirmation is asked for before the promotion: strategy AwaitBaseline waits for a commit",
    "pre-rollout": "no test is called before the run: let a pipeline do it before it changes the candidate",
    "rollout": "no load is generated: limits on few requests are undecided, see minimumRequests",
    "post-rollout": "nothing is called after the run: read its Events, or kubectl tidegate status --wait",
    "rollback": "no webhook starts a revert: tidegate abort",
    "event": "nothing is called: the Rollout has Events and conditions",
}
_WITHOUT_EQUAL: Final = {
    "autoscalerRef": "autoscalerRef: give each Deployment an autoscaler of its own, with the same least size",
    "ingressRef": "ingressRef: Tidegate sets the weights of Gateway API routes, not of an Ingress",
    "upstreamRef": "upstreamRef: Tidegate sets the weights of Gateway API routes",
    "routeRef": "routeRef: Tidegate sets the weights of Gateway API routes",
    "metricsServer": "metricsServer: the administrator names sources in the operator's configuration",
    "revertOnDeletion": "revertOnDeletion: a Rollout that is deleted always restores the weights, and nothing was cloned",
    "skipAnalysis": "skipAnalysis: a Rollout without metrics only waits; set promotion by hand where even that is too long",
}
_OF_ANALYSIS: Final = {
    "alerts": "alerts: Alertmanager on the operator's metrics, or Events",
    "mirror": "mirror: add a step with 'weight: 0' and 'mirror: {percent: ...}' before the first with a weight",
    "sessionAffinity": "sessionAffinity: requests are shared by weight, a user may see both versions",
    "stepWeightPromotion": "stepWeightPromotion: the traffic goes back to the promoted baseline at once",
    "canaryReadyThreshold": "canaryReadyThreshold: a step waits until the candidate is available",
    "primaryReadyThreshold": "primaryReadyThreshold: baseline.minAvailable",
}


def converted(manifest: Mapping[str, Any], templates: Templates) -> list[Draft]:
    """The Rollout.

    Args:
        manifest: the Canary.
        templates: the MetricTemplates that were given.
    """
    draft = rollout(dict(mapping(manifest, "metadata")))
    spec = mapping(manifest, "spec")
    analysis = mapping(spec, "analysis") or mapping(spec, "canaryAnalysis")
    _arms(draft, spec)
    _route(draft, spec)
    every = seconds(analysis.get("interval")) or EVERY
    draft.spec["interval"] = as_duration(max(every, 1.0))
    draft.spec["guards"] = limits(draft, {**manifest, "spec": {**spec, "analysis": analysis}}, templates)
    _tolerance(draft, analysis, every)
    _steps(draft, analysis, every)
    deadline = seconds(spec.get("progressDeadlineSeconds"))
    if deadline:
        draft.spec["progressDeadline"] = as_duration(deadline)
    draft.spec["promotion"] = {"strategy": "CopyTemplate"}
    for given, known in ((spec, _WITHOUT_EQUAL), (analysis, _OF_ANALYSIS)):
        for key, words in known.items():
            if given.get(key):
                draft.note(NO_EQUAL, words)
    for webhook in mappings(analysis, "webhooks"):
        kind = text(webhook, "type") or "rollout"
        draft.note(NO_EQUAL, f"webhook {text(webhook, 'name')} ({kind}): {_WEBHOOKS.get(kind, 'nothing is called')}")
    finish(draft)
    return [draft]


def _arms(draft: Draft, spec: Mapping[str, Any]) -> None:
    target = mapping(spec, "targetRef")
    name = text(target, "name")
    service = text(mapping(spec, "service"), "name") or name
    kind = text(target, "kind") or "Deployment"
    if kind != "Deployment":
        draft.note(NO_EQUAL, f"targetRef to a {kind}: the arms are Deployments", "spec", "candidate")
    draft.spec["baseline"] |= {"deployment": f"{name}-primary", "service": f"{service}-primary"}
    draft.spec["candidate"] |= {"deployment": name, "service": f"{service}-canary"}
    words = (
        f"Flagger owns {kind} {name}-primary and the Services {service}, {service}-primary and {service}-canary, and deletes them with "
        "the Canary: remove their ownerReferences and put them into Git before you delete it"
    )
    draft.note(TODO, words, "spec", "baseline")
    words = "Flagger scales it to 0 between two runs: scale it up, a run waits for its pods"
    draft.note(TODO, words, "spec", "candidate")


def _route(draft: Draft, spec: Mapping[str, Any]) -> None:
    name = text(mapping(spec, "service"), "name") or text(mapping(spec, "targetRef"), "name")
    draft.spec["traffic"] = [{"kind": str(RouteKind.HTTP_ROUTE), "name": name}]
    provider = text(spec, "provider")
    if provider.startswith("gatewayapi"):
        draft.note(TODO, "Flagger owns this route as well: keep it before you delete the Canary", "spec", "traffic")
        return
    by = f"provider {provider}" if provider else "Flagger's default provider"
    words = f"{by} routed the traffic: Tidegate sets the weights of a Gateway API route that has both Services as backends, such as this one"
    draft.note(TODO, words, "spec", "traffic")


def _tolerance(draft: Draft, analysis: Mapping[str, Any], every: float) -> None:
    """`threshold` failed checks become a breach that lasts as long."""
    failed = int(seconds(analysis.get("threshold")) or 0)
    if failed < 2 or not draft.spec["guards"]:
        return
    for guard in draft.spec["guards"]:
        guard["for"] = as_duration((failed - 1) * every)
    words = (
        f"threshold {failed} counts failed checks of the whole canary, 'for' a breach without interruption. For a revert at the "
        "first breach leave 'for' out; for failures that come and go use 'regression' on a ratio"
    )
    draft.note(CHANGED, words, "spec", "guards")


def _steps(draft: Draft, analysis: Mapping[str, Any], every: float) -> None:
    iterations = int(seconds(analysis.get("iterations")) or 0)
    weights = [100 if iterations and not analysis.get("match") else SHARE] if iterations else _weights(analysis)
    length = every * (iterations or 1)
    for one in weights:
        name = step_name(one, draft.spec["steps"])
        draft.spec["steps"].append({"name": name, "weight": one, "duration": as_duration(length)})
    if not iterations:
        return
    if analysis.get("match"):
        words = (
            f"an A/B test sends the requests that match to the canary: there are no rules for some users here, and {SHARE} % of all "
            "requests go there instead"
        )
        draft.note(CHANGED, words, "spec", "steps")
    else:
        words = (
            "Flagger tests the canary without traffic of users and switches then: here users are on it while it is evaluated, and a "
            "breach reverts them. A smaller weight first is safer"
        )
        draft.note(CHANGED, words, "spec", "steps")


def _weights(analysis: Mapping[str, Any]) -> list[int]:
    """Those of `stepWeights`, else `stepWeight` by `stepWeight` up to `maxWeight`."""
    listed = [
        int(found) for one in listing(analysis, "stepWeights") if (found := seconds(one)) is not None and found <= 100
    ]
    if listed:
        return listed
    highest = min(int(seconds(analysis.get("maxWeight")) or 100), 100)
    step = int(seconds(analysis.get("stepWeight")) or highest)
    return [*range(step, highest, step), highest]
