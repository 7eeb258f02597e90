"""The ports. Every method has a time-out inside and raises only `ports.errors`.

`fresh=True` means a live read; otherwise an adapter may answer from what the watch streams have brought, and reads live
on a miss. Nothing decisive rests on a cached answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.rollout.gates import Freeze
from tidegate.api.rollout.notifications import Notification
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.claims import Claim
from tidegate.core.model.jobs import Job, StartJob
from tidegate.core.model.message import Message, Place
from tidegate.core.model.plan import Decision
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.world import (
    Arm,
    Command,
    Lookup,
    MetricTemplateObject,
    RolloutObject,
    Route,
    TargetRef,
    Template,
)

NONE: Final[Mapping[str, int]] = MappingProxyType({})
"""No mirrors are written."""


class Manager(StrEnum):
    """Field managers: after a restart the route itself tells whether the last weight was our revert."""

    FORWARD = "tidegate"
    REVERT = "tidegate-revert"


class RolloutStore(Protocol):
    """The Rollout objects."""

    async def read(self, namespace: str, name: str, *, fresh: bool) -> Lookup[RolloutObject]:
        """The object; `Unknown` when the API server did not answer."""
        ...

    async def claimants(self, namespace: str, uid: str, things: frozenset[str]) -> Sequence[Claim]:
        """What those other Rollouts of the namespace claim, as last seen, that claim at least one of `things`.

        A look-up in memory: its cost is that of what is found. What of another Rollout cannot be read claims nothing.
        """
        ...

    async def write_status(self, rollout: RolloutObject, status: Mapping[str, Any], *, run_only: bool) -> RolloutObject:
        """Replaces the status; tested on `rollout.resource_version`, or with `run_only` on the stored `status.run.id`.

        `run_only` is for reverts: whatever else changed in the object, the run is still the one that is restored.

        Returns: the object as stored.

        Raises: Conflict, Missing, Rejected, Unavailable.
        """
        ...

    async def set_finalizer(self, rollout: RolloutObject, *, present: bool) -> RolloutObject:
        """Adds or removes our finalizer, tested on the resourceVersion.

        Raises: Conflict, Missing, Rejected, Unavailable.
        """
        ...


class Workloads(Protocol):
    """Deployments with their Services and ReplicaSets."""

    async def arm(self, namespace: str, deployment: str, service: str, *, fresh: bool) -> Lookup[Arm]:
        """The arm as it is."""
        ...

    async def template(self, namespace: str, deployment: str) -> Lookup[Template]:
        """The Deployment's template, read live."""
        ...

    async def revision(
        self, namespace: str, deployment: str, fingerprint: str, exclude: Collection[str]
    ) -> Lookup[Template]:
        """The template of this identity, by what is excluded, that one of the Deployment's ReplicaSets still has; read live."""
        ...

    async def write_template(
        self, namespace: str, deployment: str, read: Template, change: TemplateChange, manager: Manager
    ) -> None:
        """Changes fields of the template, tested on the uid and on the whole template as read.

        Raises: Conflict, Missing, Rejected, Unavailable.
        """
        ...

    async def scale(self, namespace: str, deployment: str, read: Arm, replicas: int, manager: Manager) -> None:
        """Sets the pods asked for, tested on uid, generation and the number as read.

        Raises: Conflict, Missing, Rejected, Unavailable.
        """
        ...

    async def autoscaler(self, namespace: str, deployment: str) -> Lookup[str]:
        """What scales the Deployment by itself, as `Kind name`, read live; `Unknown` also when that may not be read."""
        ...


