"""etcd, kube-apiserver and kube-controller-manager as local processes: a real cluster, less its machines.

Left out: scheduler and kubelet (pods are run by `lab.node`) and the endpoint controllers, which refuse loopback
addresses. Everything listens on 127.0.0.1 and keeps its data in a folder that is thrown away.
"""

from __future__ import annotations

import secrets
import signal
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp
import yaml

from lab import binaries, crds, keys
from lab.api import Api
from lab.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.api import Object
    from lab.processes import Process, Processes

START_SECONDS = 120.0  # 3 s alone on two cores; a busy machine may take ten times that
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "job-controller",
    "clusterrole-aggregation-controller",
)
_GATEWAY_KINDS = ("gatewayclasses", "gateways", "httproutes", "grpcroutes", "tcproutes", "tlsroutes")


@dataclass(frozen=True)
class User:
    """Someone the API server knows by a token; without groups (and without RBAC for the name) may do nothing."""

    name: str
    groups: tuple[str, ...] = ()


ADMIN = User("admin", ("system:masters",))


class ControlPlane:
    """An async context manager; inside it `kubeconfig` is the administrator's and `api` a client with it."""

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        users: Iterable[User] = (),
        *,
        controllers: bool = True,
        more_controllers: Iterable[str] = (),
        advertise: str = "",
    ) -> None:
        """`more_controllers` run beside `CONTROLLERS`; `advertise` is an address, for where there is no default route."""
        self._processes = processes
        self._folder = folder / "control-plane"
        self._tokens = {user: secrets.token_urlsafe(24) for user in (ADMIN, *users)}
        self._controllers = (*CONTROLLERS, *more_controllers) if controllers else ()
        self._advertise = [f"--advertise-address={advertise}"] if advertise else []
        self._stack = AsyncExitStack()
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self._port = free_port()
        self.server = f"https://127.0.0.1:{self._port}"
        self.kubeconfig = self._folder / "admin.kubeconfig"
        self._api_server: Process
        self.api: Api

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True)
        (self._folder / "service-accounts.key").write_text(keys.private_key())
        lines = [f'{token},{user.name},{user.name},"{",".join(user.groups)}"' for user, token in self._tokens.items()]
        (self._folder / "tokens.csv").write_text("\n".join(lines) + "\n")
        await self._start_etcd()
        await self._start_api_server()
        self._write(self.kubeconfig, self._tokens[ADMIN])
        self.api = await self._stack.enter_async_context(Api(self.server, self._tokens[ADMIN], self._tls()))
        if self._controllers:
            await self._start_controllers()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def stop_api_server(self) -> None:
        """Connections are refused from here on; what was written is kept."""
        await self._processes.stop(self._api_server)

    async def start_api_server(self) -> None:
        """At the same address, with the same tokens; returns when it is ready."""
        await self._start_api_server()

    def pause_api_server(self) -> None:
        """Connections are taken and never answered, watches fall silent, until `resume_api_server`."""
        self._api_server.stop()

    def resume_api_server(self) -> None:
        """Lets it go on."""
        self._api_server.signal(signal.SIGCONT)

    def api_of(self, user: User) -> Api:
        """A client of one of the users given at the start, to be entered."""
        return Api(self.server, self._tokens[user], self._tls())

    def kubeconfig_of(self, user: User) -> Path:
        """A kubeconfig of one of the users given at the start."""
        path = self._folder / f"{user.name}.kubeconfig"
        self._write(path, self._tokens[user])
        return path

    async def kubeconfig_of_service_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a real token of an existing ServiceAccount: what a pod of it would be."""
        body: Object = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 7200},
        }
        answer = await self.api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", body)
        path = self._folder / f"{namespace}.{name}.kubeconfig"
        self._write(path, answer["status"]["token"])
        return path

    async def install_crds(self, files: Iterable[Path], seconds: float = 90) -> None:
        """Applies CRD files, waits until all are served."""
        await crds.install(self.api, files, seconds)

    async def install_gateway_api(self) -> None:
        """The Gateway API's CRDs that the lab's gateway serves, standard channel."""
        folder = binaries.gateway_crds()
        await self.install_crds(folder / f"gateway.networking.k8s.io_{kind}.yaml" for kind in _GATEWAY_KINDS)

    async def _start_etcd(self) -> None:
        peer = f"http://127.0.0.1:{free_port()}"
        command: list[str | Path] = [
            binaries.program("etcd"),
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={self._etcd}",
            f"--advertise-client-urls={self._etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # the data is thrown away
            "--log-level=warn",
        ]
        process = self._processes.start("etcd", command)
        await process.ready(lambda: _answers(f"{self._etcd}/health"), START_SECONDS)

    async def _start_api_server(self) -> None:
        key = self._folder / "service-accounts.key"
        command: list[str | Path] = [
            binaries.program("kube-apiserver"),
            f"--etcd-servers={self._etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder / 'tls'}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={self.server}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none",  # it refuses a loopback address
            "--disable-admission-plugins=ServiceAccount",  # pods need no token to be started
            *self._advertise,
        ]
        self._api_server = self._processes.start("kube-apiserver", command)
        await self._api_server.ready(lambda: _answers(f"{self.server}/readyz", self._tokens[ADMIN]), START_SECONDS)

    async def _start_controllers(self) -> None:
        port = free_port()
        command: list[str | Path] = [
            binaries.program("kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig}",
            f"--controllers={','.join(self._controllers)}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self._folder / 'controllers-tls'}",
            "--kube-api-qps=500",  # scale tests make hundreds of pods
            "--kube-api-burst=1000",
        ]
        process = self._processes.start("kube-controller-manager", command)
        await process.ready(lambda: _answers(f"https://127.0.0.1:{port}/healthz"), START_SECONDS)

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._certificate())

    def _certificate(self) -> Path:
        """What the API server made for itself at its start."""
        return self._folder / "tls" / "apiserver.crt"

    def _write(self, path: Path, token: str) -> None:
        name = "tidegate-lab"
        cluster = {"server": self.server, "certificate-authority": str(self._certificate())}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        }
        path.write_text(yaml.safe_dump(content))
        path.chmod(0o600)


async def _answers(url: str, token: str = "") -> bool:
    """Whether a GET is answered with 200; the certificate may be one not yet known to us."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(url, ssl=False) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
