"""Whole runs in which one process dies, or one call times out, at a chosen port call; and what must be true afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from tests.simulated.shop import Shop, check, spec, value
from tests.simulated.witness import Seen, WitnessedCluster, broken_promises, cohort_weights, weights
from tidegate.api.commands import Action
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.simulation.cluster import Cluster, SimulatedCronJob, SimulatedRoute
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports import memory_world
from tidegate.simulation.runner import Runner

Kind = Literal["before", "after", "late", "timeout", "hang"]
KINDS: tuple[Kind, ...] = ("before", "after", "late", "timeout", "hang")
DELAYS = (0.0, 20.0, 100.0)
"""Seconds until the process is restarted: at once, after two intervals, after longer than a step."""
LANDS = 3.0
"""Seconds until a write that was given up lands."""
HANGS = 8.0
"""Seconds that a call takes which hangs: more than its time-out."""
LIMIT = 3000.0
MOST_TICKS = 400
"""Ticks of one story: they take a few minutes at an interval of ten seconds."""


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class Fault:
    """What happens at the call of this index: see `Kind`."""

    index: int
    kind: Kind
    delay: float
    call: str = ""
    hit: bool = False


@dataclass
class Process:
    """One process' way to the cluster: counts its calls, and dies at one of them."""

    calls: list[str]
    fault: Fault | None
    land: Callable[[Callable[[], None]], None]
    timed: list[str]
    """Calls that could have taken their time."""
    dead: bool = False

    @property
    def gate(self) -> Gate:
        return Gate(before=self._before, after=self._after, later=self._later, takes=self._takes)

    def _takes(self, call: str) -> float:
        self.timed.append(call)
        fault = self.fault
        if fault is None or fault.kind != "hang" or len(self.timed) - 1 != fault.index:
            return 0.0
        fault.hit, fault.call = True, call
        return HANGS

    def _before(self, call: str) -> None:
        if self.dead:
            raise KilledError
        self.calls.append(call)
        fault = self.fault
        if fault is not None and fault.kind != "hang" and not fault.hit and len(self.calls) - 1 == fault.index:
            fault.call = call
            if fault.kind == "before":
                self._die(fault)

    def _after(self, call: str) -> None:
        if self._now(call, "after") and self.fault is not None:
            self._die(self.fault)

    def _later(self, call: str, effect: Callable[[], None]) -> bool:
        fault = self.fault
        if self._now(call, "timeout") and fault is not None:
            fault.hit = True
            self.land(effect)
            return True
        if self._now(call, "late") and fault is not None:
            self.land(effect)
            self._die(fault)
        return False

    def _now(self, call: str, kind: Kind) -> bool:
        fault = self.fault
        if fault is None or fault.hit or fault.kind != kind:
            return False
        return fault.index == len(self.calls) - 1 and fault.call == call

    def _die(self, fault: Fault) -> None:
        fault.hit = True
        self.dead = True
        raise KilledError


@dataclass(frozen=True)
class End:
    """What a run comes to."""

    outcome: str
    weights: tuple[float, ...]
    cohort: tuple[float, ...]
    rules: str
    image: str
    pods: int
    """Of the candidate."""
    exists: bool
    finalizers: tuple[str, ...]
    outcomes: tuple[tuple[bool, str], ...]
    """Of commands."""
    jobs: tuple[str, ...]
    """The CronJobs of which Jobs were created."""
    ended_jobs: tuple[tuple[str, str], ...]
    """The Jobs in status, with what became of them."""


