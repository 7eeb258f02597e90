"""istiod: HTTPRoute, GRPCRoute and VirtualService."""

from __future__ import annotations

import pytest

from tests.gateways.istio import GRPC_ROUTE, HTTP_ROUTE, VIRTUAL_SERVICE, IstioCluster
from tests.gateways.needed import needs
from tests.gateways.story import play

pytestmark = needs("istiod")


@pytest.mark.timeout(900)
async def test_promoted_and_reverted_under_load_through_a_restarted_and_a_frozen_controller() -> None:
    async with IstioCluster() as lab:
        await play(lab, (HTTP_ROUTE, GRPC_ROUTE, VIRTUAL_SERVICE))
