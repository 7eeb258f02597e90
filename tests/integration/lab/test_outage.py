"""The lab outlives an outage of its own API server: tests of the operator need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import manifests
from lab.api import ApiError
from lab.load import by_version, failures
from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from lab.stack import Lab


async def test_traffic_goes_on_while_the_api_server_is_away_and_changes_act_when_it_is_back(
    lab: Lab, namespace: str
) -> None:
    await lab.apply(manifests.app(namespace, "shop"), manifests.http_route(namespace, "shop", {"shop": 1}))
    await lab.rolled_out(namespace, "shop")
    async with lab.load(namespace, "shop") as load:

        async def good() -> bool:
            return not failures(await load.send(20))

        await until(good, PATIENCE, "no failures")
        await lab.control_plane.stop_api_server()
        with pytest.raises(ApiError, match="503 Unavailable"):
            await lab.api.list("v1", "Pod")
        assert not failures(await load.send(100))

        await lab.control_plane.start_api_server()
        await lab.apply(manifests.deployment(namespace, "shop", version="v2"))
        await lab.rolled_out(namespace, "shop")

        async def new() -> bool:
            return set(by_version(await load.send(20))) == {"v2"}

        await until(new, PATIENCE, "v2 answers")
