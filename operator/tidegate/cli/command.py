"""`tidegate abort | pause | resume | retry | approve | reject | advance | promote`: a RolloutCommand, and what became of it."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Final

from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.adapters.kubernetes.resources import COMMANDS, Resource
from tidegate.api.commands import Action, RolloutCommandSpec
from tidegate.api.rollout.spec import API_VERSION
from tidegate.api.validation.schema_errors import read
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument, with_cluster
from tidegate.cli.completion import names
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.fetching import the_rollout
from tidegate.cli.output import add_output_argument, complete, formatted
from tidegate.cli.waiting import Awaited, add_wait_arguments, until_decided
from tidegate.ports.errors import PortError

MANAGER: Final = "tidegate-cli"
UNNAMED: Final = "step"
"""Stands in for the step until the Rollout says which one is awaited."""
POLL_SECONDS: Final = 0.3
REVIEWS: Final = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout, why, and how long to wait."""
    add_rollout_argument(parser)
    action = Action(str(parser.get_default("command")).capitalize())
    if action.of_approval:
        approval = parser.add_argument(
            "approval", metavar="APPROVAL", help="name of the approval, as in the gate of the step"
        )
        names.complete(approval, names.approvals)
        parser.add_argument("--step", default="", help="the step; by default the one that is awaited")
    needed = action is Action.REJECT
    parser.add_argument("--reason", default="", required=needed, help="why, for the record")
    parser.add_argument("--run", default="", metavar="ID", help="only if this run is still the current one")
    add_wait_arguments(
        parser, "also wait until the run has ended or a person is needed; the exit code shows the result", "30s"
    )
    add_output_argument(parser)
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when it was done (or not waited for), 1 when it was refused, 3 when nobody answered in time."""
    return with_cluster(arguments, lambda cluster: _ask(arguments, cluster))


async def _ask(arguments: argparse.Namespace, cluster: Connection) -> int:
    given = {"rollout": arguments.name, "action": arguments.command.capitalize()}
    asked = given | {"run": arguments.run, "reason": arguments.reason}
    of_approval = Action(given["action"]).of_approval
    if of_approval:
        asked |= {"name": arguments.approval, "step": arguments.step or UNNAMED}
    _checked(asked)  # before anything is asked of the cluster
    rollout = await the_rollout(cluster, arguments.name)
    if of_approval:
        asked |= _step_of(rollout, arguments)
    spec = _checked(asked | {"requester": await _requester(cluster)})
    created = await cluster.api.create(COMMANDS, cluster.namespace, _manifest(spec, cluster.namespace), manager=MANAGER)
    if not arguments.timeout.seconds:
        _tell(created, arguments.output, f"rolloutcommand/{created['metadata']['name']} created")
        return ExitCode.DONE
    answered = await _answered(cluster, spec, created["metadata"]["name"], arguments.timeout)
    done = answered["status"]["phase"] == "Done"
    message = printable(str(answered["status"].get("message", "")))
    _tell(answered, arguments.output, f"{spec.action} {spec.rollout}: {'done' if done else 'refused'}: {message}")
    if not done or not arguments.wait:
        return ExitCode.DONE if done else ExitCode.NO
    awaited, aside = _awaited(spec.action, rollout), arguments.output is not None
    return await until_decided(cluster, arguments.name, awaited, arguments.timeout, aside=aside)


def _step_of(rollout: JsonObject, arguments: argparse.Namespace) -> dict[str, str]:
    """The step that is meant, with its identity as it is seen now. Raises: CommandError: none is awaited, and none is named."""
    gate = (rollout.get("status") or {}).get("gate") or {}
    step = arguments.step or gate.get("step")
    if not step:
        raise CommandError(f"{arguments.name} awaits no approval now; give the step with --step")
    return {"step": step} | ({"stepHash": gate["stepHash"]} if gate.get("step") == step else {})


def _awaited(action: Action, before: JsonObject) -> Awaited:
    """The end that is meant: of the run under way, or after a Retry of the one that begins."""
    history = (before.get("status") or {}).get("history") or [{}]
    return Awaited(after=str(history[0].get("id", "")), ended=action is Action.ABORT)


def _tell(command: JsonObject, output: str | None, words: str) -> None:
    print(formatted(complete(command, COMMANDS), output) if output else f"{words}\n", end="")


def _checked(asked: dict[str, str]) -> RolloutCommandSpec:
    """The command, held to what the API server would take. Raises: CommandError: it would not."""
    spec, problems = read(RolloutCommandSpec, asked, ())
    if spec is None:
        raise CommandError([f"--{problem}" for problem in problems])
    return spec


async def _answered(cluster: Connection, spec: RolloutCommandSpec, name: str, wait: Duration) -> JsonObject:
    """The command with its outcome. Raises: CommandError: there was none in time."""
    deadline = time.monotonic() + wait.seconds
    while True:
        found = await cluster.api.get(COMMANDS, cluster.namespace, name)
        if (found.get("status") or {}).get("phase"):
            return found
        if time.monotonic() >= deadline:
            raise CommandError(
                f"timed out after {wait} waiting for the operator. The {spec.action} is recorded as rolloutcommand/{name} and will be "
                f"carried out when the operator answers: kubectl get rolloutcommand {name} -n {cluster.namespace}",
                ExitCode.TIMED_OUT,
            )
        await asyncio.sleep(POLL_SECONDS)


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
