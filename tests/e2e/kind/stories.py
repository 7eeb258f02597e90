"""The demo's two stories in a kind cluster (`tests/e2e/kind/run`). Not run in the project's own CI: for yours."""

from __future__ import annotations

import argparse
import asyncio
import base64
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from lab import pods, shop
from lab.api import Api, Object
from lab.cluster import Cluster
from lab.expectations import broken
from lab.operator_process import OperatorProcess
from lab.processes import Processes
from lab.route_watch import RouteWatch
from lab.stories import play

NAMESPACE = "shop"


class KindCluster(Cluster):
    """A cluster made by `run`: its gateway and its Prometheus are at node ports."""

    def __init__(self, api: Api, kubeconfig: Path, folder: Path, children: Processes) -> None:
        self._api = api
        self._kubeconfig = kubeconfig
        self.folder = folder
        self.children = children

    @property
    def api(self) -> Api:
        return self._api

    @property
    def kubeconfig(self) -> Path:
        return self._kubeconfig

    @property
    def prometheus_url(self) -> str:
        return "http://127.0.0.1:30090"

    @property
    def gateway_url(self) -> str:
        return "http://127.0.0.1:30080"

    async def control(self, pod: Object, settings: str) -> None:
        """Through the API server: pods of a kind cluster are not reached from outside."""
        metadata = pod["metadata"]
        place = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:{pods.PORT}"
        await self.api.request("POST", f"{place}/proxy/control?{settings}")


@asynccontextmanager
async def connected(kubeconfig: Path, text: str) -> AsyncIterator[KindCluster]:
    config = yaml.safe_load(text)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    with tempfile.TemporaryDirectory(prefix="tidegate-kind-") as name:
        folder = Path(name)
        for file, encoded in (
            ("ca.crt", cluster["certificate-authority-data"]),
            ("client.crt", user["client-certificate-data"]),
            ("client.key", user["client-key-data"]),
        ):
            (folder / file).write_bytes(base64.b64decode(encoded))
        tls = ssl.create_default_context(cafile=folder / "ca.crt")
        tls.load_cert_chain(folder / "client.crt", folder / "client.key")
        async with Api(cluster["server"], "", tls) as api, Processes(folder / "logs") as children:
            yield KindCluster(api, kubeconfig, folder, children)


async def stories(kubeconfig: Path, text: str) -> list[str]:
    """What was not as expected."""
    async with connected(kubeconfig, text) as cluster:
        await cluster.install_tidegate()
        await shop.open_shop(cluster, NAMESPACE)
        async with (
            OperatorProcess(cluster),
            cluster.load(NAMESPACE, shop.APP, rate=80) as load,
            RouteWatch(cluster.api) as watch,
        ):
            await cluster.apply(shop.rollout(NAMESPACE))
            good = await play(cluster, NAMESPACE, load, watch, title="good", version="v2")
            bad = await play(cluster, NAMESPACE, load, watch, title="bad", version="v3", spoil_at=50.0)
        return broken([good, bad])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    kubeconfig: Path = parser.parse_args().kubeconfig
    failures = asyncio.run(stories(kubeconfig, kubeconfig.read_text()))
    for failure in failures:
        sys.stderr.write(f"NOT AS EXPECTED: {failure}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
