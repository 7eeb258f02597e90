"""The report of a simulated run: the same as of one in a cluster, with what the scripted world knows beside its status."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tidegate.api.reasons import Reason
from tidegate.api.report import Moment, Report
from tidegate.api.rollout.status import RolloutStatus
from tidegate.cli.errors import CommandError
from tidegate.cli.report.past import Answers, tracks
from tidegate.cli.report.tile import Tile, step_of, tiles
from tidegate.core.model.answers import Query
from tidegate.core.model.time_format import instant
from tidegate.core.report.compose import Known, NoSuchRunError, compose, moment
from tidegate.simulation.backtest.history import Stretch
from tidegate.simulation.scripted import Scripted


class Watched:
    """The status of the run while it was under way: `look` after each tick."""

    def __init__(self, scripted: Scripted) -> None:
        self._scripted = scripted
        self._last: Mapping[str, Any] | None = None

    def look(self) -> None:
        """Keeps the status if a run is in progress."""
        status = self._scripted.status
        if status.get("run"):
            self._last = status

    @property
    def last(self) -> RolloutStatus | None:
        """The last one."""
        return RolloutStatus.model_validate(self._last) if self._last is not None else None


def simulated(scripted: Scripted, watched: Watched) -> tuple[Report, list[Tile]]:
    """The report of the last run of a world that was run, with its charts.

    Raises: CommandError: no run began.
    """
    status = RolloutStatus.model_validate(scripted.status)
    known = Known(
        namespace="default",
        name=scripted.name,
        spec=scripted.raw,
        status=status,
        now=instant(scripted.clock.now()),
        under_way=watched.last,
        raw_jobs=tuple(scripted.status.get("jobs") or ()),
    )
    try:
        bare = compose(known)
        start, end = bare.start.timestamp() - 5, (bare.end or bare.written).timestamp() + 5
        heard = [one for one in _decisions(scripted) if start <= one.time.timestamp() <= end]
        seen = [one for one in _weights(scripted) if start < one.time.timestamp() <= end]
        known = Known(**{**known.__dict__, "told": tuple(heard), "weights": tuple(seen)})
        report = compose(known, bare.run)
    except NoSuchRunError as error:
        raise CommandError(f"there is nothing to report: {error}") from error
    found = asyncio.run(tracks(report, scripted.spec, _ask(scripted)))
    return report, tiles(report, scripted.spec, found)


def _ask(scripted: Scripted) -> Any:  # noqa: ANN401  (an Ask)
    async def ask(queries: tuple[Query, ...], stretch: Stretch) -> Answers:
        del queries
        return lambda query, index: scripted.answers.answer(query, stretch.time(index))

    return ask


def _decisions(scripted: Scripted) -> list[Moment]:
    weights = {step.name: float(step.weight.percent) for step in scripted.spec.steps}
    found = []
    for time, _, reason, message in scripted.cluster.events:
        step = step_of(message, scripted.spec) if reason == Reason.STEP_STARTED else ""
        found.append(moment(time, reason, message, weights.get(step)))
    return found


def _weights(scripted: Scripted) -> list[Moment]:
    """Writes of the first route that changed the share."""
    found, before = [], None
    for write, share in zip(scripted.writes(), scripted.shares(), strict=True):
        if before is not None and share != before:
            found.append(moment(write.time, "WeightWritten", f"by {write.manager}", round(share, 3)))
        before = share
    return found
