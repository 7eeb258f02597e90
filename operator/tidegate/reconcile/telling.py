"""What a tick tells people and the metrics, once each: decisions, conditions that come up, messages, how long a revert took."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.api.reasons import Reason
from tidegate.api.rollout.notifications import Notification
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import Condition
from tidegate.core.model.memory import Memory
from tidegate.core.model.plan import Decision, Plan, SetWeights
from tidegate.core.model.world import RolloutObject
from tidegate.core.status.conditions import news
from tidegate.core.status.messages import under_way
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.reconcile.evaluation import Evaluation
from tidegate.reconcile.index import Key
from tidegate.reconcile.outbox import Outbox
from tidegate.reconcile.status import Record


@dataclass
class Telling:
    """Collects what one tick has to tell, and hands it to the outbox and the metrics."""

    world: World
    key: Key
    record: Record
    evaluation: Evaluation
    outbox: Outbox
    receivers: tuple[Notification, ...] | None = ()
    """Of the messages; `None`: they cannot be read."""
    _decisions: list[Decision] = field(default_factory=list)
    """Not told yet."""

    def decided(self, plan: Plan) -> None:
        """Notes what a plan says, but for what an evaluation beside its record has said, and what its actions have still to do."""
        self._decisions += [one for one in plan.decisions if one not in self.evaluation.said and not one.when_done]

    def decided_urgently(self, plan: Plan) -> None:
        """The same of an urgent plan, whose record is beside its writes."""
        self._decisions += [one for one in plan.decisions if not one.when_done]

    def done(self, plan: Plan, *, scaled: bool) -> None:
        """Notes what the actions have done; the candidate is not said to be scaled where it could not be."""
        done = [one for one in plan.decisions if one.when_done]
        self._decisions += [one for one in done if scaled or one.reason != Reason.CANDIDATE_SCALED]

    def corrected(self, plan: Plan) -> None:
        """Notes that what somebody else gave the candidate was taken away."""
        self._decisions += [one for one in plan.decisions if one.reason == Reason.WEIGHT_CORRECTED]

    def concluded(self, plan: Plan, conditions: tuple[Condition, ...]) -> None:
        """Notes what a plan that needs no action says, and the conditions that have come up."""
        self._decisions += plan.decisions
        self.come_up(conditions)

    def run_concluded(self, run: str, plan: Plan) -> None:
        """Notes once what is said of a run that is concluded: also when the answer to its record is lost."""
        if self.record.concluded != run:
            self.record.concluded = run
            self.decided(plan)

    def come_up(self, conditions: tuple[Condition, ...]) -> None:
        """Notes conditions that have come up, unless a decision since the last conclusion says the same."""
        known = {decision.reason for decision in self._decisions} | self.record.reasons
        self._decisions += [one for one in news(self.record.told, conditions) if one.reason not in known]
        self.record.told = conditions

    def reverting(self, memory: Memory) -> None:
        """Notes which run's end is carried out from now on, and which answer decided it."""
        run, record = memory.status.run, self.record
        if run is not None and run.ending is not None and record.reverting != run.id:
            record.reverting = run.id
            record.breached = self.evaluation.asking.answered if run.ending.kind == RunEnd.REVERTED else None
            self.evaluation.observer.crowd.joined()

    def reverted(self, rollout: RolloutObject, plan: Plan, failures: tuple[PortError, ...]) -> None:
        """Tells once a run that every target is at 0."""
        record = self.record
        reverts = any(isinstance(action, SetWeights) and action.revert for action in plan.actions)
        if not reverts or failures or not record.reverting or record.reverting == record.told_reverted:
            return
        record.told_reverted = record.reverting
        took = self.world.clock.monotonic() - record.breached if record.breached is not None else None
        self.world.telemetry.reverted(rollout, seconds=took)

    def status_refused(self, rollout: RolloutObject, error: PortError) -> None:
        """Tells once that the status cannot be written, since the status cannot tell it."""
        if not self.record.refused:
            told = Decision(Reason.STATUS_REFUSED, f"the status cannot be written: {error}", warning=True)
            self.world.telemetry.decided(rollout, told)
            self.outbox.announce(rollout, told)
        self.record.refused = True

    def tell(self, rollout: RolloutObject) -> None:
        """Tells people what was decided, once."""
        decisions, self._decisions = [*self.evaluation.said, *self._decisions], []
        self.evaluation.said.clear()
        run = self.record.memory.status.run
        self.record.reasons |= {decision.reason for decision in decisions}
        for decision in decisions:
            self.world.telemetry.decided(rollout, decision)
            self.outbox.announce(rollout, decision)
            weight = run.weight if run is not None and decision.reason == Reason.STEP_STARTED else None
            self.outbox.reports.heard(self.key, decision, weight)
        self._offer(rollout)
        self._report_ended(rollout)

    def _offer(self, rollout: RolloutObject) -> None:
        """Hands on the messages that are recorded."""
        status, written = self.record.memory.status, self.record.written
        told = status.notifications
        if self.receivers is not None and written is not None and told is not None and told == written.notifications:
            self.outbox.messages.offer(rollout, status, under_way(status), self.receivers)

    def _report_ended(self, rollout: RolloutObject) -> None:
        """Has the end of a run reported, once it is recorded: by this process, or by the one before."""
        status, written = self.record.memory.status, self.record.written
        if written is not None and written.history == status.history:
            self.outbox.reports.seen(rollout, status)
