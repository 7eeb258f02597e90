"""A Rollout of Argo Rollouts becomes one of Tidegate, and two Deployments where it holds the pods itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from tidegate.cli.convert import argo_routing
from tidegate.cli.convert.argo_analysis import Templates, analysis
from tidegate.cli.convert.argo_steps import Steps, steps
from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft, Object, finish, rollout
from tidegate.cli.convert.reading import as_duration, mapping, seconds, text

ARM: Final = "tidegate-arm"
"""The label by which the pods of the two Deployments differ."""
SWITCHED: Final = 30.0
"""Seconds that Argo keeps the old version after a blue-green switch, by default."""
SHORTEST: Final = 1.0
"""Seconds: `spec.interval` at least."""
_WITHOUT_EQUAL: Final = {
    "restartAt": "restartAt: kubectl rollout restart, on the Deployments",
    "rollbackWindow": "rollbackWindow: a version that was in service is a version like any other",
    "progressDeadlineAbort": "progressDeadlineAbort: after its deadline a run is Stalled, and a person decides",
}
_OF_STRATEGY: Final = {
    "abortScaleDownDelaySeconds": "abortScaleDownDelaySeconds: after a revert the candidate keeps its pods",
    "antiAffinity": "antiAffinity: write it in the Deployments",
    "canaryMetadata": "canaryMetadata: write the labels in the candidate's Deployment",
    "stableMetadata": "stableMetadata: write the labels in the baseline's Deployment",
    "activeMetadata": "activeMetadata: write the labels in the baseline's Deployment",
    "previewMetadata": "previewMetadata: write the labels in the candidate's Deployment",
    "dynamicStableScale": "dynamicStableScale: the baseline keeps its replicas, because a revert lands on them",
    "maxSurge": "maxSurge: of the Deployments' own strategy",
    "maxUnavailable": "maxUnavailable: of the Deployments' own strategy",
    "minPodsPerReplicaSet": "minPodsPerReplicaSet: the candidate's Deployment has replicas of its own",
    "pingPong": "pingPong: baseline and candidate keep their parts",
    "previewReplicaCount": "previewReplicaCount: the candidate's Deployment has replicas of its own",
    "scaleDownDelayRevisionLimit": "scaleDownDelayRevisionLimit: there is one Deployment for each arm",
}


def converted(manifest: Mapping[str, Any], analyses: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Draft]:
    """The Rollout, and its Deployments.

    Args:
        manifest: the Rollout of Argo Rollouts.
        analyses: the templates that were given, by kind and name: their `spec`.
    """
    draft = rollout(dict(mapping(manifest, "metadata")))
    spec = mapping(manifest, "spec")
    name = str(draft.manifest["metadata"].get("name", ""))
    deployment, made = _deployments(draft, name, spec)
    draft.spec["baseline"]["deployment"] = deployment
    draft.spec["candidate"]["deployment"] = f"{deployment}-canary"
    canary, blue_green = mapping(spec, "strategy", "canary"), mapping(spec, "strategy", "blueGreen")
    strategy = blue_green or canary
    argo_routing.route(draft, name, canary, blue_green)
    variables = {draft.spec["candidate"]["service"]: "$service", draft.spec["candidate"]["deployment"]: "$workload"}
    templates = Templates(analyses, variables)
    found = _blue_green(draft, blue_green, templates) if blue_green else steps(draft, canary, templates)
    background = None if blue_green else _background(draft, canary, templates, found)
    every = min([*found.intervals, *([background] if background else [])], default=None)
    if every is not None:
        draft.spec["interval"] = as_duration(max(every, SHORTEST))
    _settings(draft, spec, strategy)
    draft.spec["promotion"] = {"strategy": "CopyTemplate"}
    draft.note(TODO, "for Deployments in Git: AwaitBaseline", "spec", "promotion")
    finish(draft)
    return [draft, *made]


def _deployments(draft: Draft, name: str, spec: Mapping[str, Any]) -> tuple[str, list[Draft]]:
    """The baseline's name, and the Deployments that have to be made."""
    ref = mapping(spec, "workloadRef")
    if ref:
        found = text(ref, "name")
        kind = text(ref, "kind") or "Deployment"
        if kind != "Deployment":
            draft.note(NO_EQUAL, f"workloadRef to a {kind}: the arms are Deployments", "spec", "baseline")
        words = (
            f"scale Deployment {found} up (Argo keeps it at 0) and make its copy {found}-canary, with a label that differs in "
            "selector and pods; each Service must select the pods of its arm alone"
        )
        draft.note(TODO, words, "spec", "baseline")
        return found, []
    if not mapping(spec, "template"):
        draft.note(TODO, "there is neither a template nor a workloadRef: name the two Deployments", "spec", "baseline")
        return name, []
    words = (
        f"the Rollout held the pods itself: Deployments {name} and {name}-canary below do it now. Each Service must select its "
        f"arm alone: {ARM}: baseline, {ARM}: candidate"
    )
    draft.note(TODO, words, "spec", "baseline")
    place = draft.manifest["metadata"]
    arms = (("baseline", name), ("candidate", f"{name}-canary"))
    return name, [Draft(_deployment({**place, "name": its}, spec, arm)) for arm, its in arms]


