"""istiod: HTTPRoute, GRPCRoute and VirtualService."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.gateways.cluster import GatewayCluster
from tests.gateways.istio import GRPC_ROUTE, HTTP_ROUTE, VIRTUAL_SERVICE, IstioCluster
from tests.gateways.needed import needs
from tests.gateways.outages import refused, unknown_filter
from tests.gateways.story import play
from tests.gateways.track import Track

pytestmark = needs("istiod")


@pytest.mark.timeout(900)
async def test_promoted_and_reverted_under_load_through_the_faults_of_the_controller() -> None:
    async with IstioCluster() as lab:
        await play(lab, (HTTP_ROUTE, GRPC_ROUTE, VIRTUAL_SERVICE), _refused)


async def _refused(_: GatewayCluster, tracks: Sequence[Track]) -> None:
    await refused(tracks[0], unknown_filter)
