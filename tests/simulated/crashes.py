"""Whole runs in which one process dies, or one call times out, at a chosen port call; and what must be true afterwards.

A process takes with it all that it knows, so what comes after its death hangs on what is stored, on the time and on nothing
else: `Story.deaths` has one point for each state in which a run leaves the cluster, before or after a call.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from tests.simulated.shop import Shop, by_pods, check, spec, value
from tests.simulated.witness import Seen, WitnessedCluster, broken_promises, cohort_weights, mirrors, weights
from tidegate.api.rollout.notifications import STANDING, NotificationEvent
from tidegate.core.model.answers import Query
from tidegate.core.model.message import Message
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.simulation.cluster.objects import SimulatedCronJob, SimulatedRoute
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports import memory_world
from tidegate.simulation.runner import Runner

Kind = Literal["before", "after", "late", "timeout", "hang"]
HOOKS = ("RunStart", "StepStart", "StepEnd", "Revert", "Success", "End")
RECEIVER = {"secret": {"name": "chat"}, "events": [str(one) for one in NotificationEvent]}
CRON_JOBS = (*(when.lower() for when in HOOKS), "smoke")
"""CronJobs of every story's namespace."""
PASSED = frozenset(NotificationEvent) - STANDING
"""Events that no fault adds or spares: what stands for a while may be over when a process is back."""
ANSWERS = frozenset({"notifier.send", "store.write_status"})
"""Calls whose late or lost effect makes a process forget that a message was sent."""
DEATHS = frozenset({"before", "after", "late"})
"""Kinds of fault that end the process."""
DELAYS = (0.0, 20.0, 100.0)
"""Seconds until the process is restarted: at once, after two intervals, after longer than a step."""
LANDS = 3.0
"""Seconds until a write that was given up lands."""
HANGS = 8.0
"""Seconds that a call takes which hangs: more than its time-out."""
LAST_WORDS = 4
"""Announcements of one tick, at most: what a process takes with it."""
LISTENERS = ("on_write", "on_status", "on_job")
"""Fields of a cluster that hold no state."""
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


@dataclass(frozen=True)
class Death:
    """Where a process can die: before or after this call."""

    index: int
    kind: Kind
    call: str


