"""Puts the operator together and runs it: every object is made here, nothing is looked up anywhere else."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Protocol

import structlog

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.claims import RolloutCache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.command_policy import EVERY as POLICY_EVERY
from tidegate.adapters.kubernetes.command_policy import CommandPolicy
from tidegate.adapters.kubernetes.commands import KubernetesCommands
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.events import KubernetesEvents
from tidegate.adapters.kubernetes.freezes import EVERY as LABELS_EVERY
from tidegate.adapters.kubernetes.freezes import NamespaceFreezes
from tidegate.adapters.kubernetes.job_watch import JobWatch
from tidegate.adapters.kubernetes.jobs import KubernetesJobs
from tidegate.adapters.kubernetes.metric_templates import KubernetesMetricTemplates
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.reports import KubernetesReports
from tidegate.adapters.kubernetes.rollouts import KubernetesRollouts
from tidegate.adapters.kubernetes.secrets import KubernetesSecrets
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads
from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.by_kind import NotifiersByKind
from tidegate.adapters.prometheus import FileAuth, PrometheusSource, PrometheusSources, SourceAddress
from tidegate.adapters.routers import RouteCaches, enabled, routers
from tidegate.adapters.routers.row import Row
from tidegate.adapters.routers.rows.custom import CustomKind
from tidegate.core.model.message import Place
from tidegate.handlers import Caches, CommandUpkeep, Intake, Resync, Waker, Watches, WriteAccessWatch, takes_of
from tidegate.handlers.command_upkeep import EVERY as UPKEEP
from tidegate.handlers.intake import waking
from tidegate.handlers.standing import EVERY as LOOK_EVERY
from tidegate.handlers.standing import Standing
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.specs import checker
from tidegate.reconcile.tick import Ticker
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.settings import Notifications, Settings, Source
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
        policy = CommandPolicy(api, settings.command_policy)
        await policy.look()
        commands = KubernetesCommands(api, caches.commands, clock.now, policy.checked)
        access = WriteAccess()
        freezes = NamespaceFreezes(api, settings.freezes, clock.now)
        await freezes.look()
        workloads = KubernetesWorkloads(api, caches.workloads, settings.ignored_annotations)
        world = World(
            store=KubernetesRollouts(api, caches.rollouts),
            workloads=workloads,
            router=routers(api, caches.routes, access, workloads),
            metric_templates=KubernetesMetricTemplates(api, caches.metric_templates),
            metrics=sources,
            commands=commands,
            jobs=KubernetesJobs(api, caches.jobs),
            freezes=freezes,
            announcer=KubernetesEvents(api, clock.now, os.environ.get("POD_NAME") or socket.gethostname()),
            notifier=notifiers,
            reports=KubernetesReports(api, settings.reports),
            clock=clock,
            telemetry=LoggedTelemetry(metrics),
        )
        scheduler = loop_of(world, settings)
        intake = Intake(caches, scheduler, settings.ignored_annotations, metrics.broken)
        watches = Watches(api, caches, takes_of(intake), settings.namespaces)
        resync = Resync(api, caches, intake, settings.namespaces, now=clock.now)
        watches.begun = resync.streams_began
        upkeep = CommandUpkeep(api, commands, caches.commands, caches.rollouts, clock)
        jobs = JobWatch(
            api,
            caches.jobs,
            lambda namespace, name: scheduler.object_changed("Job", namespace, name),
            settings.namespaces,
        )
        writing = WriteAccessWatch(api, caches, access, scheduler)
        standing = Standing(api, lambda: watches.refused, settings.namespaces)
        async with _serving(settings, metrics, api, scheduler, standing):
            _log.info("operator started", server=configuration.host, namespaces=list(settings.namespaces) or "all")
            with _signals_to(stop):
                looking = (
                    _every(LABELS_EVERY, freezes.look),
                    _every(POLICY_EVERY, policy.look),
                    _every(UPKEEP, upkeep.once),
                )
                background = (resync.run(), *looking, _pulse(api), _standing(standing), writing.run(), jobs.run())
                await _run(stop, scheduler, watches.run, *background)
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


async def _every(seconds: float, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await look()


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


def routers_of(settings: Settings) -> tuple[Row, ...]:
    """The rows that the administrator enabled."""
    customs = (
        CustomKind(
            one.group, one.versions, one.kind, one.plural, one.weights, one.sum, one.max, one.absent, one.settle.seconds
        )
        for one in settings.custom
    )
    return enabled(settings.routers, customs)


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


def allowed_by(said: Notifications) -> Allowed:
    """Where the configuration lets messages go."""
    return Allowed(said.schemes, said.hosts, said.internal_hosts)


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


def source_address(source: Source) -> SourceAddress:
    """Where the configuration says that a source is."""
    basic = source.basic_auth
    return SourceAddress(
        url=source.url,
        auth=FileAuth(
            bearer_token_file=source.bearer_token_file,
            username=basic.username if basic else "",
            password_file=basic.password_file if basic else None,
        ),
        ca_file=source.ca_file,
        client_cert_file=source.client_cert_file,
        client_key_file=source.client_key_file,
        headers=source.headers,
        timeout=source.timeout.seconds,
        concurrency=source.concurrency,
        trust_partial=source.partial_responses == "Trust",
    )


@asynccontextmanager
async def _serving(
    settings: Settings, metrics: Metrics, api: Api, scheduler: Loop, standing: Standing
) -> AsyncIterator[None]:
    turned = stale(lambda: time.monotonic() - scheduler.heartbeat, SCHEDULER_STUCK, "the scheduler last turned")

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
