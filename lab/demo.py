"""`make demo`: a good candidate is promoted, a bad one is reverted, on real parts, shown as it happens.

`make demo STORY=NAME` plays one of `STORIES` instead. Exits non-zero when an expectation is not met.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live

from lab import demo_approvals, demo_cohorts, shop
from lab.expectations import broken
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.screen import Screen, summary
from lab.stack import Lab
from lab.stories import play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from lab.api import Object
    from lab.stories import Story

NAMESPACE = "shop"
RATE = 80.0


STORIES: Final[Mapping[str, Callable[[Console], Awaitable[list[str]]]]] = {
    "approvals": demo_approvals.story,
    "cohorts": demo_cohorts.story,
}
"""Further stories: each shows itself, and returns the expectations that were not met."""


def main(story: str = "") -> int:
    """The exit code: 0 when all went as expected, 1 when not, 130 on Ctrl-C."""
    return asyncio.run(_main(story))


def _console() -> Console:
    """As wide as the terminal; wide enough for a line each where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=170)


async def _main(story: str) -> int:
    console = _console()
    running = asyncio.ensure_future(_play(console, story) if story else _demo(console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await running
    print("interrupted; nothing is left running", file=sys.stderr)
    return 130


async def _play(console: Console, story: str) -> int:
    begun = time.monotonic()
    failures = await STORIES[story](console)
    for failure in failures:
        console.print(f"[bold red]NOT AS EXPECTED[/] {failure}")
    if not failures:
        console.print(f"[bold green]As expected[/] ({time.monotonic() - begun:.0f} s).")
    return 1 if failures else 0


async def _demo(console: Console) -> int:
    begun = time.monotonic()
    console.print("Starting etcd, kube-apiserver, kube-controller-manager, Prometheus, Envoy, and the operator ...")
    async with Lab() as lab:
        await lab.install_tidegate()
        await shop.open_shop(lab, NAMESPACE)
        async with (
            OperatorProcess(lab),
            lab.load(NAMESPACE, shop.APP, rate=RATE) as load,
            RouteWatch(lab.api) as watch,
        ):
            await lab.apply(shop.rollout(NAMESPACE))
            console.print(
                f"All is up after {time.monotonic() - begun:.0f} s; {RATE:.0f} requests a second go through Envoy."
            )
            stories: list[Story] = []
            for title, version, spoil in (
                ("A good candidate (v2)", "v2", None),
                ("A bad candidate (v3): 30 % errors from its second step on", "v3", 50.0),
            ):
                console.rule(title)
                screen = Screen(lab, NAMESPACE, load)
                with _live(console, screen) as live:

                    def show(rollout: Object, screen: Screen = screen, live: Live | None = live) -> None:
                        screen.take(rollout)
                        if live is not None:
                            live.update(screen.table())
                        else:
                            screen.lines(console)

                    async with screen:
                        stories.append(
                            await play(
                                lab, NAMESPACE, load, watch, title=title, version=version, spoil_at=spoil, show=show
                            )
                        )
            failures = broken(stories)
            console.print(summary(stories))
            for failure in failures:
                console.print(f"[bold red]NOT AS EXPECTED[/] {failure}")
            took = time.monotonic() - begun
            if not failures:
                console.print(
                    f"[bold green]As expected[/]: the good one was promoted, the bad one reverted ({took:.0f} s)."
                )
            return 1 if failures else 0


@contextlib.contextmanager
def _live(console: Console, screen: Screen) -> Iterator[Live | None]:
    if not console.is_terminal:
        yield None
        return
    with Live(screen.table(), console=console, refresh_per_second=8) as live:
        yield live
