"""Envoy Gateway with the Kubernetes provider. The Envoy that it would deploy is run here, with the arguments of its Deployment."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from lab import manifests
from lab.api import Object
from lab.binaries.gateways import ENVOY_GATEWAY
from lab.binaries.module_files import fetched
from lab.binaries.progress import Progress
from lab.wait import until
from tests.gateways.cluster import NODE, STARTS, GatewayCluster, answers, run
from tests.gateways.ways import gateway_route

NAMESPACE, GATEWAY, CLASS, SYSTEM = "eg", "lab", "eg", "envoy-gateway-system"
_API = "gateway.envoyproxy.io/v1alpha1"
_CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
_READY, _ENVOY_READY, _ADMIN = 8081, 19003, 19500
_PARENT = {"name": GATEWAY, "namespace": NAMESPACE}
_URL = "http://127.0.0.1:10080"
"""A listener's port below 1024 becomes 10,000 more."""
HTTP_ROUTE = gateway_route("HTTPRoute", _URL, _PARENT)
_ROOT = """
set -e
mount --make-rprivate /
root=$0/root; mkdir -p "$root"; mount -t tmpfs tmpfs "$root"
for one in /*; do
  if [ -L "$one" ]; then cp -P "$one" "$root$one"
  elif [ -d "$one" ] && [ "$one" != /certs ]; then mkdir "$root$one"; mount --rbind "$one" "$root$one"
  fi
done
mkdir "$root/certs"; cp "$0"/certs/* "$root/certs"
exec chroot "$root" "$@"
"""
"""With the Kubernetes provider it reads its certificates in /certs and nowhere else: it gets a root of its own that has one."""


class EnvoyGatewayCluster(GatewayCluster):
    """`async with EnvoyGatewayCluster() as lab`."""

    program = ENVOY_GATEWAY

    @property
    def gateway_url(self) -> str:
        """Envoy's listener."""
        return _URL

    def _own_crds(self) -> Iterable[Path]:
        """The chart's templates less the lines that are Helm's."""
        folder = self.folder / "crds"
        folder.mkdir()
        for file in sorted(fetched(self.program.files, Progress()).iterdir()):
            plain = [line for line in file.read_text().splitlines() if not line.startswith("{{")]
            (folder / file.name).write_text("\n".join(plain))
        return sorted(folder.iterdir())

    async def _start_gateway(self) -> None:
        await self.apply(manifests.namespace(SYSTEM), manifests.namespace(NAMESPACE), _gateway())
        await run(*(ENVOY_GATEWAY.place, "certgen", "--disable-topology-injector"), environment=self._environment())
        _write_secret(await self._secret("envoy-gateway"), self.folder / "certs")
        _write_secret(await self._secret("envoy"), self.folder / "envoy-certs")
        await self.start_controller()
        deployment = (await until(self._deployments, STARTS, "Envoy's Deployment"))[0]
        await self.start_envoy(await self._arguments(deployment), f"http://127.0.0.1:{_ENVOY_READY}/ready")

    async def start_controller(self) -> None:
        """Starts Envoy Gateway; returns when it is ready."""
        configuration = self.folder / "envoy-gateway.yaml"
        configuration.write_text(yaml.safe_dump(_configuration()))
        command: list[str | Path] = [
            *("unshare", "-m", "sh", "-c", _ROOT, self.folder),
            *(ENVOY_GATEWAY.place, "server", f"--config-path={configuration}"),
        ]
        self.controller = self.children.start("envoy-gateway", command, self._environment())
        await self.controller.ready(lambda: answers(f"http://127.0.0.1:{_READY}/readyz"), STARTS)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "ENVOY_GATEWAY_NAMESPACE": SYSTEM,
        }

    async def _secret(self, name: str) -> Object:
        return await self.api.get("v1", "Secret", name, SYSTEM)

    async def _deployments(self) -> list[Object]:
        return await self.api.list(
            "apps/v1", "Deployment", SYSTEM, f"gateway.envoyproxy.io/owning-gateway-name={GATEWAY}"
        )

    async def _arguments(self, deployment: Object) -> list[str]:
        """Of the Deployment's container, with the places of here."""
        certificates, sds = f"{self.folder / 'envoy-certs'}/", self.folder / "sds"
        maps = await self.api.list("v1", "ConfigMap", SYSTEM)
        texts = {name: text for item in maps for name, text in (item.get("data") or {}).items()}
        _write(sds, {name: text.replace("/certs/", certificates).encode() for name, text in texts.items()})
        containers = deployment["spec"]["template"]["spec"]["containers"]
        arguments = next(one["args"] for one in containers if one["name"] == "envoy")
        places = {
            "$(ENVOY_POD_NAME)": "gw-0",
            "$(ENVOY_SERVICE_ZONE)": "zone",
            "/sds/": f"{sds}/",
            "/certs/": certificates,
            f"envoy-gateway.{SYSTEM}.svc.cluster.local.": "127.0.0.1",
        }
        return [_replaced(one, places) for one in arguments]


def _write_secret(secret: Object, folder: Path) -> None:
    _write(folder, {name: base64.b64decode(text) for name, text in secret["data"].items()})


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _replaced(text: str, places: dict[str, str]) -> str:
    for there, here in places.items():
        text = text.replace(there, here)
    return text


def _gateway() -> list[Object]:
    """Class, Gateway, and how its Envoy is to be deployed: on our node, else Envoy waits 15 s for endpoints of its own."""
    on_node = {"spec": {"template": {"spec": {"nodeName": NODE}}}}
    deployed = {"envoyService": {"type": "ClusterIP"}, "envoyDeployment": {"patch": {"value": on_node}}}
    proxy = {"provider": {"type": "Kubernetes", "kubernetes": deployed}}
    reference = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": GATEWAY, "namespace": SYSTEM}
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    return [
        {
            "apiVersion": _API,
            "kind": "EnvoyProxy",
            "metadata": {"name": GATEWAY, "namespace": SYSTEM},
            "spec": proxy,
        },
        {
            "apiVersion": manifests.GATEWAY_API,
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": _CONTROLLER, "parametersRef": reference},
        },
        {
            "apiVersion": manifests.GATEWAY_API,
            "kind": "Gateway",
            "metadata": {"name": GATEWAY, "namespace": NAMESPACE},
            "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
        },
    ]


def _configuration() -> Object:
    """Without what would take the ports of its Envoy."""
    kubernetes = {"leaderElection": {"disable": True}, "proxyTopologyInjector": {"disable": True}}
    return {
        "apiVersion": _API,
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": _CONTROLLER},
        "provider": {"type": "Kubernetes", "kubernetes": kubernetes},
        "admin": {"address": {"host": "127.0.0.1", "port": _ADMIN}},
        "telemetry": {"metrics": {"prometheus": {"disable": True}}},
    }
