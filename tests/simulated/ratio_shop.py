"""A shop whose weights are numbers of pods."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import BY_PODS, Shop, by_pods, spec
from tidegate.simulation.faults import Gate
from tidegate.simulation.runner import Runner

QUIET = 100.0


SLOW = 12.0
"""Seconds until pods are ready."""


def shop(pods: int = 10, gate: Gate | None = None, **changes: Any) -> tuple[Shop, Runner]:  # noqa: ANN401
    made = Shop(gate=gate or Gate())
    by_pods(made.cluster, pods)
    made.cluster.scale_seconds = made.cluster.rollout_seconds = SLOW
    return made, made.rollout(spec(**{**BY_PODS, **changes}))


def pods_at(made: Shop, numbers: tuple[int, int]) -> bool:
    return made.pods == numbers


async def until(made: Shop, runner: Runner, numbers: tuple[int, int]) -> None:
    """Runs until the Deployments ask for so many pods, and the step counts."""

    def there() -> bool:
        step = made.status.step
        return made.pods == numbers and step is not None and step.reached

    await runner.run_until(made.clock.now() + 1000, there)
    assert there(), (made.pods, made.status.message)
