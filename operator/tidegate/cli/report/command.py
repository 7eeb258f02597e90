"""`tidegate report`: what became of a run of a Rollout in a cluster, or how it stands."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.adapters.kubernetes.resources import CONFIG_MAPS
from tidegate.adapters.prometheus import SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.api.reading_back import read_back
from tidegate.api.report import DATA_KEY, Report, Users
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.validation import check_rollout
from tidegate.api.values.text import printable
from tidegate.cli.backtest.source import add_source_arguments, address_of
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.fetching import the_rollout
from tidegate.cli.report.past import Answers, tracks, users
from tidegate.cli.report.tile import Tile, tiles
from tidegate.cli.report.write import FORMATS, format_of, write
from tidegate.core.model.answers import Query, Vector
from tidegate.core.model.time_format import instant
from tidegate.core.report.compose import Known, NoSuchRunError, compose
from tidegate.core.report.names import config_map_name, number_of
from tidegate.core.tick.kept_spec import kept_spec
from tidegate.ports.errors import Missing, PortError
from tidegate.simulation.backtest.history import History, Stretch

NO_CHARTS = "No charts: give --prometheus URL, the Prometheus that the Rollout's source names, to have them drawn."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, in which form, and the Prometheus of its charts."""
    add_rollout_argument(parser)
    parser.add_argument("--run", default="", metavar="ID", help="by default the one in progress, else the last")
    parser.add_argument("-o", dest="format", choices=FORMATS, help="by default what --output ends in, else md")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write to this file; with charts, Markdown also writes FILE.svg"
    )
    parser.add_argument(
        "--users",
        metavar="PROMQL",
        help="with --prometheus: returns how many users were sent to the candidate; $window is the run",
    )
    add_source_arguments(parser, required=False)
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when it is written."""
    if arguments.users and not arguments.prometheus:
        raise CommandError("--users needs --prometheus")
    form = arguments.format or (format_of(arguments.output) if arguments.output is not None else "md")
    address = address_of(arguments) if arguments.prometheus else None
    return with_cluster(arguments, lambda cluster: _report(arguments, cluster, form, address))


async def _report(arguments: argparse.Namespace, cluster: Connection, form: str, address: SourceAddress | None) -> int:
    rollout = await the_rollout(cluster, arguments.name)
    status = read_back(RolloutStatus, rollout.get("status") or {}).value or RolloutStatus()
    report = await _found(cluster, rollout, status, arguments.run)
    drawn: list[Tile] = []
    if address is None:
        report = _noted(report, NO_CHARTS)
    else:
        report, drawn = await _charted(report, _spec_of(rollout, status, report), address, arguments.users)
    write(report, drawn, form, arguments.output)
    return 0


async def _found(cluster: Connection, rollout: JsonObject, status: RolloutStatus, run: str) -> Report:
    """As the operator kept it for a run that has ended; else made of the status."""
    known = Known(
        namespace=cluster.namespace,
        name=str(rollout["metadata"]["name"]),
        spec=rollout.get("spec") or {},
        status=status,
        now=instant(SystemClock().now()),
        raw_jobs=tuple((rollout.get("status") or {}).get("jobs") or ()),
    )
    wanted = run or (status.run.id if status.run is not None else status.history[0].id if status.history else "")
    under_way = status.run is not None and status.run.id == wanted
    kept, why = (
        (None, "") if under_way or not wanted else await _kept(cluster, known, str(rollout["metadata"]["uid"]), wanted)
    )
    if kept is not None:  # Jobs of an end go on after it: as the status has them they are newer
        jobs = tuple(dict(one) for one in known.raw_jobs if one.get("run") == wanted)
        return kept.model_copy(update={"jobs": jobs or kept.jobs})
    try:
        return _noted(compose(known, wanted), why)
    except NoSuchRunError as error:
        raise CommandError(str(error)) from error


async def _kept(cluster: Connection, known: Known, uid: str, run: str) -> tuple[Report | None, str]:
    """The report that the operator wrote; without one, why."""
    name = config_map_name(known.name, number_of(run))
    try:
        found = await cluster.api.get(CONFIG_MAPS, cluster.namespace, name)
    except Missing:
        return (
            None,
            f"There is no ConfigMap {name}: the operator keeps reports only in namespaces that its configuration names.",
        )
    except PortError as error:
        return None, f"ConfigMap {name} cannot be read: {error}"
    owned = any(one.get("uid") == uid for one in (found.get("metadata") or {}).get("ownerReferences") or ())
    report = _read(str((found.get("data") or {}).get(DATA_KEY, ""))) if owned else None
    if report is None or report.run != run:
        return None, f"ConfigMap {name} is not a report of this run."
    return report, ""


def _read(text: str) -> Report | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read_back(Report, data).value if isinstance(data, Mapping) and data.get("run") else None


def _noted(report: Report, why: str) -> Report:
    return report.model_copy(update={"left_out": (*report.left_out, why)}) if why else report


def _spec_of(rollout: JsonObject, status: RolloutStatus, report: Report) -> RolloutSpec | None:
    """The spec of the run: of one under way as it remembers it, else as the Rollout has it now."""
    if status.run is not None and status.run.id == report.run and status.run.spec:
        return kept_spec(status.run.spec)
    found, _ = check_rollout(rollout)
    return found or read_back(RolloutSpec, rollout.get("spec") or {}).value


async def _charted(
    report: Report, spec: RolloutSpec | None, address: SourceAddress, asked: str | None
) -> tuple[Report, list[Tile]]:
    """The report with its charts; without, it says why."""
    if spec is None:
        return _noted(report, "No charts: the Rollout's spec cannot be read."), []
    source = PrometheusHistory(address)
    try:
        touched = await users(report, spec, asked, source.range) if asked else None
        found = await tracks(report, spec, _ask(source))
    except PortError as error:
        return _noted(report, f"No charts: {printable(str(error))}"), []
    except ValueError as error:
        raise CommandError(f"--users: {error}") from error
    finally:
        source.close()
    if touched is not None and asked:
        report = report.model_copy(update={"users": Users(count=touched, query=asked)})
    elif asked:
        report = _noted(report, "No users of the candidate: the query of --users has no result.")
    without = [metric.name for metric in spec.metrics if metric.kind is None]
    if without:
        report = _noted(report, f"No chart of {', '.join(without)}: a metric template stands for the query.")
    return report, tiles(report, spec, found)


def _ask(source: PrometheusHistory) -> Any:  # noqa: ANN401  (an Ask)
    async def ask(queries: Sequence[Query], stretch: Stretch) -> Answers:
        history = History(source.range, stretch)
        await history.load([query.promql for query in queries])
        recordings = {query: history.recording(query.promql) for query in queries}

        def answer(query: Query, index: int) -> Vector:
            recording = recordings[query]
            return recording.vector(index) if recording is not None else Vector(())

        return answer

    return ask