class TrafficRouter(Protocol):
    """One kind of route."""

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        """The two numbers in every rule concerned; `Unknown` also when the kind is not served or not allowed."""
        ...

    async def write(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        """Sets (baseline, candidate) in each rule named, tested on uid, generation and both backends' names.

        `mirrors`: rule to percent of its requests to be copied to the candidate, in the same write; 0 removes the mirror. A
        revert sets the weights also where the mirror cannot be removed.

        Returns: the route as stored.

        Raises: Conflict, Missing, Rejected, Unavailable.
        """
        ...


class MetricTemplates(Protocol):
    """Queries that Rollouts share."""

    async def read(self, ref: TemplateRef, namespace: str, *, fresh: bool) -> Lookup[MetricTemplateObject]:
        """The template that a Rollout of `namespace` means; `Unknown` also when its kind is not served or not allowed."""
        ...


class MetricSource(Protocol):
    """The Prometheus sources the administrator named."""

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        """The answer, or `Failed`; never raises.

        Args:
            query: what to ask.
            timeout: seconds from now.
            rollout: `namespace/name` of the Rollout that asks: each has a fair share of the source.
        """
        ...


class Commands(Protocol):
    """RolloutCommand objects."""

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        """Those without an outcome, oldest first."""
        ...

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        """Writes the outcome. An outcome already there, or a command that is gone, is no error.

        Raises: Rejected, Unavailable.
        """
        ...


class Jobs(Protocol):
    """Jobs made from suspended CronJobs."""

    def known(self, namespace: str, name: str) -> Job | None:
        """The Job as a watch stream tells of it; `None` when none does. A look-up in memory."""
        ...

    async def start(self, rollout: RolloutObject, job: StartJob) -> Job:
        """Creates the Job, or finds it where it was created for this Rollout before.

        Raises: Conflict: another object has its name. Missing: there is no such CronJob. Rejected: it is not suspended, or the API
        server refuses. Unavailable: whether it exists is not known.
        """
        ...

    async def read(self, namespace: str, name: str) -> Lookup[Job]:
        """The Job, read live."""
        ...


class Freezes(Protocol):
    """The administrator's freezes."""

    def of(self, namespace: str) -> tuple[Freeze, ...]:
        """Those for a namespace that are not over: a look-up in memory."""
        ...


class Announcer(Protocol):
    """Kubernetes Events: whoever looks at the object is told of decisions. Called outside ticks, from a bounded queue."""

    async def announce(self, rollout: RolloutObject, decision: Decision) -> None:
        """Tells people.

        Raises: Rejected, Unavailable; the announcement is then given up, and the log says so.
        """
        ...


class Notifier(Protocol):
    """Whoever `spec.notifications` names. Called outside ticks, from a bounded queue of its own for each receiver."""

    @property
    def off(self) -> str:
        """Why no message is ever sent; empty when they are."""
        ...

    @property
    def place(self) -> Place:
        """What messages say of this cluster."""
        ...

    async def send(self, namespace: str, receiver: Notification, message: Message) -> None:
        """Hands one message to one receiver. No error's words hold the receiver's URL, nor any other part of its Secret.

        Raises:
            Rejected: the receiver, or the administrator's settings, will never take it; it is not tried again.
            Missing: there is no Secret of that name, or it has no such key.
            Unavailable: no answer, or one that says try later.
        """
        ...


class Reports(Protocol):
    """Where the reports of ended runs are kept. Called outside ticks."""

    def keeps(self, namespace: str) -> bool:
        """Whether there are any of a namespace: a look-up in memory."""
        ...

    async def keep(self, rollout: RolloutObject, run: str, text: str) -> None:
        """Keeps the report of one run, unless there is one already.

        Raises:
            Rejected: it will never be taken.
            Conflict, Missing, Unavailable: try again later.
        """
        ...

    async def drop(self, rollout: RolloutObject, number: int) -> None:
        """Deletes the report of the run with this number, if there is one.

        Raises: as `keep`.
        """
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Epoch seconds; may leap."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; for deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class Telemetry(Protocol):
    """What the operator tells about itself: logs and its own metrics. Never fails."""

    def decided(self, rollout: RolloutObject, decision: Decision) -> None:
        """Something was decided that changes something."""
        ...

    def reverted(self, rollout: RolloutObject, *, seconds: float | None) -> None:
        """Every target has the candidate at 0, told once a run.

        `seconds` since the answer that carried the breach; `None` for an end that no answer decided (a command, a deletion).
        """
        ...

    def concluded(self, rollout: RolloutObject, status: RolloutStatus) -> None:
        """A tick ended with this status."""
        ...

    def notified(self, kind: str, outcome: str) -> None:
        """A message was `sent`, could not be sent and is tried again (`retried`), was given up (`failed`), or found no room (`dropped`)."""
        ...

    def forgotten(self, namespace: str, name: str) -> None:
        """The Rollout is gone."""
        ...

    def ticked(self, *, late: float, seconds: float) -> None:
        """A tick took `seconds` and began `late` seconds after it was due."""
        ...

    def failed(self, namespace: str, name: str, error: Exception, *, retry: float) -> None:
        """A tick failed and is tried again in `retry` seconds."""
        ...