@dataclass
class Process:
    """One process' way to the cluster: counts its calls, and dies at one of them."""

    calls: list[str]
    fault: Fault | None
    land: Callable[[Callable[[], None]], None]
    timed: list[str]
    """Calls that could have taken their time."""
    note: Callable[[Kind, str], None]
    """Told of each call, before it and after it."""
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
        self.note("before", call)
        fault = self.fault
        if fault is not None and fault.kind != "hang" and not fault.hit and len(self.calls) - 1 == fault.index:
            fault.call = call
            if fault.kind == "before":
                self._die(fault)

    def _after(self, call: str) -> None:
        self.note("after", call)
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
    mirrors: tuple[int, ...]
    mirror: int
    """At the end."""
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
    messages: tuple[str, ...]
    """What the receiver was told to have come to pass, by its de-duplication key."""
    reports: tuple[str, ...]
    """Of ended runs, that are kept."""
    events: tuple[str, ...]
    """The reasons of what was announced, each as often as it was."""


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
    mirrors: tuple[int, ...] = (0,)
    """Percent of the requests that are copied to the candidate."""
    image: str = "shop:v2"
    by_pods: bool = False
    """The weight is the ratio of pods behind one Service."""
    told: bool = False
    """A receiver gets every message, and reports of ended runs are kept."""


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
        self._deaths: dict[str, Death] = {}
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
        if scenario.by_pods:
            by_pods(self.cluster)
        self.cluster.cron_jobs.update(dict.fromkeys(CRON_JOBS, SimulatedCronJob(lasts=5)))
        self.cluster.on_write.append(lambda seen: scenario.on_write(self, seen))
        told = {"notifications": [RECEIVER]} if scenario.told else {}
        self.cluster.reported |= frozenset({"shop"} if scenario.told else ())
        self.cluster.add_rollout("checkout", spec(**{**told, **scenario.changes}))
        sick = scenario.sick
        self.shop.answer = lambda query, _now: value(0.06 if sick(query, self.cluster) else 0.0)
        self.told: set[str] = set()
        self.process = self._process()
        self.runner = Runner(self._world(), self.shop.clock, "checkout", check)

    @property
    def deaths(self) -> list[Death]:
        """Of a run without a fault: where a process can die, once for each state in which it leaves the cluster."""
        return list(self._deaths.values())

    def _note(self, kind: Kind, call: str) -> None:
        if self.fault is None:
            held = [getattr(self.cluster, one.name) for one in fields(self.cluster) if one.name not in LISTENERS]
            self._deaths.setdefault(f"{self.shop.clock.now()} {held}", Death(len(self.calls) - 1, kind, call))

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
        return Process(self.calls, self.fault, self._land, self.timed, self._note)

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

    def _rules(self) -> list[dict[str, int]]:
        if self.scenario.by_pods:
            return [dict(zip(("checkout", "checkout-canary"), self.shop.pods, strict=True))]
        return self.cluster.routes["HTTPRoute/checkout"].rules

    def _end(self) -> End:
        stored = self.cluster.rollouts.get("checkout")
        history = self.shop.status.history if stored else ()
        template = self.cluster.deployments["checkout"].template
        return End(
            outcome=history[-1].outcome if history else "",
            weights=tuple(weights(self.cluster)),
            cohort=tuple(cohort_weights(self.cluster)),
            mirrors=tuple(mirrors(self.cluster)),
            mirror=mirrors(self.cluster)[-1],
            rules=json.dumps(self._rules(), sort_keys=True),
            image=template["spec"]["containers"][0]["image"],
            pods=self.cluster.deployments["checkout-canary"].replicas,
            exists=stored is not None,
            finalizers=stored.finalizers if stored else (),
            outcomes=tuple(sorted(self.cluster.outcomes.values())),
            jobs=tuple(sorted(one.cron_job for one in self.cluster.created_jobs)),
            ended_jobs=tuple(sorted((one.name.rsplit("-", 1)[0], one.outcome) for one in self.shop.status.jobs))
            if stored
            else (),
            messages=tuple(sorted({one.key for one in self._messages() if one.event in PASSED})),
            reports=tuple(sorted(self.cluster.reports)),
            events=tuple(sorted(str(reason) for _, _, reason, _ in self.cluster.events)),
        )

    def _messages(self) -> list[Message]:
        return [one for _, _, one in self.cluster.messages]

    def announced_otherwise(self, end: End, wanted: End) -> list[str]:
        """What was announced more often, or less often than the fault excuses, of what is announced without a fault.

        A process takes with it what its last tick has decided; nothing but that is lost, and nothing is announced again.
        """
        got, want = Counter(end.events), Counter(wanted.events)
        lost = want - got
        fault = self.fault
        found = [f"{one} was announced {got[one]} times" for one in want if got[one] > want[one]]
        dies = fault is not None and fault.kind in DEATHS
        most = LAST_WORDS if dies else int(fault is not None and fault.call == "announcer.announce")
        return found + ([f"never announced: {sorted(lost.elements())}"] if lost.total() > most else [])

    def sent_again(self) -> list[str]:
        """Messages that were sent more often than the fault excuses: once more where a process died, or an answer was lost."""
        excused = self.fault is not None and (self.fault.kind in DEATHS or self.fault.call in ANSWERS)
        counted = Counter(one.id for one in self._messages())
        return [f"{one} was sent {times} times" for one, times in counted.items() if times > 1 + excused]


def complaints(story: Story, end: End, wanted: End) -> list[str]:
    """What is wrong with a run that had a fault, compared with the one that had none."""
    found = broken_promises(story.cluster) + story.sent_again() + story.announced_otherwise(end, wanted)
    if story.runner.ticks > MOST_TICKS:
        found.append(f"it runs hot: {story.runner.ticks} ticks")
    late = any(one.late for one in story.cluster.seen)
    for one in fields(End):
        got, want = getattr(end, one.name), getattr(wanted, one.name)
        if got != want and one.name != "events" and not (late and one.name in {"weights", "cohort", "mirrors"}):
            found.append(f"{one.name} {got!r}, without the fault {want!r}")
    return found
