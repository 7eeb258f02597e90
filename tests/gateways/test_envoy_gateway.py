"""Envoy Gateway: HTTPRoute."""

from __future__ import annotations

import pytest

from lab import pods
from tests.gateways.envoy_gateway import HTTP_ROUTE, EnvoyGatewayCluster
from tests.gateways.needed import needs
from tests.gateways.story import play

pytestmark = needs("envoy-gateway")


@pytest.mark.timeout(900)
async def test_promoted_and_reverted_under_load_through_a_restarted_and_a_frozen_controller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pods, "PORT", 8088)  # Envoy Gateway takes [::]:8080 for itself
    async with EnvoyGatewayCluster() as lab:
        await play(lab, (HTTP_ROUTE,))
