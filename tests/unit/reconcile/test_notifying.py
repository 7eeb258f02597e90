"""Messages under way: no receiver delays another, and none is tried for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tidegate.api.rollout.notifications import Notification, NotificationEvent, NotificationSecret
from tidegate.api.rollout.status import MessageStatus, RolloutStatus
from tidegate.core.model.message import Message, Place
from tidegate.core.model.world import RolloutObject
from tidegate.core.status.messages import identity
from tidegate.ports.errors import Rejected, Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.notifying import (
    DEALT_WITH,
    DOUBTFUL_PLACES,
    PATIENCE,
    PLACES,
    PLACES_OF_ONE,
    WAITING,
    Deliveries,
)
from tidegate.simulation.clock import VirtualClock

HANGS = 10.0


@dataclass
class Notifier:
    """Hangs for receivers of some names, fails for others."""

    clock: VirtualClock
    off: str = ""
    place: Place = field(default_factory=Place)
    sent: list[tuple[float, str, str, str]] = field(default_factory=list)
    tried: list[tuple[float, str]] = field(default_factory=list)
    at_once: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    fails: Callable[[str], Exception | None] = lambda _name: None

    async def send(self, namespace: str, receiver: Notification, message: Message) -> None:
        name = receiver.secret.name
        self.tried.append((self.clock.now(), name))
        for what in ("all", namespace, name):
            self.at_once[what] += 1
            self.most[what] = max(self.most[what], self.at_once[what])
        try:
            if name.startswith("hangs"):
                await self.clock.sleep(HANGS)
                raise Unavailable("no answer")
            error = self.fails(name)
            if error is not None:
                raise error
            await asyncio.sleep(0)
            self.sent.append((self.clock.now(), namespace, name, message.event))
        finally:
            for what in ("all", namespace, name):
                self.at_once[what] -= 1


@dataclass
class Stage:
    clock: VirtualClock = field(default_factory=VirtualClock)
    told: Counter[str] = field(default_factory=Counter)
    woken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.notifier = Notifier(self.clock)
        telemetry = SimpleNamespace(notified=lambda _kind, outcome: self.told.update([outcome]))
        world = SimpleNamespace(notifier=self.notifier, clock=self.clock, telemetry=telemetry)
        self.deliveries = Deliveries(cast("World", world))
        self.deliveries.wake = lambda _namespace, name: self.woken.update([name])
        self.start = self.clock.now()

    def offer(self, name: str, *secrets: str, namespace: str = "shop", event: str = "Reverted") -> MessageStatus:
        message = MessageStatus(event=event, run="1", since=datetime.fromtimestamp(self.start, UTC))
        receivers = [
            Notification(secret=NotificationSecret(name=one), events=(NotificationEvent(event),)) for one in secrets
        ]
        self.deliveries.offer(rollout(name, namespace), RolloutStatus(), [message], receivers)
        return message

    async def until(self, seconds: float) -> None:
        end = self.start + seconds
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            wake = self.clock.next_wake()
            if wake is None or wake > end:
                break
            self.clock.advance_to(wake)
        self.clock.advance_to(end)

    def outcome(self, name: str, message: MessageStatus, namespace: str = "shop") -> str | None:
        return self.deliveries.known((namespace, name)).outcomes.get(identity(message))


def rollout(name: str, namespace: str = "shop") -> RolloutObject:
    fields: dict[str, Any] = {
        "namespace": namespace,
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "created": 0.0,
    }
    return RolloutObject(**fields, resource_version="1", spec={}, status={}, finalizers=(), deleting=False)


async def test_a_message_is_sent_once_and_its_outcome_kept_until_it_is_recorded() -> None:
    stage = Stage()
    message = stage.offer("checkout", "chat")
    stage.offer("checkout", "chat")
    await stage.until(5)
    stage.offer("checkout", "chat")
    await stage.until(10)
    assert len(stage.notifier.sent) == 1
    assert stage.outcome("checkout", message) == ""
    assert stage.woken["checkout"] == 1
    stage.deliveries.offer(rollout("checkout"), RolloutStatus(), [], [])
    assert stage.outcome("checkout", message) is None
    assert stage.deliveries._known == {}  # noqa: SLF001  (nothing is kept)


async def test_a_message_whose_record_a_late_write_took_back_is_recorded_again_and_not_sent_again() -> None:
    stage = Stage()
    stage.offer("checkout", "chat")
    await stage.until(5)
    stage.deliveries.offer(rollout("checkout"), RolloutStatus(), [], [])
    woken = stage.woken["checkout"]
    message = stage.offer("checkout", "chat")
    await stage.until(10)
    assert len(stage.notifier.sent) == 1
    assert (stage.outcome("checkout", message), stage.woken["checkout"]) == ("", woken + 1)


async def test_what_a_receiver_refused_is_not_tried_again_either() -> None:
    stage = Stage()
    stage.notifier.fails = lambda _name: Rejected("404")
    stage.offer("checkout", "chat")
    await stage.until(5)
    stage.deliveries.offer(rollout("checkout"), RolloutStatus(), [], [])
    message = stage.offer("checkout", "chat")
    await stage.until(10)
    assert len(stage.notifier.tried) == 1
    assert "404" in (stage.outcome("checkout", message) or "")


async def test_the_ids_that_are_remembered_are_bounded() -> None:
    stage = Stage()
    for number in range(DEALT_WITH + 10):
        name = f"checkout-{number}"
        stage.offer(name, "chat", namespace=f"shop-{number}")
        if number % 16 == 0:
            await stage.until(number / 1000)
        stage.deliveries.gone((f"shop-{number}", name))
    await stage.until(60)
    assert len(stage.notifier.sent) == DEALT_WITH + 10
    assert len(stage.deliveries._dealt_with) == DEALT_WITH  # noqa: SLF001


async def test_hundreds_that_hang_delay_nobody_elses_message() -> None:
    stage = Stage()
    for number in range(200):
        stage.offer(f"one-{number}", "hangs", namespace="noisy")
        stage.offer(f"own-{number}", f"hangs-{number}", namespace="noisy")
    stage.offer("quiet", "chat", namespace="bank")
    await stage.until(0)
    assert [(namespace, name) for _, namespace, name, _ in stage.notifier.sent] == [("bank", "chat")]
    await stage.until(300)
    stage.offer("later", "chat", namespace="bank")
    await stage.until(300)
    assert stage.notifier.sent[-1][0] == stage.start + 300
    assert stage.notifier.most["noisy"] <= PLACES_OF_ONE
    assert stage.notifier.most["hangs"] == 1, "one receiver takes one message at a time"
    stage.deliveries.abandon()


async def test_receivers_that_fail_share_few_places_and_leave_the_others_theirs() -> None:
    stage = Stage()
    for number in range(40):
        stage.offer(f"r{number}", "hangs", namespace=f"n{number}")
    await stage.until(0)
    assert stage.notifier.most["all"] == PLACES, "nobody knows yet that they hang"
    await stage.until(60)
    stage.notifier.most.clear()
    await stage.until(200)
    assert stage.notifier.most["all"] <= DOUBTFUL_PLACES
    stage.offer("good", "chat", namespace="bank")
    await stage.until(200)
    assert stage.notifier.sent[-1][:2] == (stage.start + 200, "bank")
    stage.deliveries.abandon()


async def test_one_that_answers_500_is_tried_again_later_each_time_and_in_order() -> None:
    stage = Stage()
    answers = [Unavailable("500"), Unavailable("500"), Unavailable("500"), None, None]
    stage.notifier.fails = lambda _name: answers.pop(0)
    first = stage.offer("checkout", "chat", event="Reverted")
    second = MessageStatus(event="Held", run="1", since=first.since)
    stage.deliveries.offer(
        rollout("checkout"),
        RolloutStatus(),
        [first, second],
        [Notification(secret=NotificationSecret(name="chat"), events=tuple(NotificationEvent))],
    )
    await stage.until(1)
    assert stage.deliveries.known(("shop", "checkout")).trouble == "chat/url: 500"
    assert stage.woken["checkout"] == 1
    await stage.until(100)
    assert [time - stage.start for time, _ in stage.notifier.tried] == [0, 2, 6, 14, 14]
    assert [event for *_, event in stage.notifier.sent] == ["Reverted", "Held"]
    assert stage.deliveries.known(("shop", "checkout")).trouble == ""
    assert stage.told == {"retried": 3, "sent": 2}


async def test_one_that_is_refused_is_not_tried_again() -> None:
    stage = Stage()
    stage.notifier.fails = lambda _name: Rejected("404")
    message = stage.offer("checkout", "chat")
    await stage.until(100)
    assert len(stage.notifier.tried) == 1
    assert stage.outcome("checkout", message) == "chat/url: 404"
    assert stage.told == {"failed": 1}


async def test_one_of_two_receivers_that_fails_is_named_and_the_other_has_it() -> None:
    stage = Stage()
    stage.notifier.fails = lambda name: Rejected("404") if name == "bad" else None
    message = stage.offer("checkout", "bad", "chat")
    await stage.until(1)
    assert stage.outcome("checkout", message) == "bad/url: 404"
    assert len(stage.notifier.sent) == 1


async def test_a_receiver_that_never_answers_is_given_up_after_half_an_hour() -> None:
    stage = Stage()
    stage.notifier.fails = lambda _name: Unavailable("no answer")
    messages = [stage.offer(f"r{number}", "chat") for number in range(3)]
    await stage.until(PATIENCE + 400)
    assert 8 <= len(stage.notifier.tried) <= 20
    assert all("given up after 30 minutes" in str(stage.outcome(f"r{n}", one)) for n, one in enumerate(messages))
    assert stage.told["failed"] == 3
    assert stage.clock.next_wake() is None, "nothing is left to do"


async def test_more_than_may_wait_are_dropped_and_counted() -> None:
    stage = Stage()
    messages = [stage.offer(f"r{number}", "hangs") for number in range(WAITING + 5)]
    await stage.until(0)
    assert stage.told["dropped"] == 5
    assert str(stage.outcome(f"r{WAITING + 4}", messages[-1])).endswith("dropped")
    stage.deliveries.abandon()


async def test_a_rollout_that_is_gone_is_told_of_and_forgotten() -> None:
    stage = Stage()
    stage.offer("checkout", "chat", event="Deleted")
    stage.deliveries.gone(("shop", "checkout"))
    await stage.until(1)
    assert [event for *_, event in stage.notifier.sent] == ["Deleted"]
    assert stage.deliveries._known == {}  # noqa: SLF001  (as above)
    assert not stage.deliveries._gone  # noqa: SLF001


async def test_a_message_for_nobody_is_done() -> None:
    stage = Stage()
    message = stage.offer("checkout")
    assert stage.outcome("checkout", message) == ""


async def test_a_mistake_is_kept_for_whoever_looks_and_does_not_run_hot() -> None:
    stage = Stage()
    stage.notifier.fails = lambda _name: RuntimeError("a mistake")
    stage.offer("checkout", "chat")
    await stage.until(10)
    assert isinstance(stage.deliveries.failure, RuntimeError)
    assert len(stage.notifier.tried) <= 4
    stage.deliveries.abandon()


async def test_a_message_that_meets_a_mistake_is_given_up_as_any_other() -> None:
    stage = Stage()
    stage.notifier.fails = lambda _name: RuntimeError("a mistake")
    message = stage.offer("checkout", "chat")
    await stage.until(PATIENCE + 600)
    assert "given up after 30 minutes" in (stage.outcome("checkout", message) or "")
    assert stage.deliveries.known(("shop", "checkout")).trouble == ""


@pytest.mark.parametrize("namespaces", [1, 20])
async def test_two_hundred_messages_to_one_receiver_all_arrive(namespaces: int) -> None:
    stage = Stage()
    for number in range(200):
        stage.offer(f"r{number}", "chat", namespace=f"n{number % namespaces}")
    await stage.deliveries.drained()
    assert len(stage.notifier.sent) == 200
