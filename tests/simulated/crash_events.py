"""What happens in the stories in which processes die: releases, commands, and what the stories' shops are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.simulated.crashes import HOOKS, Story
from tests.simulated.shop import Shop
from tests.simulated.witness import Seen, WitnessedCluster
from tidegate.api.commands import Action
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.simulation.cluster import Cluster


def share(cluster: WitnessedCluster) -> float:
    return cluster.seen[-1].share


def image(cluster: WitnessedCluster) -> str:
    return str(cluster.deployments["checkout"].template["spec"]["containers"][0]["image"])


def on_share(
    share: float, name: str, act: Callable[[Story], None], delay: float = 5.0
) -> Callable[[Story, Seen], None]:
    def on_write(story: Story, seen: Seen) -> None:
        if seen.share == share:
            story.once(name, delay, lambda: act(story))

    return on_write


def abort(story: Story) -> None:
    story.shop.command(Action.ABORT)


def when(story: Story, holds: Callable[[], bool], then: Callable[[], object]) -> None:
    """Does something once a condition holds, looked at every 15 seconds."""
    if holds():
        then()
    else:
        story.runner.at(story.shop.clock.now() + 15.0, lambda: when(story, holds, then))


def abort_after_its_job(story: Story, seen: Seen) -> None:
    if seen.share == 50:
        story.once("abort", 15.0, lambda: abort_when_started(story))


def abort_when_started(story: Story) -> None:
    """A person aborts once the Job at the start of the second step has run."""

    def has_run() -> bool:
        jobs = story.shop.status.jobs
        return any((one.key, one.step) == ("stepstart", "half") and one.outcome for one in jobs)

    when(story, has_run, lambda: abort(story))


def sent_back(story: Story, seen: Seen) -> None:
    if seen.share == 50 and image(story.cluster) == "shop:v2":
        story.once("abort", 5.0, lambda: abort(story))


def superseded_when_sent_back(story: Story, seen: Seen) -> None:
    """A new version comes while an awaited baseline has breached; once that is said, Git gives it to the baseline as well."""
    follow_in_git(story, seen)
    if seen.share == 50 and image(story.cluster) == "shop:v2":
        story.once("push", 5.0, lambda: story.cluster.set_image("checkout-canary", "shop:v3"))
        follow = partial(story.cluster.set_image, "checkout", "shop:v3")
        story.once("git again", 15.0, lambda: when(story, lambda: stalled(story) == "AnotherVersion", follow))


def stalled(story: Story) -> str:
    return next((one.reason for one in story.shop.status.conditions if one.type == "Stalled"), "")


def follow_in_git(story: Story, seen: Seen) -> None:
    if seen.share == 50:
        story.once("git", 15.0, lambda: follow_when_awaited(story))


def follow_when_awaited(story: Story) -> None:
    """Git follows once the Rollout says that it is waited for."""

    def awaited() -> bool:
        run = story.shop.status.run
        return run is not None and run.promotion is not None and run.promotion.stage == "Awaiting"

    when(story, awaited, lambda: story.cluster.set_image("checkout", "shop:v2"))


def approved_by_two(story: Story, seen: Seen) -> None:
    if seen.share == 10:
        story.once("people", 15.0, lambda: when(story, lambda: people_awaited(story), lambda: approve(story)))


def people_awaited(story: Story) -> bool:
    gate = story.shop.status.gate
    return gate is not None and bool(gate.closed)


def approve(story: Story) -> None:
    for name, person in (("engineering", "ann"), ("finance", "bob"), ("finance", "cleo")):
        story.shop.command(Action.APPROVE, step="half", approval=name, requester=person)


def rejected(story: Story, seen: Seen) -> None:
    if seen.share == 10:
        story.once("people", 15.0, lambda: when(story, lambda: people_awaited(story), lambda: reject(story)))


def reject(story: Story) -> None:
    story.shop.command(Action.REJECT, step="half", approval="finance", requester="bob")
    story.once("abort", 15.0, lambda: abort_when_paused(story))


def abort_when_paused(story: Story) -> None:
    def paused() -> bool:
        run = story.shop.status.run
        return run is not None and run.paused is not None

    when(story, paused, lambda: abort(story))


def aborted_then_released(story: Story, seen: Seen) -> None:
    if seen.share == 50:
        story.once("abort", 5.0, lambda: abort(story))
        story.once("release", 15.0, lambda: release_when_at_rest(story))


def release_when_at_rest(story: Story) -> None:
    """A new version comes once the candidate has been scaled down."""
    when(
        story,
        lambda: bool(story.shop.outcome) and pods(story.cluster) == 0,
        lambda: story.cluster.set_image("checkout-canary", "shop:v3"),
    )


def skip(action: Action) -> Callable[[Story, Seen], None]:
    def on_write(story: Story, seen: Seen) -> None:
        if seen.share == 10:
            story.once("skip", 15.0, lambda: skip_when_reached(story, action))

    return on_write


def skip_when_reached(story: Story, action: Action) -> None:
    step = story.shop.status.step
    if step is None or not step.reached:
        story.runner.at(story.shop.clock.now() + 15.0, lambda: skip_when_reached(story, action))
        return
    story.shop.command(action)


def resume_when_paused(story: Story) -> None:
    run = story.shop.status.run
    if run is None or run.paused is None:
        story.runner.at(story.shop.clock.now() + 15.0, lambda: resume_when_paused(story))
    else:
        story.shop.command(Action.RESUME)


def stepped_back(act: Callable[[Story], None]) -> Callable[[Story, Seen], None]:
    def on_write(story: Story, seen: Seen) -> None:
        if seen.share < seen.before:
            story.once("person", 15.0, lambda: act(story))

    return on_write


def sick_once(query: Query, cluster: WitnessedCluster) -> bool:
    """Sick at 50 % until the candidate went down once."""
    went_down = any(one.share < one.before for one in cluster.seen)
    return query.arm is ArmName.CANDIDATE and share(cluster) == 50 and not went_down


def back_to(**goal: object) -> dict[str, Any]:
    return {"guards": [{"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": goal}]}


def staff(cluster: WitnessedCluster) -> float:
    return cluster.seen[-1].cohorts[0][1]


def taken_back(story: Story, seen: Seen) -> None:
    if seen.cohorts and seen.cohorts[0][1] < seen.cohorts[0][2] and seen.share == 50:
        story.once("person", 15.0, lambda: promote_when_awaited(story))


def promote_when_awaited(story: Story) -> None:
    """A person decides whether those who were spared get the version as well."""
    run = story.shop.status.run
    if run is None or run.waiting is None or run.waiting.reason != "CohortReverted":
        story.runner.at(story.shop.clock.now() + 15.0, lambda: promote_when_awaited(story))
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


def hook(when: str, **fields: str) -> dict[str, Any]:
    return {"name": when.lower(), "when": when, "job": {"cronJob": when.lower()}, **fields}


JOBS = {
    **BARE,
    "hooks": [hook(when) for when in HOOKS],
    "steps": [
        {"name": "canary", "weight": 10, "duration": "30s"},
        {"name": "half", "weight": 50, "duration": "30s", "gate": {"jobs": [{"cronJob": "smoke"}]}},
    ],
}


def scaled(**scaling: object) -> dict[str, Any]:
    names = {"deployment": "checkout-canary", "service": "checkout-canary"}
    return {"candidate": {**names, "scaling": scaling}}


TO_ZERO = {"traffic": [{"kind": "HTTPRoute", "name": "checkout", "revert": "ScaleToZero"}]}


BUSY = {"metric": "errors", "max": "1%", "onBreach": "Scale", "scale": {"by": 1, "max": 2, "cooldown": "5m"}}


def pods(cluster: Cluster) -> int:
    return cluster.deployments["checkout-canary"].replicas


def watched_long(changes: dict[str, Any]) -> dict[str, Any]:
    canary, half = changes["steps"]
    return {**changes, "steps": [canary, {**half, "duration": "1h"}]}


def jobs_ended(shop: Shop) -> bool:
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


def deleted_in_the_shadow_step(story: Story, seen: Seen) -> None:
    if seen.mirror:
        story.once("delete", 5.0, lambda: story.cluster.delete_rollout("checkout"))


ABORTED = {"outcome": "Aborted", "image": "shop:v1"}


PODS_RAISED = (0, 100 / 11, 10, 500 / 14, 50, 500 / 15, 0)
"""Pods first of the candidate, then fewer of the baseline; after the promotion the baseline's own again, and then none of it."""
