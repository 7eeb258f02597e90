"""`tidegate doctor`: one line for each check, and what to do for each that failed."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, name_of_rollout, with_cluster
from tidegate.cli.completion import names
from tidegate.cli.doctor import arms, attendance, installation, notifications, permissions, routes, sources
from tidegate.cli.doctor.cron_jobs import cron_jobs
from tidegate.cli.doctor.result import Level, Result, worst
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.fetching import rollouts, the_rollout
from tidegate.core.model.time_format import instant
from tidegate.ports.errors import PortError
from tidegate.runtime.configured import routers_of, source_address
from tidegate.runtime.settings import Settings, SettingsError, Source
from tidegate.runtime.settings_file import load

ACCOUNT: Final = "tidegate/tidegate"
_TONES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "red", Level.SKIPPED: ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to check beside the cluster."""
    name = parser.add_argument(
        "name",
        nargs="?",
        type=name_of_rollout,
        metavar="NAME",
        help="name of a Rollout whose arms and metrics are checked too",
    )
    names.complete(name, names.rollouts)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the operator's configuration, for its sources")
    parser.add_argument(
        "--prometheus", metavar="URL", help="URL of the source as seen from this machine, instead of --config"
    )
    parser.add_argument(
        "--service-account",
        type=_account,
        default=ACCOUNT,
        metavar="NAMESPACE/NAME",
        help=f"ServiceAccount of the operator ({ACCOUNT})",
    )
    parser.add_argument("-o", "--output", choices=("json",), help="output format; by default text")
    add_cluster_arguments(parser, all_namespaces=True)


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing failed (warnings may be there), 1 when something did."""
    if arguments.name is not None and arguments.all_namespaces:
        raise CommandError("give a name or all namespaces, not both")
    settings = _settings(arguments)
    return with_cluster(arguments, lambda cluster: _examine(arguments, cluster, settings))


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.config is not None and arguments.prometheus is not None:
        raise CommandError("give --config or --prometheus, not both")
    try:
        if arguments.prometheus is not None:
            return Settings(sources={"default": Source(url=arguments.prometheus)})
        return load(arguments.config)
    except ValidationError as error:
        said = str(error.errors()[0].get("ctx", {}).get("error") or error.errors()[0]["msg"])
        raise CommandError(f"--prometheus {said}") from None
    except SettingsError as error:
        raise CommandError(str(error).split("\n")) from error


async def _examine(arguments: argparse.Namespace, cluster: Connection, settings: Settings) -> int:
    found = {name: sources.Prometheus(source_address(one)) for name, one in settings.sources.items()}
    try:
        results = await _results(arguments, cluster, settings, found)
    finally:
        for source in found.values():
            source.close()
    if arguments.output == "json":
        print(json.dumps([asdict(one) for one in results], indent=2))
    else:
        show(results)
    return ExitCode.NO if worst(results) is Level.FAILED else ExitCode.DONE


async def _results(
    arguments: argparse.Namespace,
    cluster: Connection,
    settings: Settings,
    found: Mapping[str, sources.Prometheus],
) -> list[Result]:
    answers, clocks = await sources.sources(found)
    if not found:
        advice = "give the operator's configuration (--config), or --prometheus URL"
        answers = [Result("Prometheus", Level.SKIPPED, "no source is known here", advice)]
    there = await installation.api_server(cluster.api)
    if there.level is not Level.OK:
        return [there, *answers]
    of_cluster = await _of_cluster(arguments, cluster, settings)
    clock = await sources.clock_of_the_api_server(cluster.api)
    clocks = ([clock] if clock is not None else []) + clocks
    of_rollout = await _of_rollout(arguments, cluster, found) if arguments.name is not None else []
    return [there, *of_cluster, *answers, *sources.agreement(clocks), *of_rollout]


async def _of_cluster(arguments: argparse.Namespace, cluster: Connection, settings: Settings) -> list[Result]:
    api = cluster.api
    results = [one async for one in installation.definitions(api)]
    items: Sequence[Mapping[str, Any]] = []
    try:
        items = await rollouts(cluster, everywhere=arguments.all_namespaces, selector="")
        results += attendance.attended(items, instant(SystemClock().now()))
    except PortError as error:
        results.append(Result("operator", Level.SKIPPED, f"Rollouts could not be listed: {error}"))
    of_routes, grants = await routes.served(api, items, routers_of(settings))
    mine = await permissions.of_the_user(api, cluster.namespace)
    its = await permissions.of_the_operator(api, arguments.service_account, settings.namespaces, grants)
    return [*results, *of_routes, *mine, *its]


async def _of_rollout(
    arguments: argparse.Namespace, cluster: Connection, found: Mapping[str, sources.Prometheus]
) -> list[Result]:
    try:
        rollout = await the_rollout(cluster, arguments.name)
    except (CommandError, PortError) as error:
        return [Result("spec", Level.FAILED, str(error), "name an existing Rollout: tidegate get -A")]
    spec, results = await arms.spec_of(cluster, rollout)
    if spec is None:
        return results
    source = found.get("default") if arguments.prometheus else found.get(spec.prometheus.source)
    if source is None and found:
        message = f"the configuration has no source '{spec.prometheus.source}': it has {', '.join(found)}"
        results.append(Result("spec", Level.FAILED, message, "correct spec.prometheus.source, or add the source"))
    results += notifications.told(rollout)
    results += [one async for one in cron_jobs(cluster.api, cluster.namespace, spec)]
    return results + [one async for one in arms.measured(cluster, arguments.name, spec, source)]


def show(results: Sequence[Result]) -> None:
    """For people: a line for each result, what to do below it, and the numbers of each level on standard error."""
    for one in results:
        print(f"{_level(one.level)}  {printable(one.check)}: {printable(one.message)}")
        if one.advice:
            print(f"{'':9}→ {printable(one.advice)}")
    counts = (f"{sum(one.level is level for one in results)} {level}" for level in Level)
    print(", ".join(counts), file=sys.stderr)


def _level(level: Level) -> str:
    """The word, in colour on a terminal."""
    word = f"{level:<7}"
    if not sys.stdout.isatty() or not _TONES[level]:
        return word
    from rich.console import Console  # noqa: PLC0415  (only a terminal needs rich, and it takes 50 ms)
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=sys.stdout)
    with console.capture() as captured:
        console.print(Text(word, style=_TONES[level]), end="")
    return captured.get()


def _account(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][-a-z0-9]*/[a-z0-9][-a-z0-9.]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAMESPACE/NAME, such as {ACCOUNT}")
    return text
