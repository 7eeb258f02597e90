from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.web import Check, ListenError, WebServer, stale


def series(metrics: Metrics, prefix: str) -> dict[tuple[str, ...], float]:
    """Values by name and label values, these in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.name.startswith(prefix) and not sample.name.endswith(("_created", "_bucket"))
    }


def test_a_rollout_has_one_phase_at_a_time_and_none_once_it_is_gone() -> None:
    metrics = Metrics()
    metrics.rollouts.show("shop", "web", phase="Progressing", step=1, desired=10, observed=None)
    metrics.rollouts.show("shop", "web", phase="Reverted", step=1, desired=0, observed=0)
    assert series(metrics, "tidegate_rollout") == {
        ("tidegate_rollout_phase", "shop", "Reverted", "web"): 1,
        ("tidegate_rollout_step", "shop", "web"): 1,
        ("tidegate_rollout_weight_percent", "desired", "shop", "web"): 0,
        ("tidegate_rollout_weight_percent", "observed", "shop", "web"): 0,
    }
    metrics.rollouts.forget("shop", "web")
    metrics.rollouts.forget("shop", "web")
    assert series(metrics, "tidegate_rollout") == {}


def test_a_stalled_rollout_has_one_series_with_its_reason() -> None:
    metrics = Metrics()
    for reason in ("RevertNotAccepted", "RevertRefused", "RevertRefused"):
        metrics.rollouts.stalled("shop", "web", reason)
    assert series(metrics, "tidegate_rollout_stalled") == {
        ("tidegate_rollout_stalled", "shop", "RevertRefused", "web"): 1
    }
    metrics.rollouts.stalled("shop", "web", "")
    assert series(metrics, "tidegate_rollout_stalled") == {}
    metrics.rollouts.stalled("shop", "web", "InvalidSpec")
    metrics.rollouts.forget("shop", "web")
    assert series(metrics, "tidegate_rollout_stalled") == {}


def test_what_took_time_is_counted() -> None:
    metrics = Metrics()
    metrics.called("patch", "httproutes", "Conflict", 0.01)
    metrics.queried("default", "Timeout", 5)
    metrics.reverted(0.2)
    metrics.ticked(0.1, late=3)
    metrics.decided("BreachReverts")
    found = series(metrics, "tidegate_")
    assert found["tidegate_api_call_seconds_count", "Conflict", "httproutes", "patch"] == 1
    assert found["tidegate_query_seconds_sum", "Timeout", "default"] == 5
    assert found["tidegate_revert_seconds_count",] == 1
    assert found["tidegate_tick_late_seconds_sum",] == 3
    assert found["tidegate_decisions_total", "BreachReverts"] == 1


def test_the_registry_is_the_operators_own() -> None:
    assert series(Metrics(), "process_resident")
    Metrics()


@asynccontextmanager
async def serving(live: Sequence[Check] = (), ready: Sequence[Check] = ()) -> AsyncIterator[tuple[str, Metrics]]:
    metrics = Metrics()
    server = WebServer("127.0.0.1:0", metrics, live=live, ready=ready)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}", metrics
    finally:
        await server.stop()


async def got(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    async with serving() as (url, metrics):
        metrics.reverted(0.2)
        status, text = await got(f"{url}/metrics")
    assert status == 200
    assert "tidegate_revert_seconds_count 1.0" in text


async def test_probes_pass_while_nothing_is_wrong() -> None:
    async with serving(live=[lambda: None], ready=[lambda: None]) as (url, _):
        assert await got(f"{url}/healthz") == (200, "ok\n")
        assert await got(f"{url}/readyz") == (200, "ok\n")


async def test_not_ready_is_still_alive_and_says_why() -> None:
    async with serving(ready=[lambda: "API server silent"]) as (url, _):
        assert (await got(f"{url}/healthz"))[0] == 200
        assert await got(f"{url}/readyz") == (503, "API server silent\n")


async def test_not_alive_is_not_ready_either() -> None:
    async with serving(live=[lambda: "stuck"]) as (url, _):
        assert await got(f"{url}/healthz") == (503, "stuck\n")
        assert await got(f"{url}/readyz") == (503, "stuck\n")


def test_stale_is_older_than_the_limit() -> None:
    age = 60.0
    check = stale(lambda: age, 60, "the scheduler last ran")
    assert check() is None
    age = 61.0
    assert check() == "the scheduler last ran 61 s ago, more than 60 s"


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("127.0.0.1:{taken}", "cannot listen on 127.0.0.1:{taken}: the port is taken"),
        ("203.0.113.1:0", "cannot listen on 203.0.113.1:0: this host has no such address"),
    ],
)
async def test_an_address_that_cannot_be_had_is_told(listen: str, said: str) -> None:
    async with serving() as (url, metrics):
        taken = url.rpartition(":")[2]
        server = WebServer(listen.format(taken=taken), metrics, live=(), ready=())
        with pytest.raises(ListenError) as caught:
            await server.start()
        assert str(caught.value) == said.format(taken=taken)
