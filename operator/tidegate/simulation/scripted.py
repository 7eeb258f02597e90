"""A scripted world made to run: a cluster, answers over time, and the things that happen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tidegate.api.commands import Action
from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.traffic import RouteKind
from tidegate.core.model import cadence
from tidegate.core.model.world import ArmName, Command, Route, TargetRef
from tidegate.core.traffic import targets, weights
from tidegate.core.traffic.cohorts import cohort_of
from tidegate.reconcile.specs import Check
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.cluster.objects import RouteWrite, SimulatedCronJob, SimulatedRoute
from tidegate.simulation.pace import FROM_CHANGE_TO_CHANGE
from tidegate.simulation.ports import memory_world
from tidegate.simulation.runner import Runner
from tidegate.simulation.script import CommandEdit, Event, World
from tidegate.simulation.scripted_answers import ScriptedAnswers

LAST_RECORD = 60.0
"""Seconds before a restart at which the run was last recorded: a live operator records every five minutes."""


@dataclass
class Scripted:
    """One Rollout in one world."""

    name: str
    raw: dict[str, Any]
    """The Rollout's spec as on the wire."""
    spec: RolloutSpec
    world: World
    check: Check
    clock: VirtualClock = field(init=False)
    cluster: Cluster = field(init=False)
    answers: ScriptedAnswers = field(init=False)
    runner: Runner = field(init=False)
    found: int = field(init=False)
    """Entries of the cluster's history that are there at the begin: the routes as the run finds them."""
    _followed: set[str] = field(default_factory=set)
    _told: set[float] = field(default_factory=set)
    _jobs_told: int = 0
    _last_status: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Makes the cluster and puts everything that will happen on the calendar."""
        self.clock = VirtualClock(self.world.start.timestamp())
        self.begin = self.clock.now()
        taken = self.world.roll_out.seconds
        self.cluster = Cluster(self.clock, namespace="default", rollout_seconds=taken, scale_seconds=taken)
        if self.world.autoscaler:
            self.cluster.autoscalers[self.spec.candidate.deployment] = self.world.autoscaler
        self.cluster.freezes = tuple(
            one.model_copy(update={"reason": f"the administrator's freeze: {one.reason}"}) for one in self.world.freezes
        )
        self.cluster.jobs_watched = True
        self.cluster.cron_jobs = {
            name: SimulatedCronJob(
                one.lasts.seconds, one.fails, one.retries, one.missing, suspended=one.suspended, refused=one.refused
            )
            for name, one in self.world.jobs.items()
        }
        self.answers = ScriptedAnswers(self.spec, self.world, self.cluster, self.begin)
        self._build()
        ports = memory_world(self.cluster, self.answers.answer)
        self.runner = Runner(ports, self.clock, self.name, self.check, namespace="default", pace=FROM_CHANGE_TO_CHANGE)
        self.found = len(self.cluster.history)
        self._plan_changes()
        for event in self.world.events:
            self._plan(event)

    def run(self, tell: Callable[[], None] = lambda: None) -> None:
        """Runs to the end: `tell` is called after each tick."""

        def stop() -> bool:
            tell()
            self._follow()
            self._approve()
            self._wake_when_rolled_out()
            self._wake_when_jobs_end()
            return self._over()

        self.runner.run(self.begin + self.world.lasts.seconds, stop)

    @property
    def status(self) -> Mapping[str, Any]:
        """The Rollout's status; of one that is gone, the last."""
        rollout = self.cluster.rollouts.get(self.name)
        if rollout is not None:
            self._last_status = rollout.status
        return self._last_status

    def writes(self) -> list[RouteWrite]:
        """The changes of the first route, in order."""
        first = self._refs()[0].key
        return [write for write in self.cluster.history if write.route == first]

    def shares(self, cohort: str = "") -> list[float]:
        """The candidate's share on the first route after each change, percent, in its first rule of a cohort, or of none."""
        ref, rule = self._refs()[0], self._rule(cohort)
        found: list[float] = []
        for write in self.writes():
            backends = write.rules[rule]
            total = backends.get(ref.baseline, 0) + backends.get(ref.candidate, 0)
            found.append(100 * backends.get(ref.candidate, 0) / total if total else 0.0)
        return found

    def _rule(self, cohort: str) -> int:
        """The position of the first route's first rule that stands for a cohort, or for none; else of its first."""
        ref = self._refs()[0]
        places = (i for i, rule in enumerate(ref.rules) if cohort_of(self.spec, ref.key, rule) == cohort)
        return next(places, 0)

    def _build(self) -> None:
        for arm, names, image in (
            (ArmName.BASELINE, self.spec.baseline, "app:v1"),
            (ArmName.CANDIDATE, self.spec.candidate, "app:v2"),
        ):
            replicas = self.world.replicas.get(arm, self._replicas(arm))
            own, shared = {"app": names.deployment}, {"service": names.service}
            self.cluster.add_deployment(names.deployment, image, own | (shared if self.spec.ratio else {}), replicas)
            self.cluster.services[names.service] = shared if self.spec.ratio else own
        for ref in self._refs():
            if ref.kind == RouteKind.REPLICA_RATIO:
                self.cluster.ratio(ref.name, ref.baseline, ref.candidate)
                continue
            found = {
                ref.baseline: self.world.found.get(ArmName.BASELINE, 100),
                ref.candidate: self.world.found.get(ArmName.CANDIDATE, 0),
            }
            rules = [{**found, **self.world.other_backends} for _ in ref.rules or ("",)]
            self.cluster.add_route(SimulatedRoute(ref.kind, ref.name, rules, names=list(ref.rules)))
        self.cluster.add_rollout(self.name, self.raw)

    def _replicas(self, arm: ArmName) -> int:
        """Pods that an arm has where the world does not say: the candidate none where they are its weight."""
        ratio = self.spec.ratio
        if ratio is None:
            return 3
        return ratio.total if arm is ArmName.BASELINE else 0

    def _follow(self) -> None:
        """Brings the version to a baseline that is awaited, once for each run."""
        run = self.status.get("run") or {}
        waits = (run.get("waiting") or {}).get("reason") == Reason.AWAITING_BASELINE
        if self.world.baseline_follows is None or not waits or run["id"] in self._followed:
            return
        self._followed.add(run["id"])
        image = self.cluster.deployments[self.spec.candidate.deployment].template["spec"]["containers"][0]["image"]
        when = self.clock.now() + self.world.baseline_follows.seconds
        self.runner.at(when, lambda: self.cluster.set_image(self.spec.baseline.deployment, image))

    def _approve(self) -> None:
        """Lets people of their own give each approval that is awaited, once for each run."""
        run, gate = self.status.get("run") or {}, self.status.get("gate") or {}
        step = next((one for one in self.spec.steps if one.name == gate.get("step")), None)
        quorum = step.gate.quorum if step is not None and step.gate is not None else None
        if self.world.approved_after is None or quorum is None:
            return
        for name in quorum.names:
            key = f"{run.get('id')} {gate['step']} {name}"
            if key not in self._followed:
                self._followed.add(key)
                said = CommandEdit(action=Action.APPROVE, requester=f"someone of {name}", step=gate["step"], name=name)
                event = Event(at=self.world.approved_after, command=said)
                self.runner.at(self.clock.now() + event.at.seconds, partial(self._happen, event))

    def _refs(self) -> tuple[TargetRef, ...]:
        return targets.refs_of(self.spec, "default")

    def _plan_changes(self) -> None:
        """Wakes the Rollout at the points of its grid just before and after each change of what is answered."""
        uid, interval = self.cluster.rollouts[self.name].uid, max(self.spec.interval.seconds, 1.0)
        for change in sorted(set(self.answers.changes())):
            after = cadence.at_or_after(uid, interval, self.begin + change)
            for instant in (after - interval, after):
                if instant > self.begin:
                    self.runner.at(instant, _nothing)

    def _plan(self, event: Event) -> None:
        at = self.begin + event.at.seconds
        if event.restart is None:
            self.runner.at(at, lambda: self._happen(event))
            return
        self.runner.at(max(at - LAST_RECORD, self.begin), _nothing)
        self.runner.stand_still(at, at + event.restart.seconds)

    def _happen(self, event: Event) -> None:
        rollout = self.cluster.rollouts.get(self.name)
        if event.set_weight is not None:
            self._set_weight(event.set_weight.target, event.set_weight.weight.percent)
        elif event.pods is not None:
            names = self.spec.baseline if event.pods.arm is ArmName.BASELINE else self.spec.candidate
            self.cluster.deployments[names.deployment].available = event.pods.available
        elif event.replicas is not None:
            names = self.spec.baseline if event.replicas.arm is ArmName.BASELINE else self.spec.candidate
            self.cluster.set_replicas(names.deployment, event.replicas.replicas)
        elif event.command is not None:
            number = len(self.cluster.commands)
            said = event.command
            self.cluster.commands.append(
                Command(
                    uid=f"c{number}",
                    name=f"c{number}",
                    action=said.action,
                    run="",
                    reason=said.reason,
                    requester=said.requester,
                    created=self.clock.now(),
                    step=said.step,
                    approval=said.name,
                    verified=said.verified,
                )
            )
        elif event.release is not None:
            self.cluster.set_image(self.spec.candidate.deployment, event.release)
        elif event.update_baseline is not None:
            self.cluster.set_image(self.spec.baseline.deployment, event.update_baseline)
        elif event.edit is not None and rollout is not None:
            self.cluster.edit_rollout(self.name, merged(rollout.spec, event.edit))
        elif event.delete:
            self.cluster.delete_rollout(self.name)

    def _set_weight(self, target: str | None, percent: Any) -> None:  # noqa: ANN401  (a Decimal)
        ref = next((ref for ref in self._refs() if ref.key == target), self._refs()[0])
        if self.spec.ratio is not None:
            pods = self.spec.ratio.pods(percent)
            self.cluster.set_replicas(ref.candidate, pods)
            self.cluster.set_replicas(ref.baseline, self.spec.ratio.total - pods)
            return
        route = self.cluster.route(ref)
        if isinstance(route, Route):
            self.cluster.set_weights(
                ref, {p.rule: weights.numbers(percent, replace(p, alone=True), 100) for p in route.pairs}
            )

    def _wake_when_rolled_out(self) -> None:
        """A Deployment that becomes available is an event, as it is in a cluster."""
        for deployment in self.cluster.deployments.values():
            for when in (deployment.rolled_out_at, deployment.scaled_at):
                if when > self.clock.now() and when not in self._told:
                    self._told.add(when)
                    self.runner.at(when, _nothing)

    def _wake_when_jobs_end(self) -> None:
        """As the watch stream of Jobs does; one that has just been created is seen at once."""
        for job in self.cluster.created_jobs[self._jobs_told :]:
            for when in (self.clock.now(), job.ends):
                self.runner.at(when, _nothing)
        self._jobs_told = len(self.cluster.created_jobs)

    def _over(self) -> bool:
        """Nothing more can come of it: no run, and nothing more happens."""
        return not self.runner.waiting and not self.status.get("run") and math.isinf(self.runner.due)


def _nothing() -> None:
    """A wake and no more."""


def merged(value: Any, change: Any) -> Any:  # noqa: ANN401  (JSON)
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(change, Mapping):
        return change
    before = value if isinstance(value, Mapping) else {}
    kept = {key: one for key, one in before.items() if key not in change}
    return kept | {key: merged(before.get(key), one) for key, one in change.items() if one is not None}
