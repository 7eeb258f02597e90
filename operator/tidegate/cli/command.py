"""`tidegate abort | pause | resume | retry`: a RolloutCommand, and what became of it."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Final

from tidegate.adapters.kubernetes.client import COMMANDS, ROLLOUTS, JsonObject, Resource
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.commands import RolloutCommandSpec
from tidegate.api.rollout.spec import API_VERSION
from tidegate.api.validation.schema_errors import read
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, name_of_rollout, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.ports.errors import Missing, PortError

MANAGER: Final = "tidegate-cli"
POLL_SECONDS: Final = 0.3
REVIEWS: Final = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout, why, and how long to wait."""
    parser.add_argument("name", type=name_of_rollout, metavar="NAME", help="of the Rollout")
    parser.add_argument("--reason", default="", help="why, for the record")
    parser.add_argument("--run", default="", metavar="ID", help="only if this run is still the current one")
    parser.add_argument(
        "--wait",
        type=_duration,
        default=Duration("30s"),
        metavar="DURATION",
        help="for the outcome (30s; 0s: not at all)",
    )
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done (or not waited for), 1 when it was refused or nobody answered in time."""
    return with_cluster(arguments, lambda cluster: _ask(arguments, cluster))


async def _ask(arguments: argparse.Namespace, cluster: Connection) -> int:
    given = {"rollout": arguments.name, "action": arguments.command.capitalize()}
    asked = given | {"run": arguments.run, "reason": arguments.reason}
    _checked(asked)  # before anything is asked of the cluster
    await _require_rollout(cluster, arguments.name)
    spec = _checked(asked | {"requester": await _requester(cluster)})
    created = await cluster.api.create(COMMANDS, cluster.namespace, _manifest(spec, cluster.namespace), manager=MANAGER)
    name = created["metadata"]["name"]
    if not arguments.wait.seconds:
        print(f"rolloutcommand/{name} created")
        return 0
    return await _outcome(cluster, spec, name, arguments.wait)


def _checked(asked: dict[str, str]) -> RolloutCommandSpec:
    """The command, held to what the API server would take. Raises: CommandError: it would not."""
    spec, problems = read(RolloutCommandSpec, asked, ())
    if spec is None:
        raise CommandError("\n".join(f"--{problem}" for problem in problems))
    return spec


async def _outcome(cluster: Connection, spec: RolloutCommandSpec, name: str, wait: Duration) -> int:
    deadline = time.monotonic() + wait.seconds
    while True:
        status = (await cluster.api.get(COMMANDS, cluster.namespace, name)).get("status") or {}
        if status.get("phase"):
            done = status["phase"] == "Done"
            outcome, message = "done" if done else "refused", printable(str(status.get("message", "")))
            print(f"{spec.action} {spec.rollout}: {outcome}: {message}")
            return 0 if done else 1
        if time.monotonic() >= deadline:
            raise CommandError(
                f"timed out after {wait} waiting for the operator. The {spec.action} is recorded as rolloutcommand/{name} and will be "
                f"carried out when the operator answers: kubectl get rolloutcommand {name} -n {cluster.namespace}",
                1,
            )
        await asyncio.sleep(POLL_SECONDS)


async def _require_rollout(cluster: Connection, name: str) -> None:
    try:
        await cluster.api.get(ROLLOUTS, cluster.namespace, name)
    except Missing as error:
        raise CommandError(f"there is no Rollout {name} in namespace {cluster.namespace}") from error


async def _requester(cluster: Connection) -> str:
    """Who we are to the API server; empty where it does not say (before Kubernetes 1.28)."""
    review: JsonObject = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind}
    try:
        answer = await cluster.api.create(REVIEWS, "", review, manager=MANAGER)
    except PortError:
        return ""
    return str(answer["status"]["userInfo"].get("username", ""))


def _manifest(spec: RolloutCommandSpec, namespace: str) -> JsonObject:
    return {
        "apiVersion": API_VERSION,
        "kind": COMMANDS.kind,
        "metadata": {"generateName": f"{spec.rollout}-{spec.action.lower()}-", "namespace": namespace},
        "spec": spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }


def _duration(text: str) -> Duration:
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
