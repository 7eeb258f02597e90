"""`tidegate notify-test`: a test message to every receiver of a Rollout, sent from this machine with the user's own permissions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.adapters.kubernetes.secrets import KubernetesSecrets
from tidegate.adapters.notifiers.by_kind import NotifiersByKind
from tidegate.api.reading_back import read_back
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.fetching import the_rollout
from tidegate.core.model.message import Message, Place, Tone
from tidegate.ports.errors import PortError
from tidegate.runtime.configured import allowed_by
from tidegate.runtime.settings import Settings, SettingsError
from tidegate.runtime.settings_file import load

EVENT: Final = "Test"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout, and what the administrator allows."""
    add_rollout_argument(parser)
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the operator's configuration: what it allows"
    )
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when every receiver took it, 1 when one did not."""
    try:
        settings = load(arguments.config)
    except SettingsError as error:
        raise CommandError(str(error).split("\n")) from error
    return with_cluster(arguments, lambda cluster: _send(arguments.name, cluster, settings))


async def _send(name: str, cluster: Connection, settings: Settings) -> int:
    stored = await the_rollout(cluster, name)
    spec = read_back(RolloutSpec, dict(stored.get("spec") or {})).value
    if spec is None or not spec.notifications:
        raise CommandError(f"Rollout {name} has no notifications")
    clock, said = SystemClock(), settings.notifications
    place = Place(said.cluster, said.link)
    notifiers = NotifiersByKind(KubernetesSecrets(cluster.api, clock), allowed_by(said), place)
    if notifiers.off:
        raise CommandError(f"{notifiers.off}: name schemes in the file of --config")
    message = test_message(cluster.namespace, name, place, clock.now())
    code = ExitCode.DONE
    try:
        for one in spec.notifications:
            try:
                await notifiers.send(cluster.namespace, one, message)
                print(f"{printable(one.label)}: sent")
            except PortError as error:
                print(f"{printable(one.label)}: not sent: {printable(str(error))}")
                code = ExitCode.NO
    finally:
        await notifiers.close()
    return code


def test_message(namespace: str, name: str, place: Place, now: float) -> Message:
    """The message: `now` is in epoch seconds."""
    cluster = f"[{place.cluster}] " if place.cluster else ""
    link = place.link.replace("{namespace}", namespace).replace("{name}", name)
    text = "Why: a test of whether notifications arrive" + (f"\nLink: {link}" if link else "")
    facts: dict[str, str | float] = {"cluster": place.cluster, "namespace": namespace, "rollout": name, "link": link}
    return Message(
        title=f"{cluster}{namespace}/{name}: test message",
        text=text,
        markdown=text.replace("\n", "  \n"),
        tone=Tone.INFO,
        event=EVENT,
        subject="",
        key=f"tidegate:test:{namespace}/{name}",
        id=f"test/{namespace}/{name}/{now:.3f}",
        resolved=False,
        time=now,
        facts={key: value for key, value in facts.items() if value},
    )