@dataclass
class Scenario:
    """One story. What happens in it hangs on the state of the cluster, never on the clock, so that a crash moves it along."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    sick: Callable[[Query, WitnessedCluster], bool] = lambda _query, _cluster: False
    on_write: Callable[[Story, Seen], None] = lambda _story, _seen: None
    rollout_seconds: float = 0.0
    pods: int = 2
    """Of the candidate at the start."""
    done: Callable[[Shop], bool] = lambda shop: shop.outcome != ""
    outcome: str = "Succeeded"
    weights: tuple[float, ...] = (0, 10, 50, 0)
    cohort: tuple[float, ...] = ()
    """The shares of cohort `staff`, which a second rule of the route stands for."""
    image: str = "shop:v2"


class Story:
    """One run of a scenario, with at most one fault."""

    def __init__(
        self,
        scenario: Scenario,
        fault: Fault | None = None,
        on_fault: Callable[[Story], None] | None = None,
        cluster_of: type[WitnessedCluster] = WitnessedCluster,
    ) -> None:
        self.scenario = scenario
        self.on_fault = on_fault
        self.promoted = False
        """The run was over, and well, when the fault came."""
        self.fault = fault
        self.calls: list[str] = []
        self.timed: list[str] = []
        self.shop = Shop(cluster_of=cluster_of)
        self.cluster: WitnessedCluster = self.shop.cluster  # type: ignore[assignment]
        if scenario.cohort:
            rules = [{"checkout": 1, "checkout-canary": 0} for _ in ("main", "staff")]
            self.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", rules, names=["main", "staff"]))
        self.cluster.rollout_seconds = scenario.rollout_seconds
        self.cluster.deployments["checkout-canary"].replicas = scenario.pods
        self.cluster.cron_jobs.update(dict.fromkeys(CRON_JOBS, SimulatedCronJob(lasts=5)))
        self.cluster.on_write.append(lambda seen: scenario.on_write(self, seen))
        self.cluster.add_rollout("checkout", spec(**scenario.changes))
        sick = scenario.sick
        self.shop.answer = lambda query, _now: value(0.06 if sick(query, self.cluster) else 0.0)
        self.told: set[str] = set()
        self.process = self._process()
        self.runner = Runner(self._world(), self.shop.clock, "checkout", check)

    def once(self, name: str, delay: float, act: Callable[[], None]) -> None:
        """Lets something happen once, `delay` seconds from now."""
        if name not in self.told:
            self.told.add(name)
            self.runner.at(self.shop.clock.now() + delay, act)

    async def run(self) -> End:
        end = self.shop.clock.now() + LIMIT
        while True:
            try:
                await self.runner.run_until(end, lambda: self.scenario.done(self.shop))
                if not self._settled(end):
                    continue
                return self._end()
            except KilledError:
                self._restart_later()

    def _settled(self, end: float) -> bool:
        """Once the story has ended, a while longer is looked at: what lands late must be undone."""
        if "over" in self.told or self.shop.clock.now() >= end:
            return True
        self.told.add("over")
        scenario = self.scenario
        until = self.shop.clock.now() + 150
        self.scenario = replace(scenario, done=lambda shop: shop.clock.now() >= until)
        self.runner.at(until, lambda: None)
        return False

    def _restart_later(self) -> None:
        self.runner.stop()
        delay = self.fault.delay if self.fault else 0.0
        self.runner.at(self.shop.clock.now() + delay, self._restart)

    def _restart(self) -> None:
        self.process = self._process()
        self.runner.world = self._world()
        self.runner.restart()

    def _process(self) -> Process:
        return Process(self.calls, self.fault, self._land, self.timed)

    def _world(self) -> World:
        return memory_world(self.cluster, self.shop.answers, self.process.gate)

    def _land(self, effect: Callable[[], None]) -> None:
        def land() -> None:
            self.cluster.landing = True
            try:
                effect()
            except PortError:
                pass
            finally:
                self.cluster.landing = False

        self.runner.at(self.shop.clock.now() + LANDS, land)
        if self.on_fault is not None:
            act = self.on_fault
            self.promoted = self.shop.outcome == "Succeeded"
            self.runner.at(self.shop.clock.now() + 1.0, lambda: act(self))

    def _end(self) -> End:
        stored = self.cluster.rollouts.get("checkout")
        history = self.shop.status.history if stored else ()
        template = self.cluster.deployments["checkout"].template
        return End(
            outcome=history[-1].outcome if history else "",
            weights=tuple(weights(self.cluster)),
            cohort=tuple(cohort_weights(self.cluster)),
            rules=json.dumps(self.cluster.routes["HTTPRoute/checkout"].rules, sort_keys=True),
            image=template["spec"]["containers"][0]["image"],
            pods=self.cluster.deployments["checkout-canary"].replicas,
            exists=stored is not None,
            finalizers=stored.finalizers if stored else (),
            outcomes=tuple(sorted(self.cluster.outcomes.values())),
            jobs=tuple(sorted(one.cron_job for one in self.cluster.created_jobs)),
            ended_jobs=tuple(sorted((one.name.rsplit("-", 1)[0], one.outcome) for one in self.shop.status.jobs))
            if stored
            else (),
        )


def complaints(story: Story, end: End, wanted: End) -> list[str]:
    """What is wrong with a run that had a fault, compared with the one that had none."""
    found = broken_promises(story.cluster)
    if story.runner.ticks > MOST_TICKS:
        found.append(f"it runs hot: {story.runner.ticks} ticks")
    late = any(one.late for one in story.cluster.seen)
    for one in fields(End):
        got, want = getattr(end, one.name), getattr(wanted, one.name)
        if got != want and not (late and one.name in {"weights", "cohort"}):
            found.append(f"{one.name} {got!r}, without the fault {want!r}")
    return found


# The stories

HOOKS = ("RunStart", "StepStart", "StepEnd", "Revert", "Success", "End")
CRON_JOBS = (*(when.lower() for when in HOOKS), "smoke")


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
ABORTED = {"outcome": "Aborted", "image": "shop:v1"}

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
        **ABORTED,
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
