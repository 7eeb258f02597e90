"""The Rollout of the state machine: all that is written of it is witnessed, and what is promised holds after every step."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from tests.simulated.crowded import OfOne
from tests.simulated.machine_moves import ANSWERS, GUARDS, STEPS
from tests.simulated.neighbour import Neighbour, SharedSource
from tests.simulated.shop import Shop, check, spec
from tests.simulated.told import Told
from tests.simulated.witness import OURS, Seen, WitnessedCluster, broken_promises
from tidegate.api.commands import Action
from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.core.gates.step_hash import hash_of
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import Arm, ArmName
from tidegate.core.report.names import config_map_name, number_of
from tidegate.core.status.messages import identity
from tidegate.simulation.cluster.objects import SimulatedJob
from tidegate.simulation.runner import Runner


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


class MachineWorld(RuleBasedStateMachine):
    """See the module."""

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
        self.source = SharedSource(self.shop, self.shop.world.metrics)
        commands = OfOne(self.shop.world.commands, "checkout")
        self.shop.world = replace(self.shop.world, metrics=self.source, commands=commands)
        self.neighbour: Neighbour | None = None
        """Once it is released."""
        self.cluster.rollout_seconds = self.cluster.scale_seconds = 5.0
        self.cluster.reported = frozenset({"shop"})
        self.spec = self._spec()
        self.runner: Runner = self.shop.rollout(self.spec)
        self.raises: list[str] = []
        self.latched: dict[str, str] = {}
        self.promoted = {"shop:v1"}
        self.unfit: list[str] = []
        self.run_before: Mapping[str, Any] = {}
        """The run in the status that was written last."""
        self.skewed: set[str] = set()
        """Runs into whose status a newer version wrote what this one does not know."""
        self.told = Told(self.cluster)
        self.told_of_refusals: list[str] = []
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
            self.told.stored(status)
            self.unfit += faults_of(status, self._candidate_rejected(status))
            self.unfit += self._sessions_left(status)

    def _sessions_left(self, status: Mapping[str, Any]) -> list[str]:
        """A run that was to end at 0 pods is concluded although the candidate was never brought there."""
        ending = (self.run_before.get("ending") or {}) if "scalesToZeroFrom" in self.run_before else {}
        over = bool(ending) and status.get("run") is None
        if over and "checkout-canary" in self.cluster.deployments:
            zero = any(one.manager == "tidegate-revert" and one.ending == ending for one in self.cluster.scaled)
            pods = self.cluster.deployments["checkout-canary"].replicas
            deleted = self.cluster.rollouts["checkout"].deleting
            self.run_before = {}
            return [] if zero or not pods or deleted else [f"{ending['kind']}: {pods} pods of the candidate are left"]
        self.run_before = status.get("run") or {}
        return []

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
        self.no_message_is_lost_or_sent_again_without_a_cause()

    def no_message_is_lost_or_sent_again_without_a_cause(self) -> None:
        assert self.told.again() == []
        if self.exists:
            counted = {one.id for _, _, one in self.cluster.messages}
            uid, told = self.cluster.rollouts["checkout"].uid, self.shop.status.notifications
            sent = [identity(one) for one in told.messages if one.outcome == "Sent"] if told is not None else []
            assert not [one for one in sent if f"{uid}/{one}" not in counted]

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
                before = [one.id for one in self.shop.status.history]
                self._happens(lambda: self.shop.command(Action.ABORT))
                self._run(60)
                self.promises_hold()
                self._reported(before)
                self._all_told()
                self._happens(lambda: self.cluster.delete_rollout("checkout") if self.exists else None)
                self._run(60)
                assert not self.exists, f"still there: {self.shop.status.message}"
            assert self._image in self.promoted
            if self.cluster.seen[-1].write.manager in OURS:
                assert self.cluster.seen[-1].share == 0
            self.promises_hold()
        finally:
            if self.neighbour is not None:
                self.loop.run_until_complete(self.neighbour.process_ended())
            self.loop.close()

    def _reported(self, before: list[str]) -> None:
        """The report of a run that has ended since is kept."""
        history = self.shop.status.history if self.exists else ()
        if history and history[0].id not in before:
            assert config_map_name("checkout", number_of(history[0].id)) in self.cluster.reports

    def _all_told(self) -> None:
        """The receiver answers again, and is tried every five minutes at least: all that has come to pass was told."""
        if self.told.missing():
            self._run(400)
        assert self.told.missing() == [], [message.key for _, _, message in self.cluster.messages]

    def _run(self, seconds: float) -> None:
        before = self.runner.ticks
        self.loop.run_until_complete(self._passes(self.shop.clock.now() + seconds))
        assert self.runner.ticks - before <= 20 + 2 * seconds, "it runs hot"

    async def _passes(self, end: float) -> None:
        if self.neighbour is not None:
            await self.neighbour.passes(self.runner, end)
        else:
            await self.runner.run_until(end)

    def _process_ends(self) -> None:
        self.runner.stop()
        self.told.process_ended()
        if self.neighbour is not None:
            self.loop.run_until_complete(self.neighbour.process_ended())

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
