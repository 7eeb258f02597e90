"""What the sample service counts is what Prometheus answers, with the labels the operator asks by."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from lab import manifests
from lab.load import failures
from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from lab.stack import Lab


async def test_the_counters_have_namespace_deployment_and_pod(lab: Lab, namespace: str) -> None:
    env = {"ERROR_RATE": 0.5, "LATENCY": 0.02}
    await lab.apply(manifests.app(namespace, "shop", env=env), manifests.http_route(namespace, "shop", {"shop": 1}))
    await lab.rolled_out(namespace, "shop")
    async with lab.load(namespace, "shop") as load:

        async def reached() -> bool:
            return any(answer.version for answer in await load.send(5))

        await until(reached, PATIENCE, "the app answers")
        answers = await load.send(100)
    failed = failures(answers)["v1", 500]
    assert 10 < failed < 90

    async def counted() -> list[tuple[dict[str, str], float]]:
        found = await lab.prometheus.ask(f'http_requests_total{{namespace="{namespace}"}}')
        return found if sum(value for _, value in found) >= 100 else []

    series = await until(counted, PATIENCE, "the requests are counted")
    assert {labels["deployment"] for labels, _ in series} == {"shop"}
    assert {labels["app"] for labels, _ in series} == {"shop"}
    assert {labels["code"] for labels, _ in series} == {"200", "500"}
    assert {labels["pod"].rpartition("-")[0].rpartition("-")[0] for labels, _ in series} == {"shop"}
    over = f'http_request_duration_seconds_bucket{{namespace="{namespace}",le="0.01"}}'
    within = f'http_request_duration_seconds_bucket{{namespace="{namespace}",le="0.025"}}'
    assert [value for _, value in await lab.prometheus.ask(over)] == [0]
    assert [value >= 100 for _, value in await lab.prometheus.ask(within)] == [True]


async def test_a_paused_prometheus_takes_connections_and_never_answers(lab: Lab) -> None:
    lab.prometheus.pause()
    try:
        timeout = aiohttp.ClientTimeout(sock_connect=2, sock_read=0.5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with pytest.raises(aiohttp.SocketTimeoutError):
                await session.get(f"{lab.prometheus_url}/-/ready")
    finally:
        lab.prometheus.resume()
    assert await lab.prometheus.ask("vector(1)")


async def test_a_stopped_prometheus_comes_back_at_the_same_address_with_its_data(lab: Lab) -> None:
    await until(lambda: lab.prometheus.ask("count_over_time(up[1h])"), PATIENCE, "something was scraped")
    address = lab.prometheus_url
    await lab.prometheus.stop()
    try:
        with pytest.raises(aiohttp.ClientConnectorError):
            await lab.prometheus.ask("vector(1)")
    finally:
        await lab.prometheus.start()
    assert lab.prometheus_url == address
    async with asyncio.timeout(PATIENCE):
        assert await lab.prometheus.ask("count_over_time(up[1h])")
