"""The stories in which processes die: each begins as a shop's run, and what happens in it hangs on the state of the cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulated.crashes import HOOKS, Scenario, Story
from tests.simulated.shop import BY_PODS, Shop
from tests.simulated.witness import Seen, WitnessedCluster
from tidegate.api.commands import Action
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.simulation.cluster import Cluster


def _share(cluster: WitnessedCluster) -> float:
    return cluster.seen[-1].share


def _image(cluster: WitnessedCluster) -> str:
    return str(cluster.deployments["checkout"].template["spec"]["containers"][0]["image"])


def _on_share(
    share: float, name: str, act: Callable[[Story], None], delay: float = 5.0
) -> Callable[[Story, Seen], None]:
    def on_write(story: Story, seen: Seen) -> None:
        if seen.share == share:
            story.once(name, delay, lambda: act(story))

    return on_write


def _abort(story: Story) -> None:
    story.shop.command(Action.ABORT)


def _when(story: Story, holds: Callable[[], bool], then: Callable[[], object]) -> None:
    """Does something once a condition holds, looked at every 15 seconds."""
    if holds():
        then()
    else:
        story.runner.at(story.shop.clock.now() + 15.0, lambda: _when(story, holds, then))


def _abort_after_its_job(story: Story, seen: Seen) -> None:
    if seen.share == 50:
        story.once("abort", 15.0, lambda: _abort_when_started(story))


def _abort_when_started(story: Story) -> None:
    """A person aborts once the Job at the start of the second step has run."""

    def has_run() -> bool:
        jobs = story.shop.status.jobs
        return any((one.key, one.step) == ("stepstart", "half") and one.outcome for one in jobs)

    _when(story, has_run, lambda: _abort(story))


def _sent_back(story: Story, seen: Seen) -> None:
    if seen.share == 50 and _image(story.cluster) == "shop:v2":
        story.once("abort", 5.0, lambda: _abort(story))


def _follow_in_git(story: Story, seen: Seen) -> None:
    if seen.share == 50:
        story.once("git", 15.0, lambda: _follow_when_awaited(story))


def _follow_when_awaited(story: Story) -> None:
    """Git follows once the Rollout says that it is waited for."""

    def awaited() -> bool:
        run = story.shop.status.run
        return run is not None and run.promotion is not None and run.promotion.stage == "Awaiting"

    _when(story, awaited, lambda: story.cluster.set_image("checkout", "shop:v2"))


def _approved_by_two(story: Story, seen: Seen) -> None:
    if seen.share == 10:
        story.once("people", 15.0, lambda: _when(story, lambda: _people_awaited(story), lambda: _approve(story)))


def _people_awaited(story: Story) -> bool:
    gate = story.shop.status.gate
    return gate is not None and bool(gate.closed)


def _approve(story: Story) -> None:
    for name, person in (("engineering", "ann"), ("finance", "bob"), ("finance", "cleo")):
        story.shop.command(Action.APPROVE, step="half", approval=name, requester=person)


def _rejected(story: Story, seen: Seen) -> None:
    if seen.share == 10:
        story.once("people", 15.0, lambda: _when(story, lambda: _people_awaited(story), lambda: _reject(story)))


def _reject(story: Story) -> None:
    story.shop.command(Action.REJECT, step="half", approval="finance", requester="bob")
    story.once("abort", 15.0, lambda: _abort_when_paused(story))


def _abort_when_paused(story: Story) -> None:
    def paused() -> bool:
        run = story.shop.status.run
        return run is not None and run.paused is not None

    _when(story, paused, lambda: _abort(story))


def _aborted_then_released(story: Story, seen: Seen) -> None:
    if seen.share == 50:
        story.once("abort", 5.0, lambda: _abort(story))
        story.once("release", 15.0, lambda: _release_when_at_rest(story))


def _release_when_at_rest(story: Story) -> None:
    """A new version comes once the candidate has been scaled down."""
    _when(
        story,
        lambda: bool(story.shop.outcome) and _pods(story.cluster) == 0,
        lambda: story.cluster.set_image("checkout-canary", "shop:v3"),
    )


def _skip(action: Action) -> Callable[[Story, Seen], None]:
    def on_write(story: Story, seen: Seen) -> None:
        if seen.share == 10:
            story.once("skip", 15.0, lambda: _skip_when_reached(story, action))

    return on_write


def _skip_when_reached(story: Story, action: Action) -> None:
    step = story.shop.status.step
    if step is None or not step.reached:
        story.runner.at(story.shop.clock.now() + 15.0, lambda: _skip_when_reached(story, action))
        return
    story.shop.command(action)


def _resume_when_paused(story: Story) -> None:
    run = story.shop.status.run
    if run is None or run.paused is None:
        story.runner.at(story.shop.clock.now() + 15.0, lambda: _resume_when_paused(story))
    else:
        story.shop.command(Action.RESUME)


def _stepped_back(act: Callable[[Story], None]) -> Callable[[Story, Seen], None]:
    def on_write(story: Story, seen: Seen) -> None:
        if seen.share < seen.before:
            story.once("person", 15.0, lambda: act(story))

    return on_write


def _sick_once(query: Query, cluster: WitnessedCluster) -> bool:
    """Sick at 50 % until the candidate went down once."""
    went_down = any(one.share < one.before for one in cluster.seen)
    return query.arm is ArmName.CANDIDATE and _share(cluster) == 50 and not went_down


def _back_to(**goal: object) -> dict[str, Any]:
    return {"guards": [{"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": goal}]}


def _staff(cluster: WitnessedCluster) -> float:
    return cluster.seen[-1].cohorts[0][1]


def _taken_back(story: Story, seen: Seen) -> None:
    if seen.cohorts and seen.cohorts[0][1] < seen.cohorts[0][2] and seen.share == 50:
        story.once("person", 15.0, lambda: _promote_when_awaited(story))


def _promote_when_awaited(story: Story) -> None:
    """A person decides whether those who were spared get the version as well."""
    run = story.shop.status.run
    if run is None or run.waiting is None or run.waiting.reason != "CohortReverted":
        story.runner.at(story.shop.clock.now() + 15.0, lambda: _promote_when_awaited(story))
    else:
        story.shop.command(Action.PROMOTE)


GUARDS = [{"metric": "errors", "max": "5%"}]
BARE = {
    "metrics": [],
    "guards": [],
    "steps": [
        {"name": "canary", "weight": 10, "duration": "30s"},
        {"name": "half", "weight": 50, "duration": "30s"},
    ],
}
GATED = {
    **BARE,
    "steps": [
        {"name": "canary", "weight": 10, "duration": "30s"},
        {
            "name": "half",
            "weight": 50,
            "duration": "30s",
            "gate": {"approvals": [{"name": "engineering"}, {"name": "finance"}]},
        },
    ],
}
LONG = {
    **BARE,
    "steps": [
        {"name": "canary", "weight": 10, "duration": "1h"},
        {"name": "third", "weight": 30, "duration": "1s"},
        {"name": "half", "weight": 50, "duration": "1s"},
    ],
}


def _hook(when: str, **fields: str) -> dict[str, Any]:
    return {"name": when.lower(), "when": when, "job": {"cronJob": when.lower()}, **fields}


JOBS = {
    **BARE,
    "hooks": [_hook(when) for when in HOOKS],
    "steps": [
        {"name": "canary", "weight": 10, "duration": "30s"},
        {"name": "half", "weight": 50, "duration": "30s", "gate": {"jobs": [{"cronJob": "smoke"}]}},
    ],
}


def _scaled(**scaling: object) -> dict[str, Any]:
    names = {"deployment": "checkout-canary", "service": "checkout-canary"}
    return {"candidate": {**names, "scaling": scaling}}


TO_ZERO = {"traffic": [{"kind": "HTTPRoute", "name": "checkout", "revert": "ScaleToZero"}]}
BUSY = {"metric": "errors", "max": "1%", "onBreach": "Scale", "scale": {"by": 1, "max": 2, "cooldown": "5m"}}


def _pods(cluster: Cluster) -> int:
    return cluster.deployments["checkout-canary"].replicas


def _watched_long(changes: dict[str, Any]) -> dict[str, Any]:
    canary, half = changes["steps"]
    return {**changes, "steps": [canary, {**half, "duration": "1h"}]}


def _jobs_ended(shop: Shop) -> bool:
    return shop.outcome != "" and all(one.outcome for one in shop.status.jobs)


COHORT = {
    "traffic": [
        {"kind": "HTTPRoute", "name": "checkout", "rules": ["main"]},
        {"kind": "HTTPRoute", "name": "checkout", "rules": ["staff"], "cohort": "staff"},
    ],
    "steps": [
        {"name": "canary", "weight": 10, "cohorts": {"staff": 100}, "duration": "30s"},
        {"name": "half", "weight": 50, "duration": "30s"},
    ],
}
SHADOWED = {
    **BARE,
    "steps": [
        {"name": "shadow", "weight": 0, "mirror": {"percent": 20}, "duration": "30s"},
        {"name": "half", "weight": 50, "duration": "30s"},
    ],
}


def _deleted_in_the_shadow_step(story: Story, seen: Seen) -> None:
    if seen.mirror:
        story.once("delete", 5.0, lambda: story.cluster.delete_rollout("checkout"))


ABORTED = {"outcome": "Aborted", "image": "shop:v1"}

PODS_RAISED = (0, 100 / 11, 10, 500 / 14, 50, 500 / 15, 0)
"""Pods first of the candidate, then fewer of the baseline; after the promotion the baseline's own again, and then none of it."""

