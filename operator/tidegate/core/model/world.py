"""What one tick has seen of the world, as plain data.

A thing that was looked for is the thing, `ABSENT` (it does not exist) or `Unknown` (it could not be seen): never `None`,
so that "not there" and "no idea" cannot be confused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from tidegate.api.commands import Action
from tidegate.core.model.template_fields import Fields


class Absence(Enum):
    """The one value of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT
"""It was looked for and does not exist."""


class Unseen(StrEnum):
    """Why something could not be seen."""

    FAILED = "Failed"
    """The API server did not answer, or answered with an error."""
    NOT_SERVED = "NotServed"
    """The API server does not serve this kind, and its discovery says so: no object of the kind exists."""
    NOT_ALLOWED = "NotAllowed"
    """The operator may not read it, or does not know how to."""


@dataclass(frozen=True)
class Unknown:
    """It could not be seen; `reason` says why, for people."""

    reason: str
    kind: Unseen = Unseen.FAILED


T = TypeVar("T")
Lookup: TypeAlias = T | Absence | Unknown


class ArmName(StrEnum):
    """The two versions of a run."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


GRACE: Final = 30.0
"""Seconds that a pod has for ending where its spec does not say (`terminationGracePeriodSeconds`)."""


@dataclass(frozen=True)
class Arm:
    """One arm's Deployment with its Service, reduced to what decisions need."""

    deployment: str
    uid: str
    generation: int
    replicas: int
    """Pods asked for (`spec.replicas`)."""
    available: int
    """Pods available (`status.availableReplicas`)."""
    rolled_out: bool
    """The Deployment's controller has seen this generation and every replica runs it and is available."""
    fields: Fields
    """The fields of its pod template, as digests."""
    images: tuple[str, ...]
    """Images of the containers, in order."""
    pods: str
    """Anchored-by-Prometheus regex of the pods of the current ReplicaSets; matches nothing when there are none."""
    labels: Mapping[str, str]
    """Labels of the pod template."""
    selector: Mapping[str, str] | Absence | Unknown
    """The Service's selector, empty when the Service has none; absent when there is no such Service."""
    history_limit: int = 10
    """`spec.revisionHistoryLimit`: 0 means the old template could not be found again."""
    first_fingerprint: str = ""
    """Identity of the pod template as operator 0.1.0 had it (core/model/version.py)."""
    updated: int = 0
    """Pods of the current template (`status.updatedReplicas`), as far as this generation was seen."""
    present: int = 0
    """Pods of any template (`status.replicas`)."""
    paused: bool = False
    """`spec.paused`: a changed template is not rolled out."""
    failed: str = ""
    """What the Deployment says once it is past its own `progressDeadlineSeconds`; empty while it is not."""
    recreates: bool = False
    """Strategy `Recreate`: all old pods go before the first new one comes."""
    pods_refused: str = ""
    """Why the API server refuses its pods, such as a quota (condition `ReplicaFailure`); empty when it does not."""
    not_writable: str = field(default="", compare=False)
    """Why the operator may not write the Deployment, as far as that is known; empty when nothing is known against it."""
    scaled_by_revert: bool = False
    """The last writer of `spec.replicas` was our own field manager for reverts, as far as that was seen."""
    terminating: int | None = 0
    """Of a Deployment that asks for no pods: those that are being terminated (`status.terminatingReplicas`, Kubernetes 1.35
    and later), whose processes may still serve sessions and open connections; `None` where the API server does not say."""
    grace: float = GRACE
    """Seconds that its pods have for ending."""


@dataclass(frozen=True)
class Template:
    """A pod template, with what a tested write needs."""

    uid: str
    """Of the Deployment (or ReplicaSet) it was read from."""
    fields: Fields
    """Its fields, as in `Arm.fields`."""
    raw: Mapping[str, Any]
    """The whole pod template as read: the write is tested on it."""
    generation: int = 0
    """Of the Deployment it was read from, in the same read; 0 where it is from elsewhere."""


@dataclass(frozen=True)
class MetricTemplateObject:
    """A MetricTemplate or ClusterMetricTemplate as stored."""

    uid: str
    generation: int
    """Moves with every change of the spec."""
    spec: Mapping[str, Any]
    """As on the wire: whether it is valid is for those to say who use it."""


@dataclass(frozen=True)
class TargetRef:
    """Which pair of backends in which route: all a router needs to find the two numbers."""

    namespace: str
    kind: str
    name: str
    baseline: str
    """How the route names the baseline's backend: the Service, or what `TrafficTarget.named` says."""
    candidate: str
    """How it names the candidate's."""
    rules: tuple[str, ...] = ()
    """Names of the rules; empty: every rule that has both backends."""
    known: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """Name and identity of the rules whose numbers were recorded and that had no twin: one that was renamed since is found by what it says."""

    @property
    def key(self) -> str:
        """How status and messages name the target."""
        return f"{self.kind}/{self.name}"

    @property
    def pair(self) -> tuple[str, str, str]:
        """The route and the two backends, whatever the rules."""
        return self.key, self.baseline, self.candidate

    def beside(self, rules: tuple[str, ...]) -> TargetRef:
        """The same with further rules; empty: every rule that has both backends."""
        both = tuple(dict.fromkeys((*self.rules, *rules))) if self.rules and rules else ()
        return replace(self, rules=both)


