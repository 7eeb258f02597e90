"""Puts the operator together and runs it: every object is made here, nothing is looked up anywhere else."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Protocol

import structlog

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.claims import RolloutCache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.secrets import KubernetesSecrets
from tidegate.adapters.notifiers.by_kind import NotifiersByKind
from tidegate.adapters.prometheus import PrometheusSource, PrometheusSources
from tidegate.adapters.routers import RouteCaches
from tidegate.core.model.message import Place
from tidegate.handlers import Caches, Waker
from tidegate.handlers.intake import waking
from tidegate.handlers.standing import EVERY as LOOK_EVERY
from tidegate.handlers.standing import Standing
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.specs import checker
from tidegate.reconcile.tick import Ticker
from tidegate.runtime.cluster import ClusterAdapters
from tidegate.runtime.configured import allowed_by, routers_of, source_address
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.settings import Settings
from tidegate.runtime.telemetry import LoggedTelemetry
from tidegate.runtime.web import WebServer, stale

PULSE: Final = 15.0
"""Seconds of silence after which the API server is asked for a sign of life."""
API_SILENT: Final = 60.0
"""Seconds without any answer of the API server until the operator is not ready."""
API_LOST: Final = 900.0
"""Seconds after which it is not alive either: a restart may help where new connections did not."""
SCHEDULER_STUCK: Final = 60.0
"""Seconds without a turn of the scheduler until the operator is not alive: it turns every few."""
LAST_WORDS: Final = 20.0
"""Seconds the scheduler is given to finish the ticks under way, within the usual 30 of a pod."""


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Loop(Waker, Protocol):
    """What runs the ticks: the scheduler, or a stand-in of a test."""

    @property
    def heartbeat(self) -> float:
        """When it last turned, by `Clock.monotonic`; it must turn every few seconds even with nothing to do."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, then finishes the ticks under way and returns."""
        ...


def scheduler_of(world: World, settings: Settings) -> Scheduler:
    """The scheduler that works on these ports, with the dialects of the administrator's sources."""
    index = Index()
    check = checker({name: source.dialect for name, source in settings.sources.items()})
    return Scheduler(world, Ticker(world, check, index), index)


async def run_operator(
    settings: Settings,
    loop_of: Callable[[World, Settings], Loop] = scheduler_of,
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Runs the operator until SIGTERM, SIGINT or `stop`.

    Args:
        settings: the administrator's.
        loop_of: makes what runs the ticks.
        kubeconfig: file to find the API server by, instead of the pod's service account or the user's own file.
        context: the context in it.
        stop: ends the operator when set, for tests and for embedding.
    """
    stop = stop or asyncio.Event()
    metrics, clock = Metrics(), SystemClock()
    caches = Caches(rollouts=RolloutCache(waking, metrics.broken), routes=RouteCaches(routers_of(settings)))
    configuration = await load_configuration(kubeconfig, context)
    async with (
        _api(configuration, metrics) as api,
        _sources(settings, metrics) as sources,
        _notifiers(settings, api, clock) as notifiers,
    ):
        cluster = await ClusterAdapters.on(api, caches, clock, settings)
        world = cluster.world(sources, notifiers, LoggedTelemetry(metrics))
        scheduler = loop_of(world, settings)
        watches, background = cluster.watched_by(scheduler, metrics)
        standing = Standing(api, lambda: watches.refused, settings.namespaces)
        async with _serving(settings, metrics, api, scheduler, standing):
            _log.info("operator started", server=configuration.host, namespaces=list(settings.namespaces) or "all")
            with _signals_to(stop):
                looking = (*cluster.looks(), _pulse(api), _standing(standing))
                await _run(stop, scheduler, watches.run, *(run() for run in background), *looking)
        _log.info("operator stopped")


async def _run(
    stop: asyncio.Event,
    scheduler: Loop,
    watch: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    *background: Coroutine[Any, Any, None],
) -> None:
    """Runs everything until `stop`: the scheduler ends first, while what it stands on is still there."""
    watches_stop = asyncio.Event()
    deciding = asyncio.create_task(scheduler.run(stop), name="scheduler")
    watching = asyncio.create_task(watch(watches_stop), name="watches")
    others = [asyncio.create_task(coroutine) for coroutine in background]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([deciding, watching, stopping, *others], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait([deciding], timeout=LAST_WORDS)
    finally:
        watches_stop.set()
        for task in (deciding, stopping, *others):
            task.cancel()
        results = await asyncio.gather(deciding, watching, *others, stopping, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _standing(standing: Standing) -> None:
    while True:
        await standing.look()
        await asyncio.sleep(LOOK_EVERY)


async def _pulse(api: Api) -> None:
    """Keeps `api.last_answer` honest: silence is either a quiet cluster or a lost one, and asking tells which."""
    while True:
        await asyncio.sleep(PULSE)
        if time.monotonic() - api.last_answer < PULSE:
            continue
        try:
            await api.ping()
        except PortError as error:
            _log.warning("API server silent", error=str(error))


@contextmanager
def _signals_to(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _api(configuration: Any, metrics: Metrics) -> AsyncIterator[Api]:  # noqa: ANN401  (the client's own type)
    api = Api(configuration, metrics.called)
    try:
        yield api
    finally:
        await api.close()


@asynccontextmanager
async def _notifiers(settings: Settings, api: Api, clock: SystemClock) -> AsyncIterator[NotifiersByKind]:
    said = settings.notifications
    notifiers = NotifiersByKind(KubernetesSecrets(api, clock), allowed_by(said), Place(said.cluster, said.link))
    try:
        yield notifiers
    finally:
        await notifiers.close()


@asynccontextmanager
async def _sources(settings: Settings, metrics: Metrics) -> AsyncIterator[PrometheusSources]:
    made = {
        name: PrometheusSource(name, source_address(source), metrics.queried)
        for name, source in settings.sources.items()
    }
    sources = PrometheusSources(made)
    try:
        yield sources
    finally:
        sources.close()


@asynccontextmanager
async def _serving(
    settings: Settings, metrics: Metrics, api: Api, scheduler: Loop, standing: Standing
) -> AsyncIterator[None]:
    turned = stale(lambda: time.monotonic() - scheduler.heartbeat, SCHEDULER_STUCK, "the scheduler last ran")

    def silence() -> float:
        return time.monotonic() - api.last_answer

    server = WebServer(
        settings.listen,
        metrics,
        live=[turned, stale(silence, API_LOST, "the API server last answered")],
        ready=[stale(silence, API_SILENT, "the API server last answered"), standing.trouble],
    )
    await server.start()
    try:
        yield
    finally:
        await server.stop()
