"""Samples of each system in a real Prometheus: every preset gives the known value for either arm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import web

from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tests.unit.presets.recorded import Recording, recordings
from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.api.presets import registry
from tidegate.api.presets.resolving import resolved
from tidegate.api.rollout.metrics import Metric
from tidegate.api.values.scalars import Unit
from tidegate.core.metrics import queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.samples import Asked, TooFew, Value
from tidegate.core.model.world import ArmName

MARK = "recorded_scrape"
"""A series of ours in every answer: which of the two scrapes it was."""
WINDOW = 120.0
STILL = "3s"
"""Longer than from one scrape to the next: then sums of increases no longer change with the instant at which they are asked for."""
EXTRAPOLATION = 0.02
"""How far two sums of increases may be off: Prometheus extrapolates each series by itself."""
ASKING = Asking(
    source="default",
    namespace="shop",
    rollout="checkout",
    step="canary",
    elapsed=WINDOW,
    traffic=WINDOW,
    workloads={ArmName.BASELINE: "checkout", ArmName.CANDIDATE: "checkout-canary"},
    services={ArmName.BASELINE: "checkout", ArmName.CANDIDATE: "checkout-canary"},
    pods={ArmName.BASELINE: "checkout-6d4b75cb6d-.{5}", ArmName.CANDIDATE: "checkout-canary-7c9f8d5b44-.{5}"},
)


@dataclass(frozen=True)
class Case:
    """Presets of a system on one recording."""

    sample: str
    system: str
    parameters: dict[str, str]


CASES = (
    *(Case(system.name, system.name, {}) for system in registry.SYSTEMS),
    Case("traefik-3.2", "traefik", {"serviceLabel": "exported_service"}),
)


class Targets:
    """All recordings on a loopback server, at the first scrape until told otherwise."""

    def __init__(self) -> None:
        self.port = free_port()
        self.scrape = 0
        self._known: list[tuple[str, Recording]] = [
            (f"/{name}/{index}", recording)
            for name in sorted({case.sample for case in CASES})
            for index, recording in enumerate(recordings(name))
        ]

    def __len__(self) -> int:
        return len(self._known)

    def discovery(self) -> str:
        return json.dumps(
            [
                {
                    "targets": [f"127.0.0.1:{self.port}"],
                    "labels": {"__metrics_path__": path, "recording": path, **recording.labels},
                }
                for path, recording in self._known
            ]
        )

    def app(self) -> web.Application:
        app = web.Application()
        for path, recording in self._known:
            app.router.add_get(path, self._answering(recording))
        return app

    def _answering(self, recording: Recording):  # noqa: ANN202 (aiohttp's own handler type)
        async def answer(_: web.Request) -> web.Response:
            text = f"{recording.scrapes[self.scrape]}{MARK} {self.scrape + 1}\n"
            return web.Response(text=text, content_type="text/plain", charset="utf-8")

        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def source(lab: Lab) -> AsyncIterator[PrometheusSource]:
    """The operator's own way to the lab's Prometheus, once it has scraped everything twice."""
    targets = Targets()
    runner = web.AppRunner(targets.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", targets.port).start()
    discovered = lab.prometheus.targets / "recorded.json"
    asked = PrometheusSource("default", SourceAddress(lab.prometheus_url))
    try:
        discovered.write_text(targets.discovery())
        for scrape in (1, 2):
            targets.scrape = scrape - 1
            seen = f"count({MARK} == {scrape}) == {len(targets)}"
            await until(lambda seen=seen: lab.prometheus.ask(seen), PATIENCE, f"scrape {scrape} of every target")
        discovered.unlink()  # a sample more between two queries, and each would be extrapolated by another factor
        await until(
            lambda: lab.prometheus.ask(f"absent(last_over_time({MARK}[{STILL}]))"), PATIENCE, "the last scrape is past"
        )
        yield asked
    finally:
        discovered.unlink(missing_ok=True)
        asked.close()
        await runner.cleanup()


def metric(name: str, parameters: dict[str, str]) -> Metric:
    known = {parameter.name for parameter in registry.PRESETS[name].parameters}
    given = {key: value for key, value in parameters.items() if key in known}
    found, faults = resolved(Metric(name="asked", preset=name, parameters=given))
    assert faults == ()
    return found


async def answer(source: PrometheusSource, asked: Metric, arm: ArmName) -> float:
    made = queries(asked, arm, ASKING)
    answers = {query: await source.sample(query, timeout=10) for query in made}
    found = sample(asked, Asked(answers), made)
    assert isinstance(found, Value), found
    (series,) = found.series
    assert series.value is not None
    return series.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sample)
@pytest.mark.parametrize(("arm", "share"), [(ArmName.BASELINE, 10 / 200), (ArmName.CANDIDATE, 8 / 40)])
async def test_the_share_of_errors_is_the_arms_own(
    source: PrometheusSource, case: Case, arm: ArmName, share: float
) -> None:
    found = await answer(source, metric(f"{case.system}/error-rate", case.parameters), arm)
    assert found == pytest.approx(share, rel=EXTRAPOLATION)


@pytest.mark.parametrize("system", ["contour", "envoy-gateway"])
@pytest.mark.parametrize(("arm", "share"), [(ArmName.BASELINE, 10 / 200), (ArmName.CANDIDATE, 8 / 40)])
async def test_the_share_of_failed_grpc_calls_is_the_arms_own(
    source: PrometheusSource, system: str, arm: ArmName, share: float
) -> None:
    found = await answer(source, metric(f"{system}/grpc-error-rate", {}), arm)
    assert found == pytest.approx(share, rel=EXTRAPOLATION)


@pytest.mark.parametrize("system", ["contour", "envoy-gateway"])
@pytest.mark.parametrize(("arm", "share"), [(ArmName.BASELINE, 20 / 200), (ArmName.CANDIDATE, 10 / 40)])
async def test_the_share_of_attempts_that_were_retries_is_the_arms_own(
    source: PrometheusSource, system: str, arm: ArmName, share: float
) -> None:
    found = await answer(source, metric(f"{system}/retry-rate", {}), arm)
    assert found == pytest.approx(share, rel=EXTRAPOLATION)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sample)
@pytest.mark.parametrize(
    ("arm", "quantile", "seconds"),
    [
        (ArmName.BASELINE, "0.99", 0.05 + 0.99 * 0.05),
        (ArmName.BASELINE, "0.5", 0.05 + 0.5 * 0.05),
        (ArmName.CANDIDATE, "0.99", 0.1 + 0.99 * 0.4),
        (ArmName.CANDIDATE, "0.5", 0.1 + 0.5 * 0.4),
    ],
)
async def test_a_quantile_is_the_arms_own_in_seconds(
    source: PrometheusSource, case: Case, arm: ArmName, quantile: str, seconds: float
) -> None:
    asked = metric(f"{case.system}/latency", {**case.parameters, "quantile": quantile})
    assert await answer(source, asked, arm) == pytest.approx(seconds)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sample)
@pytest.mark.parametrize(("arm", "seconds"), [(ArmName.BASELINE, 0.075), (ArmName.CANDIDATE, 0.3)])
async def test_an_average_is_the_arms_own(source: PrometheusSource, case: Case, arm: ArmName, seconds: float) -> None:
    asked = metric(f"{case.system}/average-latency", case.parameters)
    unit = 1.0 if asked.unit is Unit.SECONDS else 1000.0
    assert await answer(source, asked, arm) == pytest.approx(seconds * unit, rel=EXTRAPOLATION)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sample)
async def test_the_rates_of_the_arms_are_as_their_requests(source: PrometheusSource, case: Case) -> None:
    asked = metric(f"{case.system}/request-rate", case.parameters)
    baseline = await answer(source, asked, ArmName.BASELINE)
    candidate = await answer(source, asked, ArmName.CANDIDATE)
    assert baseline > 0
    assert candidate / baseline == pytest.approx(40 / 200, rel=0.5), "each target is scraped at instants of its own"


@pytest.mark.parametrize("arm", ArmName)
async def test_a_wrong_label_of_the_status_is_too_few_requests_and_not_a_clean_record(
    source: PrometheusSource, arm: ArmName
) -> None:
    asked = metric("http/error-rate", {"codeLabel": "status"})
    made = queries(asked, arm, ASKING)
    answers = {query: await source.sample(query, timeout=10) for query in made}
    assert isinstance(sample(asked, Asked(answers), made), TooFew)
