"""`--wait`: until a run has been decided, and what the exit code says of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.reasons import PEOPLE
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable
from tidegate.cli.cluster import duration
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.fetching import the_rollout
from tidegate.ports.errors import Unavailable

POLL_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Awaited:
    """Which end is waited for."""

    image: str = ""
    """A part of an image of the version that is meant; empty for whichever there is."""
    after: str = ""
    """The newest ended run so far: one that ends later is meant; empty for whichever there is."""
    ended: bool = False
    """Any end of the run is what was asked for, as after an Abort."""


def add_wait_arguments(parser: argparse.ArgumentParser, what: str, default: str) -> None:
    """`--wait` for `what`, and `--timeout`, by default `default`."""
    parser.add_argument("--wait", action="store_true", help=what)
    parser.add_argument(
        "--timeout",
        type=duration,
        default=Duration(default),
        metavar="DURATION",
        help=f"maximum time to wait ({default})",
    )


async def until_decided(
    cluster: Connection, name: str, awaited: Awaited, timeout: Duration, *, aside: bool = False
) -> int:
    """Waits for the end, says it in one line, and returns its exit code.

    Args:
        cluster: where.
        name: the Rollout's.
        awaited: which end.
        timeout: how long to wait.
        aside: say it on standard error, because standard output has an object.

    Raises:
        CommandError: it did not come in time, or the Rollout is gone.
    """
    deadline = time.monotonic() + timeout.seconds
    last = "the API server has not answered"
    while True:
        try:
            rollout = await the_rollout(cluster, name)
        except Unavailable as error:
            last = str(error)
        else:
            decided = verdict(rollout, awaited)
            if decided is not None:
                code, words = decided
                print(printable(f"{name}: {words}"), file=sys.stderr if aside else sys.stdout)
                return code
            last = str((rollout.get("status") or {}).get("message") or "not reconciled by the operator yet")
        if time.monotonic() >= deadline:
            raise CommandError(f"timed out after {timeout} waiting for {name}: {last}", ExitCode.TIMED_OUT)
        await asyncio.sleep(POLL_SECONDS)


def verdict(rollout: Mapping[str, Any], awaited: Awaited) -> tuple[ExitCode, str] | None:
    """The exit code and the words for it; `None` while it is not decided. Reads what every version of the status has."""
    status = rollout.get("status") or {}
    run = status.get("run")
    history = status.get("history") or []
    newest: Mapping[str, Any] = history[0] if history else {}
    if status.get("observedGeneration") != rollout["metadata"].get("generation"):
        return None
    if run:
        return _person_needed(status, awaited)
    if awaited.after and newest.get("id") == awaited.after:
        return None
    if awaited.image and not _names(awaited.image, newest.get("version"), status.get("released")):
        return None
    if awaited.ended:
        return ExitCode.DONE, _in_words(newest)
    return _at_rest(status, newest)


def _person_needed(status: Mapping[str, Any], awaited: Awaited) -> tuple[ExitCode, str] | None:
    reason = _condition(status, "Ready").get("reason", "")
    paused = (status.get("run") or {}).get("paused") or {}
    if awaited.ended or not (reason in PEOPLE or paused):
        return None
    return ExitCode.PERSON_NEEDED, f"waits for a person ({paused.get('reason') or reason}): {status.get('message', '')}"


def _at_rest(status: Mapping[str, Any], newest: Mapping[str, Any]) -> tuple[ExitCode, str] | None:
    ready, stalled = _condition(status, "Ready"), _condition(status, "Stalled")
    if ready.get("status") == "True":
        return ExitCode.DONE, str(status.get("message") or ready.get("message", ""))
    if stalled.get("status") == "True":
        ended = newest.get("outcome") in {RunEnd.REVERTED, RunEnd.ABORTED}
        return ExitCode.NO, _in_words(newest) if ended else str(stalled.get("message", ""))
    if ready.get("reason") in PEOPLE:
        return ExitCode.PERSON_NEEDED, f"waits for a person ({ready['reason']}): {status.get('message', '')}"
    return None


def _names(image: str, *versions: object) -> bool:
    """Whether one of the versions has an image with this in its name."""
    return any(
        image in str(one) for found in versions if isinstance(found, Mapping) for one in found.get("images") or ()
    )


def _in_words(entry: Mapping[str, Any]) -> str:
    return f"run {entry.get('id', '?')}: {entry.get('outcome', '?')}: {entry.get('message') or entry.get('reason', '')}"


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((one for one in status.get("conditions") or () if one.get("type") == kind), {})
