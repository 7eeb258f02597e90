"""Envoy Gateway: HTTPRoute."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab import pods
from tests.gateways.cluster import GatewayCluster
from tests.gateways.envoy_gateway import HTTP_ROUTE, EnvoyGatewayCluster
from tests.gateways.needed import needs
from tests.gateways.outages import refused, unknown_filter
from tests.gateways.story import play
from tests.gateways.track import Track

pytestmark = needs("envoy-gateway")


@pytest.mark.timeout(900)
async def test_promoted_and_reverted_under_load_through_the_faults_of_the_controller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pods, "PORT", 8088)  # Envoy Gateway takes [::]:8080 for itself
    async with EnvoyGatewayCluster() as lab:
        await play(lab, (HTTP_ROUTE,), _refused)


async def _refused(_: GatewayCluster, tracks: Sequence[Track]) -> None:
    await refused(tracks[0], unknown_filter)
