"""Notifications: reverts beside a receiver that hangs, and memory with the notifier idle, at work and ended."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from lab.api import Object
from lab.wait import until
from tests.bench import cost
from tests.bench.figures import Table, against, seconds
from tests.bench.stage import Stage, progress, stage
from tests.unit.adapters.notifiers.receiver import Receiver, receiver
from tidegate.adapters.notifiers.apprise_process import IDLE

COUNT, INTERVAL = 200, 1
SLOWER = 1.0
"""Seconds by which the last of the reverts may be later than without receivers."""
PATIENCE = 300.0
SETTINGS = {"notifications": {"schemes": ["json", "http"], "internalHosts": ["127.0.0.1"], "cluster": "bench"}}
SECRET: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat"}}
EVENTS = ["Started", "StepReached", "Reverted"]


def table() -> Table:
    return Table(
        title="Notifications",
        how=(
            f"{COUNT} Rollouts with an apprise receiver breach at once; from the switch to bad answers to the last route at weight 0: "
            "without receivers, then with one that takes each connection and never answers. *Memory*: resident, of the operator and "
            "of its child process; the child is started with the first message and ended when none has come for a minute."
        ),
        columns=("What", "Figure", "Aim", "Met"),
    )


async def rows(count: int = COUNT) -> list[tuple[str, ...]]:
    with receiver() as there:
        async with stage(settings=SETTINGS) as on:
            await on.fleet.grow(count)
            await on.afresh()
            idle = cost.rss(on.operator.pid)
            without = await breached(on, count)
            await on.fleet.tell(on.fleet.shops, [chat()], secret(there, "/ok"))
            await on.fleet.run(on.fleet.shops[:1], INTERVAL)
            await until(lambda: len(there.got) >= 2, PATIENCE, "messages arrive")
            used, child = cost.rss(on.operator.pid), cost.rss(children(on.operator.pid)[0])
            await hang(on, there)
            beside = await breached(on, count)
            there.let_go.set()
            await until(lambda: not children(on.operator.pid), PATIENCE + IDLE, "the child process is ended", every=1.0)
            ended = cost.rss(on.operator.pid)
    progress(
        f"notifications: {seconds(without)} / {seconds(beside)}, {idle:.0f} + {child:.0f} MiB, then {ended:.0f} MiB"
    )
    last = f"{count} breaching, interval {INTERVAL} s: the last at 0"
    return [
        (f"{last}, without receivers", seconds(without), "", ""),
        ("... with a receiver that hangs", seconds(beside), f"< {seconds(without + SLOWER)}", against(without + SLOWER, beside)),
        (f"Operator with {count} Rollouts at rest, notifications allowed and unused", f"{idle:.0f} MiB", "", ""),
        ("... after the first messages", f"{used:.0f} MiB", "", ""),
        ("... its child process", f"{child:.0f} MiB", "< 60 MiB", against(60, child)),
        ("... operator when the child has ended", f"{ended:.0f} MiB", "", ""),
    ]  # fmt: skip


async def breached(on: Stage, count: int) -> float:
    """Seconds from the switch to bad answers to the last route at 0."""
    shops = on.fleet.shops[:count]
    await on.fleet.run(shops, INTERVAL, PATIENCE)
    await on.settled_at_work()
    switched = time.time()
    await on.source.switch("all")
    await on.fleet.reverted(shops, PATIENCE)
    spent = max(on.fleet.zero_at(shop) for shop in shops) - switched
    await on.fleet.at_rest(shops, PATIENCE)
    await on.source.switch("good")
    return spent


def chat() -> Object:
    return {"secret": {"name": "chat"}, "events": EVENTS}


def secret(there: Receiver, path: str) -> Object:
    url = there.url("json", f"{path}?rto=60")
    return {**SECRET, "data": {"url": base64.b64encode(url.encode()).decode()}}


async def hang(on: Stage, there: Receiver) -> None:
    """From now on the receiver hangs."""
    for namespace in sorted({shop.namespace for shop in on.fleet.shops}):
        item = {**SECRET, "metadata": {**SECRET["metadata"], "namespace": namespace}}
        await on.lab.api.patch(item, {"data": secret(there, "/hang")["data"]})
    await on.operator.stop()
    await on.operator.start()  # it keeps Secrets for half a minute


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(one) for one in found.split()]
