"""The JSON of docs/notifications.md is what receivers get of the example's hold: sent to a receiver on loopback."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import yaml

from tests.unit.adapters.notifiers.receiver import Receiver, receiver
from tests.unit.docs.test_documents import BLOCK
from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.apprise_process import AppriseProcess
from tidegate.adapters.notifiers.cloud_events import CloudEventsSink
from tidegate.adapters.notifiers.sender import Target
from tidegate.api.rollout.notifications import BY_DEFAULT, STANDING, NotificationEvent
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model.message import Message, Place
from tidegate.reconcile.specs import checked
from tidegate.simulation.ports.telling import MemoryNotifier
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "notifications.md"
PLACE = Place("prod-eu", "https://rollouts.example.org/{namespace}/{name}")
ALLOWED = Allowed(("json", "http"), (), ("127.0.0.1",))


def held() -> Message:
    raw = yaml.safe_load((ROOT / "examples/notified.yaml").read_text())["spec"]
    world = World.model_validate(yaml.safe_load((ROOT / "examples/worlds/notified-hold-then-breach.yaml").read_text()))
    scripted = Scripted("web", raw, RolloutSpec.model_validate(raw), world, checked)
    notifier = scripted.runner.world.notifier
    assert isinstance(notifier, MemoryNotifier)
    notifier.place = PLACE
    scripted.run()
    return next(one for _, to, one in scripted.cluster.messages if (to, one.event) == ("chat", "Held"))


async def sent_to(there: Receiver, message: Message) -> None:
    for sender, scheme in ((AppriseProcess(ALLOWED), "json"), (CloudEventsSink(ALLOWED), "http")):
        try:
            await sender.send(Target(there.url(scheme)), message)
        finally:
            await sender.close()


def test_what_receivers_get_is_what_is_shown() -> None:
    message = held()
    with receiver() as there:
        asyncio.run(sent_to(there, message))
        sent = there.bodies()
    text = PAGE.read_text()
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        shown = iter(sent)
        text = BLOCK.sub(lambda one: f"```json\n{_as_shown(next(shown))}```" if one[1] == "json" else one[0], text)
        PAGE.write_text(text)
    assert [found[2] for found in BLOCK.finditer(text) if found[1] == "json"] == [_as_shown(one) for one in sent]


def _as_shown(body: object) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def test_the_page_has_each_event_and_says_which_are_told_by_default_and_which_last() -> None:
    rows = {line.split("`")[1]: line for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    for event in NotificationEvent:
        _, _, _, default, lasts, _ = rows[str(event)].split("|")
        assert (default.strip() == "yes") == (event in BY_DEFAULT), event
        assert (lasts.strip() == "yes") == (event in STANDING), event
