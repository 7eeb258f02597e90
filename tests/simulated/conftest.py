"""What holds for every plan of every simulated test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tidegate.core.decide import decide
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan, SetReplicas, SetWeights, WriteTemplate
from tidegate.reconcile import evaluation


@pytest.fixture(autouse=True)
def _plans_write_an_object_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No plan writes the same object twice: the second write would conflict with the first."""
    twice: list[str] = []

    def watched(memory: Memory, seen: Observation) -> Plan:
        plan = decide(memory, seen)
        twice.extend(f"{what}: {plan.actions}" for what, times in Counter(_written(plan)).items() if times > 1)
        return plan

    monkeypatch.setattr(evaluation, "decide", watched)
    yield
    assert not twice, twice[0]


def _written(plan: Plan) -> Iterator[str]:
    for action in plan.actions:
        match action:
            case SetWeights(route):
                yield route.ref.key
            case SetReplicas(read):
                yield f"scale of {read.deployment}"
            case WriteTemplate(deployment):
                yield f"template of {deployment}"
            case _:
                pass
