"""`python -m lab up`: the whole lab with Tidegate and the shop in it, left running until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab import binaries, manifests, pods, shop
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAMESPACE = "shop"


async def up() -> None:
    """Starts everything, says how to use it, and ends it on Ctrl-C, SIGTERM or a closed terminal, at whatever point it is."""
    running = asyncio.ensure_future(_run())
    loop = asyncio.get_running_loop()
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last: the terminal was closed

    def end() -> None:
        for number in ending:  # a second Ctrl-C must not break off the clearing up
            loop.add_signal_handler(number, lambda: None)
        running.cancel()

    for number in ending:
        loop.add_signal_handler(number, end)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print("ended, nothing is left behind", flush=True)


async def _run() -> None:
    print("starting, some fifteen seconds", flush=True)
    async with Lab() as lab, opened(lab) as operator:
        print(_words(lab, operator), flush=True)
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def opened(lab: Lab, *, step_seconds: int = 60) -> AsyncIterator[OperatorProcess]:
    """The shop with traffic and a Rollout, and the operator at work.

    Arguments:
        lab: where.
        step_seconds: how long each step of the Rollout lasts.
    """
    await lab.install_tidegate()
    await shop.open_shop(lab, NAMESPACE)
    async with OperatorProcess(lab) as operator, lab.load(NAMESPACE, shop.APP, rate=20):
        await lab.apply(shop.rollout(NAMESPACE, step_seconds=step_seconds))
        await until(lambda: _at_rest(lab), PATIENCE, "the operator has looked at the Rollout")
        yield operator


async def _at_rest(lab: Lab) -> bool:
    return bool((await shop.state(lab, NAMESPACE)).get("status", {}).get("phase") == "Idle")


def environment(lab: Lab) -> dict[str, str]:
    """What a shell needs for `kubectl` and `tidegate`: the kubeconfig, and the folders of both programs."""
    folders = (binaries.program("kubectl").parent, Path(sys.executable).parent)
    return {"KUBECONFIG": str(lab.kubeconfig), "PATH": ":".join((*map(str, folders), os.environ["PATH"]))}


def _words(lab: Lab, operator: OperatorProcess) -> str:
    host = manifests.hostname(NAMESPACE, shop.APP)
    programs = environment(lab)["PATH"].removesuffix(f":{os.environ['PATH']}")
    return f"""
A cluster with Tidegate (docs/tutorial.md goes through it), and the app {shop.APP} in namespace {NAMESPACE}: a baseline, a candidate, a Rollout, 20 requests a second.

  shell        export KUBECONFIG={lab.kubeconfig}
               export PATH={programs}:$PATH
               kubectl -n {NAMESPACE} get rollouts,pods,httproutes
  release      kubectl -n {NAMESPACE} set image deployment/{shop.CANARY} app={pods.SAMPLE}:v2
               kubectl -n {NAMESPACE} get rollouts -w
  spoil it     kubectl -n {NAMESPACE} set env deployment/{shop.CANARY} VERSION=v3 ERROR_RATE=0.3
  your own     copy the Deployments, Services and HTTPRoute of {shop.APP}. Only {pods.SAMPLE}:TAG serves (environment: VERSION,
               ERROR_RATE 0-1, LATENCY in seconds); a pod of any other image runs and answers nothing (503 by Envoy)
  gateway      kubectl -n gateway annotate gateway/lab lab.tidegate.dev/frozen=true       (as if its controller had stopped)
               kubectl -n {NAMESPACE} annotate httproute/{shop.APP} lab.tidegate.dev/refused=keep  (or remove: its rules go)
  command      kubectl tidegate status {shop.APP} -n {NAMESPACE}     (also pause, resume, abort, retry)
  app          curl -H 'Host: {host}' {lab.gateway_url}/
  Prometheus   {lab.prometheus_url}
  Envoy        {lab.envoy_admin_url}
  operator     {operator.url}/metrics
  logs         {lab.logs}

Ctrl-C ends everything and removes its folder.
"""


if __name__ == "__main__":
    asyncio.run(up())
