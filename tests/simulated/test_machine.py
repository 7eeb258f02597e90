"""Any order of faults and hands: the promises hold after every step, and once the trouble is over the Rollout comes to rest.

Hypothesis chooses the steps from fixed seeds: the same ones each time. A failure prints the shortest story it found, as calls
that can be pasted into a test.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulated.crashes import KilledError
from tests.simulated.shop import Shop, check, spec, value
from tests.simulated.witness import OURS, Seen, WitnessedCluster, broken_promises
from tidegate.api.commands import Action
from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.core.gates.step_hash import hash_of
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, Vector
from tidegate.core.model.world import Arm, ArmName, Command
from tidegate.ports.errors import Conflict, PortError, Rejected, Unavailable
from tidegate.simulation.cluster import SimulatedCronJob, SimulatedJob
from tidegate.simulation.runner import Runner

ANSWERS: dict[str, Answer] = {
    "well": value(0.0),
    "worse": value(0.02),
    "sick": value(0.06),
    "infinite": value(math.inf),
    "not a number": value(math.nan),
    "empty": Vector(()),
    "down": Failed(FailedReason.REFUSED, "no answer"),
}
STEPS = [
    {"name": "canary", "weight": 10, "duration": "60s", "thresholds": [{"metric": "errors", "max": "1%"}]},
    {"name": "half", "weight": 50, "duration": "60s", "thresholds": [{"metric": "errors", "max": "1%"}]},
]
GUARDS = [{"metric": "errors", "max": "5%"}, {"metric": "latency", "max": "50%", "onBreach": "Warn"}]
WORSE = {"metric": "errors", "max": "1%", "onBreach": "StepBack"}
GATE = {"approvals": [{"name": "engineering"}, {"name": "finance"}]}
CHECKS = {"checks": [{"metric": "incidents", "max": 0}]}
HOOKS = [
    {"name": when.lower(), "when": when, "job": {"cronJob": "hook", "deadline": "2m"}, **failure}
    for when, failure in (
        ("StepStart", {"onFailure": "Ignore"}),
        ("StepEnd", {"onFailure": "Hold"}),
        ("RunStart", {"onFailure": "Revert"}),
        ("Revert", {}),
        ("Success", {}),
        ("End", {}),
    )
]
CRON_JOBS = {
    "well": SimulatedCronJob(lasts=5),
    "slow": SimulatedCronJob(lasts=300),
    "failing": SimulatedCronJob(lasts=2, fails=3, retries=1),
    "refused": SimulatedCronJob(refused="jobs.batch is forbidden"),
    "missing": SimulatedCronJob(missing=True),
}
CANARY = {"deployment": "checkout-canary", "service": "checkout-canary"}
EDITS: dict[str, dict[str, object]] = {
    "as it was": {},
    "paused": {"paused": True},
    "lower": {"steps": [{**STEPS[0], "weight": 5}, STEPS[1]]},
    "higher": {"steps": [{**STEPS[0], "weight": 20}, {**STEPS[1], "weight": 60}]},
    "first step gone": {"steps": STEPS[1:]},
    "last step gone": {"steps": STEPS[:1]},
    "finer": {"steps": [{**STEPS[0], "weight": "2.5"}, STEPS[1]]},
    "another revision": {"revision": "r2"},
    "nonsense": {"steps": "nonsense"},
    "asking two people": {"steps": [STEPS[0], {**STEPS[1], "gate": GATE}]},
    "asking two people, edited": {"steps": [STEPS[0], {**STEPS[1], "weight": 60, "gate": GATE}]},
    "checking": {"steps": [{**STEPS[0], "gate": CHECKS}, {**STEPS[1], "gate": CHECKS}]},
    "stepping back to a step": {"guards": [*GUARDS, {**WORSE, "stepBack": {"step": "canary", "gates": "Ask"}}]},
    "stepping back to a weight": {"guards": [*GUARDS, {**WORSE, "stepBack": {"weight": 5}}]},
    "with hooks": {"hooks": HOOKS},
    "with a job before half": {"steps": [STEPS[0], {**STEPS[1], "gate": {"jobs": [{"cronJob": "smoke"}]}}]},
    "a job tidies": {
        "guards": [
            {"metric": "errors", "max": "1%", "onBreach": "RunJob", "job": {"cronJob": "tidy", "cooldown": "20s"}},
            {"metric": "errors", "max": "5%"},
        ]
    },
    "scaled with its weight": {
        "candidate": {**CANARY, "scaling": {"mode": "MatchWeight", "min": 2, "max": 6, "afterEnd": {"delay": "20s"}}}
    },
    "at rest after the end": {"candidate": {**CANARY, "scaling": {"afterEnd": {"delay": "5s"}}}},
    "scaled at a breach": {
        "guards": [
            {"metric": "errors", "max": "1%", "onBreach": "Scale", "scale": {"by": "50%", "max": 5, "cooldown": "20s"}},
            {"metric": "errors", "max": "5%"},
        ]
    },
    "frozen": {"freezes": [{"from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z", "reason": "books"}]},
}
CALLS = (
    "store.write_status",
    "store.set_finalizer",
    "store.read",
    "router.write",
    "router.read",
    "workloads.arm",
    "workloads.template",
    "workloads.revision",
    "workloads.write_template",
    "workloads.scale",
    "workloads.autoscaler",
    "metrics.sample",
    "commands.conclude",
    "announcer.announce",
    "notifier.send",
    "jobs.start",
    "jobs.read",
)
BYSTANDERS = (
    "announcer.announce",
    "notifier.send",
    "jobs.start",
    "jobs.read",
    "workloads.scale",
    "workloads.autoscaler",
    "commands.conclude",
    "store.write_status",
    "store.read",
    "workloads.arm",
    "metrics.sample latency",
)
"""Calls that may fail or hang for as long as they like: a breach is answered all the same."""
ERRORS: dict[str, type[PortError]] = {"Conflict": Conflict, "Unavailable": Unavailable, "Rejected": Rejected}


BROKEN: dict[str, dict[str, Any]] = {
    "a run that is text": {"run": "yes"},
    "a spec that is not valid JSON": {"run": {"id": "1", "spec": "{ nothing"}},
    "targets that are a number": {"run": {"id": "1"}, "targets": 7},
}
SKEWS: dict[str, Callable[[dict[str, Any]], object]] = {
    "words": lambda status: status.update(message="hello", phase="Fine"),
    "unknown fields": lambda status: (
        status["run"].update(quarantine={"since": "never"}),
        status.get("step", {}).update(lanes={"beta": 100}),
        status.update(quota=[{"name": "x"}]),
    ),
}


def faults_of(status: Mapping[str, Any], rejected: bool) -> list[str]:  # noqa: FBT001
    """What is wrong with a status as it is written; empty when nothing is.

    Args:
        status: as on the wire.
        rejected: the candidate's version was reverted or aborted, and nobody has said Retry.
    """
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    true = {kind for kind, state in conditions.items() if state == "True"} & {"Ready", "Reconciling", "Stalled"}
    run = status.get("run")
    found = []
    if len(json.dumps(status, ensure_ascii=False).encode()) >= 64 * 1024:
        found.append("64 KiB and more")
    if len(status.get("conditions") or ()) != len(conditions) or "Ready" not in conditions:
        found.append(f"conditions {sorted(conditions)}")
    if len(true) > 1:
        found.append(f"true at once: {sorted(true)}")
    if "Ready" in true and run is not None:
        found.append("Ready during a run")
    if "Ready" in true and rejected:
        found.append("Ready with the candidate rejected")
    if "Stalled" in true and conditions["Ready"] != "False":
        found.append(f"Stalled, and Ready is {conditions['Ready']}")
    return found


class Machine(RuleBasedStateMachine):
    """One Rollout among faults and hands."""

    cluster_of: type[WitnessedCluster] = WitnessedCluster

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.shop = Shop(cluster_of=self.cluster_of)
        self.cluster = _witnessed(self.shop)
        self.answer = "well"
        self.candidate_only = False
        """Only the candidate's answers are like that; the baseline is well."""
        self.shop.answer = self._answered
        self.cluster.rollout_seconds = self.cluster.scale_seconds = 5.0
        self.spec = self._spec()
        self.runner: Runner = self.shop.rollout(self.spec)
        self.raises: list[str] = []
        self.latched: dict[str, str] = {}
        self.promoted = {"shop:v1"}
        self.unfit: list[str] = []
        self.skewed: set[str] = set()
        """Runs into whose status a newer version wrote what this one does not know."""
        self.early: list[str] = []
        """Hooks that ran before their time."""
        self.cluster.on_job.append(self._job_created)
        self.cluster.on_write.append(self._witness)
        self.cluster.on_status.append(self._status_written)

    def _answered(self, query: Query, _now: float) -> Answer:
        if query.metric == "latency" or (self.candidate_only and query.arm is ArmName.BASELINE):
            return ANSWERS["well"]
        return ANSWERS[self.answer]

    def _spec(self, **changes: object) -> dict[str, object]:
        metrics = [
            {"name": name, "query": f'{name}{{deployment="$workload"}}', "unit": "ratio", "window": "20s"}
            for name in ("errors", "latency")
        ]
        metrics.append({"name": "incidents", "query": "open_incidents", "unit": "none", "window": "20s"})
        promotion = {"strategy": "CopyTemplate", "settle": "20s"}
        receivers = [{"secret": {"name": "chat"}, "events": [str(one) for one in NotificationEvent]}]
        made = {
            "steps": STEPS,
            "promotion": promotion,
            "metrics": metrics,
            "guards": GUARDS,
            "notifications": receivers,
        }
        return spec(**{**made, **changes})

    def _status_written(self, name: str, status: Mapping[str, Any]) -> None:
        """What every status that is written must keep, intermediate ones included."""
        if name == "checkout":
            self.unfit += faults_of(status, self._candidate_rejected(status))

    def _candidate_rejected(self, status: Mapping[str, Any]) -> bool:
        candidate = self.cluster.arm("checkout-canary", "checkout-canary")
        rejected = (status.get("rejected") or {}).get("fingerprint")
        if rejected == (status.get("released") or {}).get("fingerprint"):
            return False  # it is in service all the same
        same = isinstance(candidate, Arm) and candidate.fields.fingerprint(()) == rejected
        stored = self.cluster.rollouts.get("checkout")
        revision = str(stored.spec.get("revision", "")) if stored is not None else ""
        return same and revision == (status.get("rejected") or {}).get("revision", "") and not status.get("retry")

    def _job_created(self, job: SimulatedJob) -> None:
        """What runs after a revert finds the weights as we put them back, and is in the status that is stored."""
        stored = self.cluster.rollouts.get("checkout")
        recorded = {one["name"] for one in (stored.status.get("jobs") or ())} if stored is not None else set()
        if job.name not in recorded:
            self.early.append(f"{job.name} before it was recorded")
        last = self.cluster.seen[-1]
        if job.environment["TIDEGATE_PURPOSE"] == "Revert" and last.share and last.write.manager in OURS:
            self.early.append(f"{job.name} at {last.share:g}%")

    @property
    def exists(self) -> bool:
        return "checkout" in self.cluster.rollouts

    def _witness(self, seen: Seen) -> None:
        """A raise of ours needs: nobody paused, nobody deleting, and a good judgement now."""
        if seen.write.manager not in OURS or seen.share <= seen.before or seen.late:
            return
        stored = self.cluster.rollouts["checkout"]
        run = seen.status.get("run") or {}
        why = [word for word in ("paused", "ending", "hold") if word in run]
        why += ["spec.paused"] if stored.spec.get("paused") else []
        why += ["deleting"] if stored.deleting else []
        why += [self.answer] if self.answer != "well" and seen.before > 0 else []
        why += [self.answer] if self.answer == "down" else []
        why += self._too_few_pods(stored.spec, seen) if "promotion" not in run else []
        why += self._closed(stored.spec, seen.status) if "promotion" not in run else []
        if why:
            self.raises.append(f"raised to {seen.share:g}% at {seen.write.time:.1f} although: {', '.join(why)}")

    def _too_few_pods(self, raw: Mapping[str, Any], seen: Seen) -> list[str]:
        """The weight came before the pods that it needs, and nothing else scales them."""
        parsed, _ = check(raw)
        scaling = parsed.candidate.scaling if parsed is not None else None
        if scaling is None or scaling.max is None or (seen.status.get("scaling") or {}).get("refused"):
            return []
        share = math.ceil(seen.share * self.cluster.deployments["checkout"].replicas / 100)
        need = min(max(share, scaling.min or 1), scaling.max)
        have = self.cluster.deployments["checkout-canary"].replicas
        return [f"{have} of {need} pods"] if have < need else []

    def _closed(self, raw: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
        """What is closed in the gate of the step that was raised to, by the spec and the status as stored."""
        parsed, _ = check(raw)
        name = (status.get("step") or {}).get("name")
        step = next((one for one in parsed.steps if one.name == name), None) if parsed is not None else None
        if parsed is None or step is None:
            return []
        given = {
            (one["name"], one["person"])
            for one in status.get("approvals") or ()
            if (one["step"], one["stepHash"]) == (step.name, hash_of(step))
        }
        asked = set(step.gate.quorum.names) if step.gate is not None and step.gate.quorum is not None else set()
        missing = asked - {name for name, _ in given}
        alone = {"one person for two"} if len({person for _, person in given}) < len(given) else set()
        checks = ["checks"] if step.gate is not None and step.gate.checks and self.answer != "well" else []
        done = {
            one["cronJob"]
            for one in status.get("jobs") or ()
            if (one["step"], one.get("stepHash"), one.get("outcome")) == (step.name, hash_of(step), "Succeeded")
            and not one.get("void")
        }
        jobs = {one.cron_job for one in step.gate.jobs} if step.gate is not None else set()
        return [*checks, *sorted(missing | alone), *(one.reason for one in parsed.freezes), *sorted(jobs - done)]

    @initialize(seconds=st.sampled_from([20, 0, 75, 140, 155]))
    def a_run_is_under_way(self, seconds: int) -> None:
        self._run(seconds)

    # Time

    @rule(seconds=st.sampled_from([10, 1, 35, 70]))
    def time_passes(self, seconds: int) -> None:
        self._run(seconds)
        if seconds >= 10 and self.exists:
            self.nobody_gives_the_candidate_more_for_long()

    def nobody_gives_the_candidate_more_for_long(self) -> None:
        status = self.shop.status
        most = status.run.weight if status.run else 0.0 if status.targets else 100.0
        if status.run is None or status.run.ending is None or self.cluster.deployments["checkout"].available != 0:
            assert self.shop.weight <= most

    @rule(seconds=st.sampled_from([-4000, -30, -1, 7, 90, 4000]))
    def the_clock_leaps(self, seconds: int) -> None:
        self.runner.leap(seconds)
        for deployment in self.cluster.deployments.values():  # pods do not become ready by the clock on the wall
            deployment.rolled_out_at += seconds
            deployment.scaled_at += seconds

    # Faults

    @rule()
    def the_operator_restarts(self) -> None:
        self.runner.restart()

    @rule(
        call=st.sampled_from(CALLS), error=st.sampled_from(sorted(ERRORS)), times=st.integers(1, 4), lost=st.booleans()
    )
    def calls_fail(self, call: str, error: str, times: int, lost: bool) -> None:  # noqa: FBT001
        """With `lost` a write has its effect, and only its answer is lost."""
        left = [times]

        def fail(name: str) -> None:
            if name == call and left[0]:
                left[0] -= 1
                raise (Unavailable if lost or call in {"store.read", "router.read"} else ERRORS[error])(f"{name} fails")

        self._hook(fail, after=lost)
        self._run(15)
        self._unhook()

    @rule(after=st.integers(0, 12), lost=st.booleans(), away=st.sampled_from([0, 20, 60]))
    def the_operator_dies_at_a_call(self, after: int, lost: bool, away: int) -> None:  # noqa: FBT001
        left = [after]

        def kill(_name: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError

        self._hook(kill, after=lost)
        try:
            self._run(15)
        except KilledError:
            self.runner.stop()
            self._unhook()
            self._run(away)
            self.runner.restart()
        self._unhook()

    @rule(
        call=st.sampled_from(["router.write", "workloads.write_template", "workloads.scale", "store.write_status"]),
        wait=st.sampled_from([1, 4]),
    )
    def a_call_times_out_and_lands_later(self, call: str, wait: int) -> None:
        put_off: list[Callable[[], None]] = []

        def later(name: str, effect: Callable[[], None]) -> bool:
            if name != call or put_off:
                return False
            put_off.append(effect)
            self.runner.at(self.shop.clock.now() + wait, lambda: self._lands(effect))
            return True

        self.shop.gate.later = later
        self._run(15)
        self.shop.gate.later = lambda _name, _effect: False

    def _lands(self, effect: Callable[[], None]) -> None:
        self.cluster.landing = True
        with suppress(PortError):
            effect()
        self.cluster.landing = False

    @rule(call=st.sampled_from((*CALLS, "metrics.sample latency")), seconds=st.sampled_from([2.0, 8.0]))
    def a_call_hangs(self, call: str, seconds: float) -> None:
        self.shop.gate.takes = lambda name: seconds if name == call else 0.0
        self._run(15)
        self.shop.gate.takes = lambda _name: 0.0

    @rule()
    def a_write_of_the_route_is_refused_for_long(self) -> None:
        """It is told within an interval: whoever looks sees why nothing moves."""
        refused: list[float] = []

        def refuse(name: str) -> None:
            if name == "router.write":
                refused.append(self.shop.clock.now())
                raise Rejected("denied by policy change-freeze")

        self._hook(refuse, after=False)
        self._run(30)
        now = self.shop.clock.now()
        self._unhook()
        if self.exists and refused and refused[0] < now - 12 and refused[-1] > now - 6 and len(refused) > 2:
            conditions = self.cluster.rollouts["checkout"].status["conditions"]
            assert {one["type"]: one["status"] for one in conditions}.get("Stalled") == "True"

    @precondition(lambda self: self._may_breach())
    @rule(call=st.sampled_from(BYSTANDERS), hangs=st.booleans())
    def the_candidate_breaches_beside_a_bystander(self, call: str, hangs: bool) -> None:  # noqa: FBT001
        """Whatever a neighbour or a bystander does: at 0 within an interval and a second."""
        self.answer, self.candidate_only = "sick", True
        name = call.split(" ", maxsplit=1)[0]

        def fail(passed: str) -> None:
            if passed == name:
                raise Unavailable(f"{name} fails")

        if hangs or name == "metrics.sample":
            self.shop.gate.takes = lambda passed: 8.0 if passed == call else 0.0
        else:
            self._hook(fail, after=False)
        self._run(11)
        self._unhook()
        self.shop.gate.takes = lambda _name: 0.0
        status = self.shop.status
        held = status.run is not None and status.run.ending is not None and status.run.promotion is not None
        assert self.shop.weight == 0 or held
        self.answer, self.candidate_only = "well", False

    def _may_breach(self) -> bool:
        """A run is under way, and nothing but a breach decides what becomes of it."""
        if not self.exists or self.cluster.rollouts["checkout"].deleting:
            return False
        run, step = self.shop.status.run, self.shop.status.step
        return (
            run is not None
            and step is not None
            and step.reached
            and run.ending is None
            and run.hold is None
            and run.promotion is None
            and self.shop.weight > 0
            and all(one.available is None for one in self.cluster.deployments.values())
        )

    @rule(answer=st.sampled_from(sorted(ANSWERS)), seconds=st.sampled_from([0, 12, 40]), alone=st.booleans())
    def prometheus_says(self, answer: str, seconds: int, alone: bool) -> None:  # noqa: FBT001
        self.answer, self.candidate_only = answer, alone
        self._run(seconds)

    # Neighbours and other versions

    @rule(broken=st.sampled_from(sorted(BROKEN)))
    def a_neighbour_is_broken(self, broken: str) -> None:
        """It shares namespace, source and route, and its status is nonsense."""
        if "neighbour" not in self.cluster.rollouts:
            self.cluster.add_rollout("neighbour", self._spec())
        neighbour = self.cluster.rollouts["neighbour"]
        status = json.loads(json.dumps(BROKEN[broken]))
        self._happens(lambda: self.cluster.put_rollout(replace(neighbour, status=status)) and None)

    @rule(times=st.integers(1, 5))
    def a_neighbour_writes_its_own_rule_of_the_route(self, times: int) -> None:
        route = self.cluster.routes["HTTPRoute/checkout"]
        for _ in range(times):
            self._happens(lambda: setattr(route, "generation", route.generation + 1))

    @precondition(lambda self: self.exists)
    @rule(change=st.sampled_from(sorted(SKEWS)), restart=st.booleans())
    def another_version_or_a_hand_writes_the_status(self, change: str, restart: bool) -> None:  # noqa: FBT001
        """Unknown fields and words of others, with the operator away or not."""
        if restart:
            self.runner.stop()
        stored = self.cluster.rollouts["checkout"]
        status = json.loads(json.dumps(dict(stored.status)))
        if status.get("run") is not None or change == "words":
            SKEWS[change](status)
            self.cluster.put_rollout(replace(stored, status=status))
            if change == "unknown fields":
                self.skewed.add(status["run"]["id"])
        if restart:
            self.runner.restart()
        self.runner.due = self.shop.clock.now()
        self._run(0)

    @rule(action=st.sampled_from(sorted(Action)))
    def somebody_commands_a_run_that_is_over(self, action: Action) -> None:
        number = len(self.cluster.commands)
        command = Command(f"old-{number}", f"o{number}", action, "0-gone", "", "ann", self.shop.clock.now())
        self._happens(lambda: self.cluster.commands.append(command))
        self._run(5)
        assert self.cluster.outcomes.get(command.uid, (False, ""))[0] is False

    @rule(arm=st.sampled_from(["checkout", "checkout-canary"]), available=st.sampled_from([0, 1, None]))
    def pods_come_and_go(self, arm: str, available: int | None) -> None:
        self._happens(lambda: setattr(self.cluster.deployments[arm], "available", available))

    @rule(arm=st.sampled_from(["checkout-canary", "checkout"]), replicas=st.sampled_from([2, 1, 4, 8, 0]))
    def somebody_scales(self, arm: str, replicas: int) -> None:
        if replicas or arm == "checkout-canary":
            self._happens(lambda: self.cluster.set_replicas(arm, replicas))

    @rule(scaler=st.sampled_from(["HorizontalPodAutoscaler busy", ""]))
    def an_autoscaler_comes_and_goes(self, scaler: str) -> None:
        self.cluster.autoscalers = {"checkout-canary": scaler} if scaler else {}

    @rule(kind=st.sampled_from(sorted(CRON_JOBS)))
    def jobs_go(self, kind: str) -> None:
        self._happens(lambda: self.cluster.cron_jobs.update(dict.fromkeys(("hook", "smoke", "tidy"), CRON_JOBS[kind])))

    @rule()
    def somebody_deletes_the_jobs(self) -> None:
        self._happens(self.cluster.jobs.clear)

    # Hands

    @rule(candidate=st.sampled_from([30, 0, 1, 9, 100, None]))
    def somebody_writes_the_route(self, candidate: int | None) -> None:
        """Its weights, or with `None` something else on it."""
        route = self.cluster.routes["HTTPRoute/checkout"]
        if candidate is None:
            self._happens(lambda: setattr(route, "generation", route.generation + 1))
        else:
            self._happens(lambda: self.shop.set_weight(100 - candidate, candidate))

    @precondition(lambda self: self.exists)
    @rule(edit=st.sampled_from(sorted(EDITS)))
    def the_spec_is_edited(self, edit: str) -> None:
        self._happens(lambda: self.cluster.edit_rollout("checkout", self._spec(**EDITS[edit])))

    @rule(action=st.sampled_from(sorted(set(Action) - {Action.APPROVE, Action.REJECT})))
    def somebody_commands(self, action: Action) -> None:
        self._happens(lambda: self.shop.command(action))

    @precondition(lambda self: self.exists)
    @rule(
        action=st.sampled_from([Action.APPROVE, Action.APPROVE, Action.REJECT]),
        name=st.sampled_from(["engineering", "finance"]),
        who=st.sampled_from(["ann", "bob"]),
        step=st.sampled_from(["half", "half", "canary"]),
    )
    def somebody_approves(self, action: Action, name: str, who: str, step: str) -> None:
        self._happens(lambda: self.shop.command(action, step=step, approval=name, requester=who))

    @rule(image=st.sampled_from(["shop:v2", "shop:v3"]))
    def the_candidate_changes(self, image: str) -> None:
        self._happens(lambda: self.cluster.set_image("checkout-canary", image))

    @precondition(lambda self: self.exists)
    @rule(seldom=st.integers(0, 5))
    def the_rollout_is_deleted(self, seldom: int) -> None:
        if seldom == 5:
            self._happens(lambda: self.cluster.delete_rollout("checkout"))

    # Promises

    @invariant()
    def promises_hold(self) -> None:
        self.never_more_than_recorded_and_no_raise_after_an_ending()
        self.every_raise_was_allowed()
        self.a_job_runs_once_and_not_before_its_time()
        self.an_ending_is_never_taken_back()
        self.the_status_is_small_and_speaks_with_one_voice()
        self.no_status_that_was_written_is_unfit()
        self.what_another_version_wrote_is_kept()
        self.the_baseline_runs_what_was_promoted_unless_a_promotion_is_under_way()

    def never_more_than_recorded_and_no_raise_after_an_ending(self) -> None:
        assert broken_promises(self.cluster) == []

    def every_raise_was_allowed(self) -> None:
        assert self.raises == []

    def an_ending_is_never_taken_back(self) -> None:
        run = self.cluster.rollouts["checkout"].status.get("run") if self.exists else None
        if run and "ending" in run:
            self.latched[run["id"]] = run["ending"]["kind"]
        if run and run["id"] in self.latched:
            assert run.get("ending", {}).get("kind") == self.latched[run["id"]]

    def a_job_runs_once_and_not_before_its_time(self) -> None:
        names = [one.name for one in self.cluster.created_jobs]
        assert len(set(names)) == len(names)
        assert self.early == []

    def no_status_that_was_written_is_unfit(self) -> None:
        assert not self.unfit, self.unfit[0]

    def what_another_version_wrote_is_kept(self) -> None:
        run = self.cluster.rollouts["checkout"].status.get("run") if self.exists else None
        if run and run["id"] in self.skewed:
            assert run["quarantine"] == {"since": "never"}

    def the_status_is_small_and_speaks_with_one_voice(self) -> None:
        if not self.exists:
            return
        status = self.cluster.rollouts["checkout"].status
        assert len(json.dumps(status)) < 64 * 1024
        true = {one["type"] for one in status.get("conditions", ()) if one["status"] == "True"}
        assert len(true & {"Ready", "Reconciling", "Stalled"}) <= 1

    def the_baseline_runs_what_was_promoted_unless_a_promotion_is_under_way(self) -> None:
        if not self.exists:
            return
        status = self.shop.status
        self.promoted |= {one.version.images[0] for one in status.history if one.outcome == "Succeeded"}
        if status.run is None:
            assert self._image in self.promoted

    @property
    def _image(self) -> str:
        return str(self.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"])

    def teardown(self) -> None:
        """Once the trouble is over, and somebody aborts, all is as it was."""
        try:
            self._unhook()
            self.answer = "well"
            for deployment in self.cluster.deployments.values():
                deployment.available = None
                deployment.replicas = max(deployment.replicas, 1)
            if self.exists:
                self._happens(lambda: self.shop.command(Action.ABORT))
                self._run(60)
                self.promises_hold()
                self._happens(lambda: self.cluster.delete_rollout("checkout") if self.exists else None)
                self._run(60)
                assert not self.exists, f"still there: {self.shop.status.message}"
            assert self._image in self.promoted
            if self.cluster.seen[-1].write.manager in OURS:
                assert self.cluster.seen[-1].share == 0
            self.promises_hold()
        finally:
            self.loop.close()

    def _run(self, seconds: float) -> None:
        before = self.runner.ticks
        self.loop.run_until_complete(self.runner.run_until(self.shop.clock.now() + seconds))
        assert self.runner.ticks - before <= 20 + 2 * seconds, "it runs hot"

    def _happens(self, act: Callable[[], None]) -> None:
        """At once, and the operator is woken for it."""
        self.runner.at(self.shop.clock.now(), act)
        self._run(0)

    def _hook(self, hook: Callable[[str], None], *, after: bool) -> None:
        if after:
            self.shop.gate.after = hook
        else:
            self.shop.gate.before = hook

    def _unhook(self) -> None:
        self.shop.gate.before = self.shop.gate.after = lambda _name: None


def _witnessed(shop: Shop) -> WitnessedCluster:
    assert isinstance(shop.cluster, WitnessedCluster)
    return shop.cluster


pytestmark = pytest.mark.timeout(240)

PROFILE = settings(
    max_examples=60,
    stateful_step_count=30,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("number", range(6))
def test_the_promises_hold_in_any_order_of_faults_and_hands(number: int) -> None:
    run_state_machine_as_test(seed(number)(type("Machine", (Machine,), {})), settings=PROFILE)
