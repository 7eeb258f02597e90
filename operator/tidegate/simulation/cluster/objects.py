"""The objects of a cluster in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.core.model.world import Acceptance

REVERT = "tidegate-revert"
"""The field manager of reverts."""


@dataclass
class Deployment:
    """A Deployment whose new template takes `rollout_seconds` to be rolled out."""

    name: str
    template: dict[str, Any]
    replicas: int = 2
    uid: str = ""
    generation: int = 1
    rolled_out_at: float = 0.0
    available: int | None = None
    """Available pods when that is not simply all of them."""
    present: int | None = None
    """Pods that exist and are not deleted, when those are not simply the ones asked for: the controller is behind."""
    history_limit: int = 10
    """Templates of before that are kept."""
    revisions: list[dict[str, Any]] = field(default_factory=list)
    """Those templates, oldest first."""
    paused: bool = False
    """A changed template is not rolled out."""
    failed: str = ""
    """What it says, past its own progress deadline."""
    recreates: bool = False
    rolled_out_template: dict[str, Any] | None = None
    """The template its pods have, where that is another because it is paused."""

    scalings: int = 0
    """How often it was scaled: its generation counts that as well."""
    scaled_from: int = 0
    """Pods it had before it was scaled last."""
    scaled_at: float = 0.0
    """When the pods of the last scaling are available."""
    scaled_by: str = "kubectl"
    """Who scaled it last."""
    terminating: list[float] = field(default_factory=list)
    """When each pod that was deleted has ended; infinite for one that a finalizer or a lost node keeps."""

    @property
    def labels(self) -> dict[str, str]:
        """The pods' labels."""
        return dict(self.template.get("metadata", {}).get("labels", {}))


@dataclass
class SimulatedRoute:
    """A route: rules with weighted backends."""

    kind: str
    name: str
    rules: list[dict[str, int]]
    """For each rule: Service to weight."""
    names: list[str] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    """As `RulePair.identity`, for each rule: it moves with the rule."""
    uid: str = ""
    generation: int = 1
    manager: str = "kubectl"
    """Who last wrote the rules."""
    acceptance: Acceptance = Acceptance.UNREPORTED
    sticky: str = ""
    """As `Route.sticky`."""
    mirrors: dict[tuple[str, str], int] = field(default_factory=dict)
    """Percent of the requests of a rule that are copied to a Service, by rule and Service."""
    cannot_mirror: str = ""
    """As `RulePair.cannot_mirror`, of every rule."""

    def label(self, index: int) -> str:
        """How messages name a rule: its name, or its position."""
        return self.names[index] if index < len(self.names) else f"#{index}"

    def identity(self, index: int) -> str:
        """As `RulePair.identity`, of one rule."""
        return self.identities[index] if index < len(self.identities) else ""

    @property
    def frame(self) -> tuple[object, ...]:
        """All that is not a weight."""
        backends = tuple(tuple(sorted(one)) for one in self.rules)
        return self.sticky, tuple(self.names), tuple(self.identities), backends


@dataclass
class SimulatedCronJob:
    """A CronJob, and what becomes of the Jobs made from it."""

    lasts: float = 30.0
    """Seconds of one attempt."""
    fails: int = 0
    """Attempts that fail before one succeeds."""
    retries: int = 6
    """Failed attempts that are tried again (`backoffLimit`)."""
    missing: bool = False
    suspended: bool = True
    refused: str = ""
    """Why the API server refuses to create Jobs; empty when it does not."""


@dataclass
class SimulatedJob:
    """A Job that was created."""

    name: str
    uid: str
    rollout: str
    """Uid of the Rollout it was created for."""
    cron_job: str
    environment: Mapping[str, str]
    started: float
    ends: float
    failed: str
    """Why it fails when it ends; empty when it succeeds."""
    deadline: float = 0.0
    owned: bool = True
    """The Rollout owns it."""


@dataclass(frozen=True)
class RouteWrite:
    """One write to a route, for those who check promises over the whole history."""

    time: float
    route: str
    manager: str
    rules: tuple[Mapping[str, int], ...]
    mirrors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """As `SimulatedRoute.mirrors`."""