SCENARIOS = [
    Scenario("clean"),
    Scenario("clean without metrics", BARE),
    Scenario(
        "breached",
        sick=lambda query, cluster: query.arm is ArmName.CANDIDATE and _share(cluster) == 50,
        outcome="Reverted",
        image="shop:v1",
    ),
    Scenario(
        "stepped back to a step, then resumed",
        _back_to(step="canary"),
        sick=_sick_once,
        on_write=_stepped_back(_resume_when_paused),
        weights=(0, 10, 50, 10, 50, 0),
    ),
    Scenario(
        "stepped back to a weight, then resumed",
        _back_to(weight=5),
        sick=_sick_once,
        on_write=_stepped_back(_resume_when_paused),
        weights=(0, 10, 50, 5, 50, 0),
    ),
    Scenario(
        "stepped back, then aborted",
        _back_to(weight=5, gates="Ask"),
        sick=_sick_once,
        on_write=_stepped_back(_abort_when_paused),
        weights=(0, 10, 50, 5, 0),
        told=True,
        **ABORTED,
    ),
    Scenario("by pods", {**BARE, **BY_PODS}, weights=PODS_RAISED, by_pods=True),
    Scenario(
        "by pods, breached",
        BY_PODS,
        sick=lambda query, cluster: query.arm is ArmName.CANDIDATE and _share(cluster) == 50,
        outcome="Reverted",
        weights=(*PODS_RAISED[:-2], 0),
        image="shop:v1",
        by_pods=True,
    ),
    Scenario("with a cohort", COHORT, cohort=(0, 100, 0)),
    Scenario(
        "breached with a cohort",
        COHORT,
        sick=lambda query, cluster: query.arm is ArmName.CANDIDATE and _share(cluster) == 50,
        cohort=(0, 100, 0),
        outcome="Reverted",
        image="shop:v1",
    ),
    Scenario(
        "a cohort taken back, then promoted",
        {**COHORT, "guards": [{"metric": "errors", "max": "5%", "cohort": "staff", "scope": "Cohort"}]},
        sick=lambda query, cluster: query.arm is ArmName.CANDIDATE and _share(cluster) == 50 and _staff(cluster) > 0,
        on_write=_taken_back,
        cohort=(0, 100, 0),
    ),
    Scenario("with a shadow step", SHADOWED, weights=(0, 50, 0), mirrors=(0, 20, 0)),
    Scenario(
        "deleted in its shadow step",
        SHADOWED,
        on_write=_deleted_in_the_shadow_step,
        done=lambda shop: not shop.cluster.rollouts,
        outcome="",
        weights=(0,),
        mirrors=(0, 20, 0),
        image="shop:v1",
    ),
    Scenario("approved by two", GATED, on_write=_approved_by_two),
    Scenario("rejected, then aborted", GATED, on_write=_rejected, weights=(0, 10, 0), **ABORTED),
    Scenario("advanced", LONG, on_write=_skip(Action.ADVANCE), weights=(0, 10, 30, 50, 0)),
    Scenario("promoted early", LONG, on_write=_skip(Action.PROMOTE)),
    Scenario("with jobs", JOBS, done=_jobs_ended),
    Scenario("with jobs, aborted", _watched_long(JOBS), on_write=_abort_after_its_job, done=_jobs_ended, **ABORTED),
    Scenario(
        "with a hook, deleted",
        {**BARE, "hooks": [_hook("Revert")]},
        on_write=_on_share(50, "delete", lambda story: story.cluster.delete_rollout("checkout")),
        done=lambda shop: not shop.cluster.rollouts,
        outcome="",
        image="shop:v1",
    ),
    Scenario(
        "scaled before its weight, at rest afterwards",
        {**BARE, **_scaled(mode="MatchWeight", min=2, afterEnd={"delay": "1m"})},
        done=lambda shop: shop.outcome != "" and _pods(shop.cluster) == 0,
        pods=1,
    ),
    Scenario(
        "brought back from its rest by a new version",
        {**BARE, **_scaled(afterEnd={"delay": "1m"})},
        on_write=_on_share(50, "release", _release_when_at_rest),
        done=lambda shop: len(shop.status.history) == 2 and _pods(shop.cluster) == 0,
        weights=(0, 10, 50, 0, 10, 50, 0),
        image="shop:v3",
    ),
    Scenario(
        "scaled to zero by an abort, brought back by a new version",
        {**BARE, **TO_ZERO},
        on_write=_aborted_then_released,
        done=lambda shop: len(shop.status.history) == 2 and _pods(shop.cluster) == 0,
        outcome="Aborted",
        weights=(0, 10, 50, 0, 10, 50, 0),
        image="shop:v3",
    ),
    Scenario(
        "scaled at a breach",
        {"guards": [BUSY]},
        sick=lambda query, cluster: query.arm is ArmName.CANDIDATE and _share(cluster) == 50 and _pods(cluster) == 1,
        pods=1,
    ),
    Scenario("aborted", BARE, on_write=_on_share(50, "abort", _abort), **ABORTED),
    Scenario(
        "deleted",
        BARE,
        on_write=_on_share(50, "delete", lambda story: story.cluster.delete_rollout("checkout")),
        done=lambda shop: not shop.cluster.rollouts,
        outcome="",
        image="shop:v1",
    ),
    Scenario(
        "superseded",
        BARE,
        on_write=_on_share(50, "supersede", lambda story: story.cluster.set_image("checkout-canary", "shop:v3")),
        done=lambda shop: len(shop.status.history) == 2,
        outcome="Superseded",
        weights=(0, 10, 50, 0, 10, 50, 0),
        image="shop:v3",
        told=True,
    ),
    Scenario(
        "awaiting the baseline",
        {**BARE, "promotion": {"strategy": "AwaitBaseline", "settle": "20s"}},
        on_write=_follow_in_git,
    ),
    Scenario(
        "breached while the baseline rolls out",
        sick=lambda _query, cluster: _share(cluster) == 50 and _image(cluster) == "shop:v2",
        rollout_seconds=25,
        outcome="Reverted",
        image="shop:v1",
    ),
    Scenario(
        "breached while settling, then aborted",
        sick=lambda query, cluster: (
            query.arm is ArmName.BASELINE and _share(cluster) == 0 and _image(cluster) == "shop:v2"
        ),
        on_write=_sent_back,
        weights=(0, 10, 50, 0, 50, 0),
        **ABORTED,
    ),
    Scenario(
        "deleted while the baseline rolls out",
        {**BARE, "steps": [{"name": "half", "weight": 50}]},
        on_write=_on_share(50, "delete", lambda story: story.cluster.delete_rollout("checkout"), 12.0),
        rollout_seconds=25,
        done=lambda shop: not shop.cluster.rollouts,
        outcome="",
        weights=(0, 50, 0),
        image="shop:v1",
    ),
]