def _deployment(metadata: Object, spec: Mapping[str, Any], arm: str) -> Object:
    template = copy.deepcopy(dict(mapping(spec, "template")))
    template["metadata"] = {**mapping(template, "metadata")}
    template["metadata"]["labels"] = {**mapping(template, "metadata", "labels"), ARM: arm}
    selector = {**mapping(spec, "selector"), "matchLabels": {**mapping(spec, "selector", "matchLabels"), ARM: arm}}
    kept = ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    made = {key: spec[key] for key in kept if spec.get(key) is not None}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {**made, "selector": selector, "template": template},
    }


def _background(draft: Draft, canary: Mapping[str, Any], templates: Templates, found: Steps) -> float | None:
    """The analysis beside the steps: guards, from its first step on. Returns its interval."""
    given = mapping(canary, "analysis")
    if not given:
        return None
    background = analysis(draft, given, templates, "spec", "guards", guards=True)
    first = int(seconds(given.get("startingStep")) or 0)
    late = [index for index, place in enumerate(found.origin) if place >= first]
    if len(late) == len(found.made):
        draft.spec["guards"] += background.limits
    for index in late if background.limits and not draft.spec["guards"] else ():
        found.made[index]["guards"] = copy.deepcopy(background.limits)
    return background.interval


def _blue_green(draft: Draft, given: Mapping[str, Any], templates: Templates) -> Steps:
    """Blue-green as steps: 0, then 100."""
    found = Steps(draft, templates)
    found.weight(0, 0)
    found.last(seconds(given.get("autoPromotionSeconds")) or 0.0, 0)
    if given.get("autoPromotionEnabled") is False:
        found.take({"pause": {}}, 0)
    for key in ("prePromotionAnalysis", "postPromotionAnalysis"):
        if key == "postPromotionAnalysis":
            found.weight(100, 1)
            found.last(seconds(given.get("scaleDownDelaySeconds")) or SWITCHED, 1)
        if mapping(given, key):
            found.take({"analysis": given[key]}, 1)
    words = (
        "Argo switches the selector of a Service, Tidegate the weights of a route: the candidate has all the traffic in the second "
        "step, and the baseline keeps its pods for a revert"
    )
    draft.note(CHANGED, words, "spec", "steps")
    return found


def _settings(draft: Draft, spec: Mapping[str, Any], strategy: Mapping[str, Any]) -> None:
    """What stands beside the steps."""
    deadline = seconds(spec.get("progressDeadlineSeconds"))
    if deadline:
        draft.spec["progressDeadline"] = as_duration(deadline)
    for given, known in ((spec, _WITHOUT_EQUAL), (strategy, _OF_STRATEGY)):
        for key, words in known.items():
            if given.get(key) not in (None, False):
                draft.note(NO_EQUAL, words)
    if mapping(spec, "analysis"):
        draft.note(NO_EQUAL, "analysis.*HistoryLimit: .status.history keeps the last ten runs")
