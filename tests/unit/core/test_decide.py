"""`decide` by table: what is remembered and seen on one side, what is done and why on the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.decide_table import (
    BASELINE,
    CANDIDATE,
    NOW,
    SPEC,
    Row,
    acts,
    answers,
    decided,
    ending,
    first,
    route,
    status_with,
    step_with,
    under_way,
)
from tidegate.api.commands import Action
from tidegate.api.rollout.status import Paused, RolloutStatus
from tidegate.core.model.memory import Refusal
from tidegate.core.model.observation import Live
from tidegate.core.model.time_format import instant
from tidegate.core.model.version import version_of
from tidegate.core.model.world import (
    ABSENT,
    Acceptance,
    Unknown,
    Unseen,
)

PASSED = step_with(watched=600.0, judged=600.0, passed=True)


PERSON = Paused(reason="PausedByCommand", message="ann", since=instant(NOW - 60))


ROWS = [
    Row("all is well: the step goes on", under_way(), (), "Watching"),
    Row("a breached guard reverts", under_way(), ("revert 1/0",), "GuardBreached", answers=answers(0.5), urgent=True),
    Row(
        "a pause does not stop a revert",
        status_with(paused=PERSON),
        ("revert 1/0",),
        "GuardBreached",
        answers=answers(0.5),
        urgent=True,
    ),
    Row("both arms beyond the limit: a shared incident holds", under_way(), (), "Holding", answers=answers(0.5, 0.5)),
    Row("no answer is neither good nor bad", under_way(), (), "Watching", answers=answers(None)),
    Row("no answer raises nothing", PASSED, (), "LimitNotMet", answers=answers(None)),
    Row("a passed step raises to the next", PASSED, ("raise 50/50",), "StepStarted"),
    Row("a threshold that is breached now raises nothing", PASSED, (), "LimitNotMet", answers=answers(0.02)),
    Row("a paused run raises nothing", status_with(paused=PERSON), (), "Paused"),
    Row("an invalid spec raises nothing", PASSED, (), "InvalidSpec", valid=False),
    Row(
        "an invalid spec stops no revert",
        under_way(),
        ("revert 1/0",),
        "GuardBreached",
        answers=answers(0.5),
        valid=False,
        urgent=True,
    ),
    Row(
        "a memory that could not be read raises nothing", PASSED, (), "StatusUnreadable", memory={"unreadable": "run.x"}
    ),
    Row(
        "a memory that could not be read stops no revert",
        under_way(),
        ("revert 1/0",),
        "GuardBreached",
        answers=answers(0.5),
        memory={"unreadable": "run.x"},
        urgent=True,
    ),
    Row(
        "more on the route than decided is corrected",
        under_way(),
        ("lower 90/10",),
        "WeightCorrected",
        route=route(20, 80),
    ),
    Row("less on the route pauses", under_way(), (), "Paused", route=route(97, 3)),
    Row("a route that cannot be read is waited for", under_way(), (), "ReadFailed", route=Unknown("503")),
    Row(
        "a route that cannot be read stops no revert of the others",
        under_way(),
        (),
        "GuardBreached",
        route=Unknown("503"),
        answers=answers(0.5),
        urgent=True,
    ),
    Row(
        "a kind that is not served is said", under_way(), (), "RouterNotServed", route=Unknown("404", Unseen.NOT_SERVED)
    ),
    Row("a route that is gone ends the run", under_way(), (), "RouteMissing", route=ABSENT, urgent=True),
    Row("a refused route stops the step", under_way(), (), "RouteNotAccepted", route=route(90, 10, Acceptance.REFUSED)),
    Row(
        "a refused route stops no revert",
        under_way(),
        ("revert 1/0",),
        "GuardBreached",
        route=route(90, 10, Acceptance.REFUSED),
        answers=answers(0.5),
        urgent=True,
    ),
    Row("a refused route is not raised on", PASSED, (), "RouteNotAccepted", route=route(90, 10, Acceptance.REFUSED)),
    Row(
        "a route that may not be written stops the step",
        under_way(),
        (),
        "RouteNotWritable",
        route=replace(route(90, 10), not_writable="no right to patch"),
    ),
    Row(
        "a route that may not be written is not raised on",
        PASSED,
        (),
        "RouteNotWritable",
        route=replace(route(90, 10), not_writable="no right to patch"),
    ),
    Row(
        "a revert is tried whatever is known of permissions",
        under_way(),
        ("revert 1/0",),
        "GuardBreached",
        route=replace(route(90, 10), not_writable="no right to patch"),
        answers=answers(0.5),
        urgent=True,
    ),
    Row(
        "the candidate's Service is gone: revert",
        under_way(),
        ("revert 1/0",),
        "CandidateServiceMissing",
        candidate=replace(CANDIDATE, selector=ABSENT),
        urgent=True,
    ),
    Row(
        "with Hold the step stands still instead",
        under_way(),
        (),
        "CandidateServiceMissing",
        candidate=replace(CANDIDATE, selector=ABSENT),
        raw={**SPEC, "onPreconditionLost": "Hold"},
    ),
    Row(
        "a Service that selects both arms: revert",
        under_way(),
        ("revert 1/0",),
        "ArmsOverlap",
        candidate=replace(CANDIDATE, selector={"app": "checkout"}),
        urgent=True,
    ),
    Row(
        "the baseline's Service is gone: nothing is reverted onto it",
        under_way(),
        (),
        "BaselineServiceMissing",
        baseline=replace(BASELINE, selector=ABSENT),
    ),
    Row(
        "the candidate is gone: the run ends",
        under_way(),
        ("revert 1/0",),
        "CandidateMissing",
        candidate=ABSENT,
        urgent=True,
    ),
    Row("the candidate could not be read: nothing ends", under_way(), (), "Watching", candidate=Unknown("503")),
    Row("a baseline without pods: no raise", PASSED, (), "BaselineNotReady", baseline=replace(BASELINE, available=0)),
    Row(
        "a baseline without pods: a revert waits and says so",
        under_way(),
        (),
        "BaselineUnavailable",
        baseline=replace(BASELINE, available=0),
        answers=answers(0.5),
        urgent=True,
    ),
    Row(
        "neither arm has a pod: nothing to lose",
        under_way(),
        ("revert 1/0",),
        "GuardBreached",
        baseline=replace(BASELINE, available=0),
        candidate=replace(CANDIDATE, available=0),
        answers=answers(0.5),
        urgent=True,
    ),
    Row("an abort reverts", under_way(), ("revert 1/0",), "AbortedByCommand", commands=(Action.ABORT,), urgent=True),
    Row(
        "an abort goes before a pause",
        under_way(),
        ("revert 1/0",),
        "AbortedByCommand",
        commands=(Action.PAUSE, Action.ABORT),
        urgent=True,
    ),
    Row(
        "an abort forces a revert onto no pods",
        under_way(),
        ("revert 1/0",),
        "AbortedByCommand",
        commands=(Action.ABORT,),
        baseline=replace(BASELINE, available=0),
        urgent=True,
    ),
    Row("a deletion reverts first", under_way(), ("revert 1/0",), "RolloutDeleted", deleting=True, urgent=True),
    Row(
        "a deletion waits for no baseline that is gone",
        under_way(),
        ("revert 1/0",),
        "RolloutDeleted",
        deleting=True,
        baseline=ABSENT,
        urgent=True,
    ),
    Row("a finalizer that was taken off is restored", under_way(), ("finalizer on",), "Watching", finalizers=()),
    Row("an end whose weights are back is concluded", ending(), ("finalizer off",), "Reverted", route=route(1, 0)),
    Row(
        "a look at the routes is enough to conclude it",
        ending(),
        ("finalizer off",),
        "Reverted",
        route=route(1, 0),
        live=Live.ROUTES,
    ),
    Row(
        "what the watch streams say is not",
        ending(),
        (),
        "GuardBreached",
        route=route(1, 0),
        live=Live.NOTHING,
        urgent=True,
    ),
    Row(
        "a superseded run is concluded before the next begins",
        ending(kind="Superseded"),
        (),
        "Superseded",
        route=route(1, 0),
        raw={**SPEC, "revision": "r2"},
    ),
    Row(
        "an end is not concluded before a late write could have landed",
        ending(since=1.0),
        (),
        "GuardBreached",
        route=route(1, 0),
        urgent=True,
    ),
    Row(
        "an end is not concluded before the gateway has taken it",
        ending(),
        (),
        "RevertNotAccepted",
        route=route(1, 0, Acceptance.PENDING),
        urgent=True,
    ),
    Row("an end goes on putting back", ending(), ("revert 1/0",), "GuardBreached", urgent=True),
    Row("an end whose route is gone is concluded", ending(), ("finalizer off",), "Reverted", route=ABSENT),
    Row(
        "an end whose kind of route is gone is concluded",
        ending(),
        ("finalizer off",),
        "Reverted",
        route=Unknown("404", Unseen.NOT_SERVED),
    ),
    Row("an end whose route cannot be read goes on", ending(), (), "GuardBreached", route=Unknown("503"), urgent=True),
    Row(
        "a refused write is said",
        under_way(),
        (),
        "WriteRefused",
        memory={"refused": Refusal("WriteRefused", "403", NOW - 5)},
    ),
    Row(
        "a contested route is said",
        under_way(),
        (),
        "RouteContested",
        memory={"corrections": (NOW - 30, NOW - 20, NOW - 10)},
    ),
    Row(
        "at rest a reverted version is not tried again",
        RolloutStatus(rejected=version_of(CANDIDATE, None, ())),
        ("finalizer off",),
        "Reverted",
        route=route(1, 0),
    ),
    Row(
        "at rest a new version starts a run",
        RolloutStatus(),
        ("finalizer on",),
        "RunStarted",
        route=route(1, 0),
        finalizers=(),
    ),
    Row(
        "at rest a candidate with traffic is not touched", RolloutStatus(), (), "CandidateAlreadyServing", finalizers=()
    ),
    Row("a status that was lost during a run is recovered, paused", RolloutStatus(), (), "Paused"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.why)
def test_decide(row: Row) -> None:
    plan = decided(row)
    assert (acts(plan), first(plan, row.status)) == (row.does, row.reason)
    assert plan.urgent == row.urgent