MOST: Final = 1_000_000
"""The largest weight where a router sets no other limit: that of the Gateway API."""


NO_MIRRORS: Final = "its router cannot mirror a share of the requests"
"""Why a rule cannot mirror, where its kind of route cannot."""


@dataclass(frozen=True)
class RulePair:
    """The two numbers of one rule of a route."""

    rule: str
    """The rule's name, or its position such as `#0`."""
    baseline: int
    """Weight of the baseline's backend, as written on the route; in hundredths where the router takes fractions."""
    candidate: int
    """Weight of the candidate's backend."""
    alone: bool
    """No other backend stands in the rule."""
    identity: str = field(default="", compare=False)
    """Digest of the rule without its weights: an unnamed rule keeps it when others are put before it."""
    fixed: int | None = None
    """The sum that the router demands of a pair that is alone; `None` where any will do."""
    most: int = MOST
    """The largest number the router takes."""
    mirror: int = field(default=0, compare=False)
    """Percent of the rule's requests that are copied to the candidate, rounded up, whoever asked for that."""
    cannot_mirror: str = field(default=NO_MIRRORS, compare=False)
    """Why no mirror can be added to the rule; empty where one can."""
    least: int = 0
    """The baseline's number is never less."""
    ready: tuple[int, int] | None = None
    """Where the numbers are pods: how many of (baseline, candidate) get traffic now; `None` where they are weights."""

    @property
    def numbers(self) -> tuple[int, int]:
        """(baseline, candidate)."""
        return self.baseline, self.candidate

    @property
    def total(self) -> int:
        """The pair's sum."""
        return self.baseline + self.candidate


class Acceptance(StrEnum):
    """Whether the route's gateways say they took its current generation."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REFUSED = "refused"
    UNREPORTED = "unreported"
    """No gateway reports on this route: there is nothing to wait for but `Route.settle`."""


@dataclass(frozen=True)
class Route:
    """One target as read: its pairs, and what a tested write needs."""

    ref: TargetRef
    uid: str
    generation: int
    pairs: tuple[RulePair, ...]
    """The rules asked for that have both backends, in the route's order."""
    acceptance: Acceptance = Acceptance.UNREPORTED
    acceptance_message: str = ""
    missing_rules: tuple[str, ...] = ()
    """Rules asked for by name that are not there or lack one of the backends."""
    missing_because: str = ""
    """What was found instead of the backends, in words: a like-named one of another namespace, or two of them."""
    renamed: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Rules that were renamed since their numbers were recorded, by their present name: the name that the Rollout knows."""
    twins: frozenset[str] = field(default=frozenset(), compare=False)
    """Rules that the Rollout names, beside which stands another one of equal content."""
    strays: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Percent of the requests that rules copy to the candidate, of those that do not have both backends; whoever asked for that."""
    settle: float = 0.0
    """Seconds after a raise until the split counts as acting, because nobody says of this generation that it does."""
    sticky: str = ""
    """Which rules keep users on the candidate even at weight 0, and by which field; empty when none does."""
    unfit: str = ""
    """Why its numbers would not be the share of traffic: nothing is raised on it, and a run does not stay on it; empty when they are."""
    unproven: str = ""
    """What could not be looked at of that: nothing is raised until it can."""
    lagging: bool = False
    """What it is read from does not agree yet: it is looked at again within seconds."""
    reverted_by_us: bool = False
    """The last writer of the rules was our own field manager for reverts."""
    not_writable: str = field(default="", compare=False)
    """Why the operator may not write the route, as far as that is known; empty when nothing is known against it."""
    handle: Any = field(default=None, compare=False, repr=False)
    """The router's own note of where the numbers stand; nobody else looks inside."""

    def known_as(self, rule: str) -> str:
        """The name by which the Rollout knows a rule."""
        return self.renamed.get(rule, rule)


@dataclass(frozen=True)
class Command:
    """A `RolloutCommand` that has no outcome yet."""

    uid: str
    name: str
    action: Action
    run: str
    """The run it is meant for; empty: whatever is current."""
    reason: str
    requester: str
    created: float
    """Epoch seconds."""
    step: str = ""
    """For an approval: the step."""
    approval: str = ""
    """For an approval: its name."""
    step_hash: str = ""
    """For an approval: the step's identity as the person saw it; empty when that is not said."""
    verified: bool = False
    """The API server has checked that the requester is the user who created it, and may do this."""


@dataclass(frozen=True, slots=True)
class RolloutObject:
    """A Rollout as stored. `spec` and `status` are as on the wire: parsing them is a decision's first step."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    created: float
    """Epoch seconds."""
    deleting: bool
    finalizers: tuple[str, ...]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
