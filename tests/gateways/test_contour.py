"""Contour: HTTPProxy, HTTPRoute and TCPRoute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from tests.gateways.cluster import GatewayCluster
from tests.gateways.contour import HTTP, HTTP_PROXY, HTTP_ROUTE, TCP, TCP_ROUTE, ContourCluster, gateway
from tests.gateways.needed import needs
from tests.gateways.outages import back, refused, two_prefixes, unknown_filter
from tests.gateways.story import HALF, play
from tests.gateways.track import Track

pytestmark = needs("contour")


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
    await asyncio.gather(*(back(track, begin) for track in (proxy, route)))
    await asyncio.gather(refused(proxy, two_prefixes), refused(route, unknown_filter))
    assert await connections.weights() == HALF
