"""The route that two Deployments and one Service are together (`kind: ReplicaRatio`). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from tidegate.api.rollout.replica_ratio import LEAST_BASELINE
from tidegate.core.model.world import ABSENT, Absence, Acceptance, Arm, Lookup, Route, RulePair, TargetRef, Unknown

RULE: Final = "pods"
"""The name of the one rule."""
MOST_TOLD: Final = 3
"""Pods that a message names."""
_RANDOM: Final = "[bcdfghjklmnpqrstvwxz2456789]"
"""The characters of generated names (apimachinery/pkg/util/rand)."""


@dataclass(frozen=True)
class Arms:
    """The two Deployments as read: what a write is tested on. The route's handle."""

    baseline: Arm | None
    candidate: Arm | None


@dataclass(frozen=True)
class Looked:
    """What is known of them beyond their own objects."""

    pods: frozenset[str] | Unknown
    """Names of the pods (or addresses of what is none) that get the Service's traffic."""
    scaler: Lookup[str]
    """What scales one of the Deployments by itself, and which, in words."""


def ratio_route(ref: TargetRef, baseline: Lookup[Arm], candidate: Lookup[Arm], looked: Looked) -> Lookup[Route]:
    """The route; absent when nothing of it is left to be restored."""
    for arm in (baseline, candidate):
        if isinstance(arm, Unknown):
            return arm
    first = baseline if isinstance(baseline, Arm) else None
    second = candidate if isinstance(candidate, Arm) else None
    if first is None and (second is None or second.replicas == 0):
        return ABSENT
    ready, others = _ready(first, second, looked.pods)
    numbers = (first.replicas if first else 0, second.replicas if second else 0)
    pair = RulePair(
        rule=RULE,
        baseline=numbers[0],
        candidate=numbers[1],
        alone=True,
        identity=RULE,
        least=LEAST_BASELINE,
        ready=ready,
    )
    blind = isinstance(looked.pods, Unknown)
    acceptance, message = (Acceptance.PENDING, _unproven(looked)) if blind and pair.candidate else _acceptance(pair)
    if first is None:
        acceptance, message = Acceptance.PENDING, f"there is no Deployment {ref.baseline!r} (baseline)"
    return Route(
        ref=ref,
        uid="+".join(arm.uid for arm in (first, second) if arm is not None),
        generation=second.generation
        if second is not None
        else 0,  # tells an earlier revert of its pods from one of this run
        pairs=(pair,),
        acceptance=acceptance,
        acceptance_message=message + _refused(first, second) if message else "",
        unfit=_unfit(ref, others, looked.scaler),
        unproven=_unproven(looked),
        lagging=blind or ready != tuple(arm.available if arm is not None else 0 for arm in (first, second)),
        reverted_by_us=second is not None and second.replicas == 0 and second.scaled_by_revert,
        handle=Arms(first, second),
    )


def _ready(
    baseline: Arm | None, candidate: Arm | None, pods: frozenset[str] | Unknown
) -> tuple[tuple[int, int], Collection[str]]:
    """How many pods of each arm get traffic, and what else does; by the Deployments themselves where the pods are not known."""
    if isinstance(pods, Unknown):
        return (baseline.available if baseline else 0, candidate.available if candidate else 0), ()
    ours = [{pod for pod in pods if arm is not None and _is_of(pod, arm)} for arm in (baseline, candidate)]
    return (len(ours[0]), len(ours[1])), pods - ours[0] - ours[1]


def _is_of(pod: str, arm: Arm) -> bool:
    """By its ReplicaSets as last seen, and by the form of its name: a new ReplicaSet may not have been listed yet."""
    generated = f"{re.escape(arm.deployment)}-{_RANDOM}{{1,10}}-{_RANDOM}{{5}}"
    return re.fullmatch(arm.pods, pod) is not None or re.fullmatch(generated, pod) is not None


def _acceptance(pair: RulePair) -> tuple[Acceptance, str]:
    """The ratio of traffic is the one of pods once all that are asked for get traffic, and no others."""
    baseline, candidate = pair.ready or (0, 0)
    if candidate != pair.candidate:
        what = f"{candidate} of {pair.candidate} pods of the candidate are ready"
        gone = f"{candidate} pods of the candidate still get traffic"
        return Acceptance.PENDING, what if pair.candidate else gone
    if pair.candidate and baseline != pair.baseline:
        return Acceptance.PENDING, f"{baseline} of {pair.baseline} pods of the baseline are ready"
    return Acceptance.ACCEPTED, ""


def _refused(*arms: Arm | None) -> str:
    """Why pods cannot be had, where the API server says so."""
    return "".join(f" (Deployment {arm.deployment!r}: {arm.pods_refused})" for arm in arms if arm and arm.pods_refused)


def _unfit(ref: TargetRef, others: Collection[str], scaler: Lookup[str]) -> str:
    if isinstance(scaler, str):
        return f"{scaler}: its number of pods cannot be the weight too. Remove it, or use a router"
    if others:
        named = ", ".join(sorted(others)[:MOST_TOLD])
        return f"Service {ref.name!r} sends traffic to {len(others)} pods of neither Deployment ({named}): a share of pods would be no share of traffic"
    return ""


def _unproven(looked: Looked) -> str:
    if isinstance(looked.pods, Unknown):
        return f"which pods get the Service's traffic could not be read: {looked.pods.reason}"
    if isinstance(looked.scaler, Unknown):
        return f"whether an HPA or KEDA scales the Deployments could not be read: {looked.scaler.reason}"
    return ""


def scaler_of(found: dict[str, Lookup[str]]) -> Lookup[str]:
    """What scales one of these Deployments, in words: found, not known, or nothing.

    Args:
        found: by Deployment, what scales it.
    """
    for deployment, one in found.items():
        if not isinstance(one, (Absence, Unknown)):
            return f"{one} scales Deployment {deployment!r}"
    return next((one for one in found.values() if isinstance(one, Unknown)), ABSENT)
