"""What is played on every gateway: a good candidate is promoted and a bad one reverted under load, through the controller's faults.

All kinds of route of a gateway go through it together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from lab import shop
from lab.load import by_version
from lab.operator_process import OperatorProcess
from lab.wait import until
from tests.gateways.cluster import GatewayCluster
from tests.gateways.track import ENOUGH, SECONDS, Track
from tests.gateways.ways import Way, Weights

STEP_SECONDS = 8
LONG = 3600
"""Seconds: the step ends by nothing but a person's word."""
NONE: Weights = (100, 0)
CANARY: Weights = (90, 10)
HALF: Weights = (50, 50)

More = Callable[[GatewayCluster, Sequence[Track]], Awaitable[None]]
"""What else happens on a gateway while half of the requests are on the candidate."""


async def play(lab: GatewayCluster, ways: Sequence[Way], more: More | None = None) -> None:
    """The whole of it."""
    await lab.install_tidegate()
    async with AsyncExitStack() as stack:
        tracks = await asyncio.gather(*(stack.enter_async_context(Track(lab, way)) for way in ways))
        settings = {"routers": [way.kind for way in ways]}
        operator = await stack.enter_async_context(OperatorProcess(lab, settings=settings))
        await asyncio.gather(*map(_promoted, tracks))
        begin = time.time()
        await asyncio.gather(*map(_on_trial, tracks))
        await _through_faults(lab, operator, tracks)
        if more is not None:
            await more(lab, tracks)
        await asyncio.gather(*(_reverted(track, begin) for track in tracks))


async def _promoted(track: Track) -> None:
    begin = time.time()
    await track.rollout(seconds=STEP_SECONDS, shadow=track.way.shadow)
    await track.release("v2")
    if track.way.shadow:
        await _shadowed(track)
    for wanted in (CANARY, HALF):
        acts = await track.at(wanted)
        track.counted(acts, await _over(track, wanted, acts), "v2", wanted[1])
    outcome = await track.ended(1)
    assert outcome == "Succeeded", f"{track.way.kind}: {outcome}"
    assert track.failed() == {}, f"{track.way.kind}: requests failed in the promotion: {track.failed()}"
    raised = track.raised(begin)
    early = by_version(one for one in track.load.answers if one.at < raised)
    assert set(early) == {"v1"}, f"{track.way.kind}: the candidate answered before it had weight: {early}"
    assert set(by_version(await track.answered(await track.at(NONE)))) == {"v2"}


async def _over(track: Track, weights: Weights, since: float) -> float:
    """Waits until a weight is over; when that was seen."""

    async def over() -> bool:
        return await track.weights() != weights

    await until(over, SECONDS, f"{track.way.kind}: the end of {weights}")
    return track.left(weights, since)


async def _shadowed(track: Track) -> None:
    """Half of the requests reach the candidate as well, and users get only the baseline's answers."""
    copy = {"name": shop.CANARY, "port": 80, "mirror": True, "weight": 50}

    async def mirrored() -> bool:
        return copy in track.way.backends((await track.route())["spec"])

    await until(mirrored, SECONDS, "the mirror is on the route")
    assert await track.weights() == NONE
    begin = await track.at(NONE)
    before = await track.copies()
    assert set(by_version(await track.answered(begin))) == {"v1"}, "no user gets an answer of the candidate"

    async def copied() -> bool:
        return await track.copies() > before + ENOUGH / 4

    await until(copied, SECONDS, "copies at the candidate")


async def _on_trial(track: Track) -> None:
    await track.rollout(seconds=LONG)
    await track.release("v3")
    begin = await track.at(CANARY)
    track.counted(begin, await track.now(begin), "v3", CANARY[1])
    await track.goes_on()


async def _through_faults(lab: GatewayCluster, operator: OperatorProcess, tracks: Sequence[Track]) -> None:
    """Controller and operator are killed and started again, and the controller is frozen while the weight rises."""
    await lab.restart_controller()
    await operator.kill()
    await operator.start()
    frozen_from = time.time()
    lab.freeze_controller()
    told = [track for track in tracks if track.way.reports]
    untold = [track for track in tracks if not track.way.reports]
    await asyncio.gather(*map(_raised_unheard, told))
    for track in tracks:
        track.counted(frozen_from, await track.now(frozen_from), "v3", CANARY[1])
    lab.thaw_controller()
    for track in untold:
        await _advance(track)
    for track, begin in zip(tracks, await asyncio.gather(*(track.at(HALF) for track in tracks)), strict=True):
        await track.goes_on()
        track.counted(begin, await track.now(begin), "v3", HALF[1])


async def _raised_unheard(track: Track) -> None:
    await _advance(track)
    await track.waits("RouteNotAccepted")
    assert await track.weights() == HALF


async def _advance(track: Track) -> None:
    await shop.command(track.lab, track.namespace, "Advance")


async def _reverted(track: Track, begin: float) -> None:
    await shop.misbehave(track.lab, track.namespace, 0.5)
    outcome = await track.ended(2)
    assert outcome == "Reverted", f"{track.way.kind}: {outcome}"
    after = await track.at(NONE)
    assert set(by_version(await track.answered(after))) == {"v2"}, f"{track.way.kind}: the candidate still has users"
    raised = track.raised(begin)
    strays = [one for one in track.load.answers if one.version == "v3" and not raised <= one.at <= after]
    assert strays == [], f"{track.way.kind}: requests at the candidate without a weight"
    failed = track.failed()
    assert {version for version, _ in failed} == {"v3"}, f"{track.way.kind}: not only the candidate's errors: {failed}"
