"""The state machine: time, faults, neighbours and hands, in any order."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from structlog.contextvars import get_contextvars

from tests.simulated.crashes import KilledError
from tests.simulated.machine_moves import ANSWERS, BROKEN, BYSTANDERS, CALLS, CRON_JOBS, EDITS, ERRORS, REFUSED, SKEWS
from tests.simulated.machine_world import MachineWorld
from tests.simulated.neighbour import HOWS, Neighbour
from tests.simulated.witness import WitnessedCluster
from tidegate.api.commands import Action
from tidegate.core.model.world import Command
from tidegate.ports.errors import PortError, Rejected, Unavailable
from tidegate.reconcile.outbox import RETRY

PROFILE = settings(
    max_examples=60,
    stateful_step_count=30,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


class Machine(MachineWorld):
    """One Rollout among faults and hands."""

    bystanders = frozenset(BYSTANDERS)
    """Calls that no revert rests on."""

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
        self._process_ends()
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
                if lost and name == "notifier.send":
                    self.told.answer_lost()
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
            self._process_ends()
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
        self.told.status_rewritten()

    @rule(call=st.sampled_from((*CALLS, "metrics.sample latency")), seconds=st.sampled_from([2.0, 8.0]))
    def a_call_hangs(self, call: str, seconds: float) -> None:
        self.shop.gate.takes = lambda name: seconds if name == call else 0.0
        self._run(15)
        self.shop.gate.takes = lambda _name: 0.0

    @rule(call=st.sampled_from(REFUSED))
    def a_write_is_refused_for_long(self, call: str) -> None:
        """It is told within an interval: in status whoever looks sees why nothing moves, or in an Event where status is refused."""
        refused: list[float] = []

        def refuse(name: str) -> None:
            if name == call:
                if get_contextvars().get("rollout") == "checkout":
                    refused.append(self.shop.clock.now())
                raise Rejected("denied by policy change-freeze")

        self._hook(refuse, after=False)
        self._run(30)
        now = self.shop.clock.now()
        self._unhook()
        if self.exists and refused and refused[0] < now - 12 and refused[-1] > now - 6 and len(refused) > 2:
            self.told_of_refusals.append(call)
            if call == "store.write_status":
                said = [one for one in self.cluster.events if one[1:3] == ("checkout", "StatusRefused")]
                assert any(refused[0] <= time <= refused[0] + 12 for time, *_ in said)
            else:
                conditions = self.cluster.rollouts["checkout"].status["conditions"]
                found = next((one for one in conditions if (one["type"], one["status"]) == ("Stalled", "True")), None)
                assert found is not None
                assert "denied by policy change-freeze" in found["message"]

    @precondition(lambda self: self._may_breach())
    @rule(call=st.sampled_from(BYSTANDERS), hangs=st.booleans())
    def the_candidate_breaches_beside_a_bystander(self, call: str, hangs: bool) -> None:  # noqa: FBT001
        """Whatever a neighbour or a bystander does: at 0 within an interval and a second."""
        if call not in self.bystanders:
            return
        self.answer, self.candidate_only = "sick", True
        name = call.split(" ", maxsplit=1)[0]

        def fail(passed: str) -> None:
            if passed == name:
                raise Unavailable(f"{name} fails")

        if hangs or name == "metrics.sample":
            self.shop.gate.takes = lambda passed: 8.0 if passed == call else 0.0
        else:
            self._hook(fail, after=False)
        began = self.shop.clock.now()
        self._run(11)
        self._unhook()
        self.shop.gate.takes = lambda _name: 0.0
        status = self.shop.status
        held = status.run is not None and status.run.ending is not None and status.run.promotion is not None
        at_zero = [one.time for one in self.cluster.history if one.rules[0].get("checkout-canary") == 0]
        assert held or (self.shop.weight == 0 and any(began <= time <= began + 11 for time in at_zero))
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
        """It claims the same, is younger, and its status is nonsense; or it is the one that is ticked."""
        if "younger" not in self.cluster.rollouts:
            self.cluster.add_rollout("younger", self._spec())
        younger = self.cluster.rollouts["younger"]
        status = json.loads(json.dumps(BROKEN[broken]))
        self._happens(lambda: self.cluster.put_rollout(replace(younger, status=status)) and None)
        neighbour = self.neighbour
        if neighbour is not None:
            self._happens(lambda: neighbour.status_becomes(status))
            self._run(11)

    @precondition(lambda self: self.cluster_of is WitnessedCluster)  # an object of another shape has no rule to spare
    @rule(how=st.sampled_from(HOWS), seconds=st.sampled_from([0, 15, 50]))
    def a_neighbour_misbehaves(self, how: str, seconds: int) -> None:
        """It is ticked by the same process, and shares namespace, source and route."""
        if self.neighbour is None:
            self.neighbour = Neighbour(self.shop)
        self.source.how = how
        self._run(seconds)

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
            self._process_ends()
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
        if self.exists and command.uid not in self.cluster.outcomes:  # one was refused before, and they wait
            self._run(RETRY[1] + 5)
        assert command.uid in self.cluster.outcomes or not self.exists
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
