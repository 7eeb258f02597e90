"""Commands that have had their outcome for long, or are many: they are deleted, so that they do not pile up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import COMMANDS
from tidegate.adapters.kubernetes.rollouts import epoch

KEPT: Final = 20
"""Concluded commands kept for each Rollout, the newest: a history for people; the audit log has them all."""

KEPT_SECONDS: Final = 7 * 86400.0
"""Seconds after its outcome for which a command is kept at most."""


def outdated(commands: Iterable[Mapping[str, Any]], now: float) -> Iterator[str]:
    """Names of the concluded commands that are too old, or too many for their Rollout.

    Args:
        commands: RolloutCommands of one namespace, as on the wire.
        now: epoch seconds.
    """
    concluded: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for command in commands:
        ended = epoch((command.get("status") or {}).get("completionTime") or "")
        if ended:
            concluded[(command.get("spec") or {}).get("rollout") or ""].append((ended, command["metadata"]["name"]))
    for ends in concluded.values():
        for place, (ended, name) in enumerate(sorted(ends, reverse=True)):
            if place >= KEPT or now - ended > KEPT_SECONDS:
                yield name


async def clear_up(api: Api, namespace: str, now: float, most: int) -> bool:
    """Deletes what is outdated, at most `most` objects.

    Returns: whether nothing outdated is left.

    Raises: the errors of ports/errors.py.
    """
    found = [command async for page in api.pages(COMMANDS, namespace) for command in page]
    names = list(outdated(found, now))
    for name in names[:most]:
        await api.delete(COMMANDS, namespace, name)
    return len(names) <= most
