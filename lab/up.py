"""`python -m lab up`: the whole lab with two versions of an app, left running until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from lab import manifests
from lab.stack import Lab

NAMESPACE = "shop"
APP = "checkout"


async def up() -> None:
    """Starts everything, says how to use it, and ends it on Ctrl-C or SIGTERM, at whatever point it is."""
    running = asyncio.ensure_future(_run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print("ended, nothing is left behind", flush=True)


async def _run() -> None:
    print("starting, some ten seconds", flush=True)
    async with Lab() as lab:
        await _install_app(lab)
        print(_words(lab), flush=True)
        async with lab.load(NAMESPACE, APP, rate=20):
            await asyncio.Event().wait()


async def _install_app(lab: Lab) -> None:
    canary = f"{APP}-canary"
    await lab.apply(manifests.namespace(NAMESPACE))
    await lab.apply(
        manifests.app(NAMESPACE, APP, version="v1", replicas=2),
        manifests.app(NAMESPACE, canary, version="v2"),
        manifests.http_route(NAMESPACE, APP, {APP: 100, canary: 0}),
    )
    for name in (APP, canary):
        await lab.rolled_out(NAMESPACE, name)


def _words(lab: Lab) -> str:
    host = manifests.hostname(NAMESPACE, APP)
    return f"""
A cluster with the app {APP} in namespace {NAMESPACE}, a baseline and a candidate, and 20 requests a second.

  kubectl      export KUBECONFIG={lab.kubeconfig}
               kubectl -n {NAMESPACE} get pods,httproutes
  app          curl -H 'Host: {host}' {lab.gateway_url}/
  Prometheus   {lab.prometheus_url}
  Envoy        {lab.envoy_admin_url}
  logs         {lab.logs}

Ctrl-C ends everything and removes its folder.
"""


if __name__ == "__main__":
    asyncio.run(up())
