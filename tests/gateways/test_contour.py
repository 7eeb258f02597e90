"""Contour: HTTPProxy, HTTPRoute and TCPRoute."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Sequence

import pytest

from lab.api import Object
from tests.gateways.cluster import GatewayCluster
from tests.gateways.contour import HTTP, HTTP_PROXY, HTTP_ROUTE, TCP, TCP_ROUTE, ContourCluster, gateway
from tests.gateways.needed import needs
from tests.gateways.story import HALF, play
from tests.gateways.track import Track

pytestmark = needs("contour")

Spoil = Callable[[Object], None]


@pytest.mark.timeout(900)
async def test_promoted_and_reverted_under_load_through_the_faults_of_controller_and_gateway() -> None:
    async with ContourCluster() as lab:
        await play(lab, (HTTP_PROXY, HTTP_ROUTE, TCP_ROUTE), _taken_away_and_refused)


async def _taken_away_and_refused(lab: GatewayCluster, tracks: Sequence[Track]) -> None:
    """The HTTP listener is taken away and given back; an edit of a route is refused and taken back."""
    proxy, route, connections = tracks
    begin = time.time()
    await lab.apply(gateway(TCP))
    for track in (proxy, route):
        said = await track.waits("RouteNotAccepted")
        assert "listener" in said.lower(), said
    await lab.apply(gateway(HTTP, TCP))
    await asyncio.gather(*(_back(track, begin) for track in (proxy, route)))
    await asyncio.gather(_refused(proxy, _two_prefixes), _refused(route, _unknown_filter))
    assert await connections.weights() == HALF


def _two_prefixes(spec: Object) -> None:
    spec["routes"][0]["conditions"] = [{"prefix": "/"}, {"prefix": "/more"}]


def _unknown_filter(spec: Object) -> None:
    of = {"group": "example.org", "kind": "Nothing", "name": "nothing"}
    spec["rules"][0]["filters"] = [{"type": "ExtensionRef", "extensionRef": of}]


async def _refused(track: Track, spoil: Spoil) -> None:
    begin = time.time()
    good = await track.route()
    bad = copy.deepcopy(good["spec"])
    spoil(bad)
    await track.lab.api.patch(good, {"spec": bad})
    await track.waits("RouteNotAccepted")
    assert await track.weights() == HALF
    await track.lab.api.patch(good, {"spec": good["spec"]})
    await _back(track, begin)


async def _back(track: Track, begin: float) -> None:
    """The gateway serves the route again, and the run goes on."""
    acts = await track.at(HALF)
    track.outages.append((begin - 1, acts))
    await track.goes_on()
    track.counted(acts, await track.now(acts), "v3", HALF[1])
