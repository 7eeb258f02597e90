"""The status within its size: what is left out first when it is too large."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from tidegate.api.rollout.status import RolloutStatus

LARGEST = 60 * 1024
"""Bytes of status as JSON; the promise is 64 KiB."""

SHORTENED = 128
"""Characters that are left of each text for people when nothing else makes the status small enough."""

_FOR_PEOPLE = frozenset({"message", "evidence"})


def on_the_wire(status: RolloutStatus, largest: int = LARGEST) -> dict[str, Any]:
    """The status as JSON-ready data, at most `largest` bytes: evidence goes first, then history; memory never."""
    halved = (len(status.checkpoints) // 2**times for times in range(len(status.checkpoints).bit_length() + 1))
    evidence = (_with_evidence(status, newest) for newest in halved)
    for fewer in chain([status], evidence, [status.model_copy(update={"checkpoints": ()}), memory_alone(status)]):
        if len(fewer.model_dump_json(by_alias=True, exclude_none=True).encode()) <= largest:
            return dump(fewer)
    return _shortened(dump(memory_alone(status)))


def _shortened(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every text that only people read cut short."""
    return {
        key: value[:SHORTENED] if key in _FOR_PEOPLE and isinstance(value, str) else _with_short_texts(value)
        for key, value in wire.items()
    }


def _with_short_texts(value: Any) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(value, dict):
        return _shortened(value)
    return [_with_short_texts(one) for one in value] if isinstance(value, list) else value


def _with_evidence(status: RolloutStatus, newest: int) -> RolloutStatus:
    """The status with the evidence of the newest checkpoints only."""
    without = (one.model_copy(update={"findings": ()}) for one in status.checkpoints[newest:])
    return status.model_copy(update={"checkpoints": (*status.checkpoints[:newest], *without)})


def memory_alone(status: RolloutStatus) -> RolloutStatus:
    """The status without evidence, history and the words of single lines: what a refused write is tried with once more."""
    update = {
        "checkpoints": (),
        "history": status.history[:1],
        "guards": tuple(one.model_copy(update={"message": ""}) for one in status.guards),
        "missing_data": tuple(one.model_copy(update={"message": ""}) for one in status.missing_data),
    }
    return status.model_copy(update=update)


def dump(status: RolloutStatus) -> dict[str, Any]:
    """The status as JSON-ready data."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
