"""A file of windows as people write it: stretches of the past, and what should have happened in each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from tidegate.api.model import ApiModel
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.values.names import Instant
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import ONE_LINE
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]


class Expected(StrEnum):
    """What should happen in a window."""

    CONTINUE = "continue"
    """Nothing: a stop is a false one."""
    STOP = "stop"
    """The candidate is stopped, from an instant on; a stop before that is a false one."""


class ArmNames(ApiModel):
    """How an arm was called then. What is not given is the Rollout's."""

    deployment: Name | None = None
    """What `$workload` stands for, and what `$pods` is made of."""
    service: Name | None = None
    """What `$service` stands for; by default the `deployment`, where one is given."""
    pods: Name | None = None
    """What `$pods` stands for: a regular expression."""


class Window(ApiModel):
    """One run of the past."""

    name: Name
    """For people; each only once."""
    start: Instant
    """When the run starts, RFC 3339 with a time zone: the first step's weight is set at this instant."""
    end: Instant | None = None
    """When the window ends; or say how long it `lasts`."""
    lasts: Duration | None = None
    """How long the window is."""
    expect: Expected
    """`continue`, or `stop`."""
    from_: Annotated[Instant | None, Field(alias="from")] = None
    """With `stop`: since when the candidate was bad. By default from the start."""
    as_: Annotated[Assumed | None, Field(alias="as")] = None
    """Whose history the candidate gets, as `--as` says; that is the default, and without it `candidate`."""
    namespace: Name | None = None
    """What `$namespace` stands for; by default the Rollout's."""
    candidate: ArmNames = ArmNames()
    """How the candidate was called."""
    baseline: ArmNames = ArmNames()
    """How the baseline was called."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.end is None) is (self.lasts is None):
            raise ValueError("give 'end' or 'lasts', and not both")
        if self.stop <= self.start.timestamp():
            raise ValueError(f"the window must end after its start, {_written(self.start)}")
        if self.from_ is None:
            return self
        if self.expect is Expected.CONTINUE:
            raise ValueError("'from' is only allowed with 'expect: stop'")
        if not self.start <= self.from_ or self.from_.timestamp() >= self.stop:
            raise ValueError(f"'from' must be within the window, and {_written(self.from_)} does not")
        return self

    @property
    def stop(self) -> float:
        """When it ends, epoch seconds."""
        if self.end is not None:
            return self.end.timestamp()
        return self.start.timestamp() + (self.lasts.seconds if self.lasts is not None else 0.0)

    @property
    def since(self) -> float:
        """Since when the candidate was bad, epoch seconds."""
        return (self.from_ or self.start).timestamp()

    def spec(self, rollout: RolloutSpec) -> RolloutSpec:
        """The Rollout's spec with the arms as they were called then."""
        return rollout.model_copy(
            update={
                "candidate": rollout.candidate.model_copy(update=_names(self.candidate)),
                "baseline": rollout.baseline.model_copy(update=_names(self.baseline)),
            }
        )

    @property
    def pods(self) -> Mapping[ArmName, str]:
        """What `$pods` stands for, of the arms that say so."""
        given = {ArmName.CANDIDATE: self.candidate.pods, ArmName.BASELINE: self.baseline.pods}
        return {arm: pods for arm, pods in given.items() if pods is not None}


class Required(ApiModel):
    """The score that is wanted; without it any score will do."""

    false_stops: Annotated[int, Field(ge=0)] | None = None
    """So many false stops at most, those before a fault began included."""
    found: Annotated[int, Field(ge=0)] | None = None
    """So many faults found at least."""
    median: Duration | None = None
    """The median time until a fault is found, at most."""


def _names(arm: ArmNames) -> dict[str, str]:
    service = arm.service or arm.deployment
    given = {"deployment": arm.deployment, "service": service}
    return {field: name for field, name in given.items() if name is not None}


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
