"""Gateway controllers, compiled from their Go modules in the versions that each module's own go.mod names."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.binaries import cache, toolchain
from lab.binaries.errors import BuildError, MissingProgramError
from lab.binaries.module_files import ROUTER_CRDS, ModuleFiles, fetched

if TYPE_CHECKING:
    from lab.binaries.progress import Progress


EXPERIMENTAL_GATEWAY_API = ModuleFiles(
    "gateway-api-experimental",
    "sigs.k8s.io/gateway-api",
    "v1.6.3",
    "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
    tuple(
        f"config/crd/experimental/gateway.networking.k8s.io_{kind}.yaml"
        for kind in (
            "backendtlspolicies",
            "gatewayclasses",
            "gateways",
            "grpcroutes",
            "httproutes",
            "listenersets",
            "referencegrants",
            "tcproutes",
            "tlsroutes",
            "udproutes",
        )
    ),
)
"""Contour reads TCPRoute as v1alpha2, which the standard channel does not serve."""


@dataclass(frozen=True)
class GatewayProgram:
    """The controller of one gateway, and the files of its module that go with it."""

    files: ModuleFiles
    package: str
    """The program's package in the module."""
    minutes: float
    """Cold, on two cores."""
    also: tuple[ModuleFiles, ...] = ()
    """Files of other modules that it needs."""

    @property
    def place(self) -> Path:
        """The program, or where it will be."""
        return self.files.place.with_name(f"{self.files.place.name}-program") / Path(self.package).name


CONTOUR = GatewayProgram(ROUTER_CRDS[2], "cmd/contour", minutes=5, also=(EXPERIMENTAL_GATEWAY_API,))
ISTIOD = GatewayProgram(
    ModuleFiles(
        "istiod",
        "istio.io/istio",
        "v0.0.0-20260827124520-eed52ebb66ad",
        "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
        ("manifests/charts/base/files/crd-all.gen.yaml",),
    ),
    "pilot/cmd/pilot-discovery",
    minutes=9,
)
"""A commit of 2026-08-27: the module proxy has none of Istio's releases."""
ENVOY_GATEWAY = GatewayProgram(
    ModuleFiles(
        "envoy-gateway",
        "github.com/envoyproxy/gateway",
        "v1.9.1",
        "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=",
        tuple(
            f"charts/gateway-crds-helm/templates/generated/gateway.envoyproxy.io_{kind}.yaml"
            for kind in (
                "backends",
                "backendtrafficpolicies",
                "clienttrafficpolicies",
                "envoyextensionpolicies",
                "envoypatchpolicies",
                "envoyproxies",
                "httproutefilters",
                "securitypolicies",
            )
        ),
    ),
    "cmd/envoy-gateway",
    minutes=8,
)
GATEWAYS = {"contour": CONTOUR, "istiod": ISTIOD, "envoy-gateway": ENVOY_GATEWAY}
"""By the name that `python -m lab build` knows them by."""


def gateway(name: str, progress: Progress) -> Path:
    """The controller of that name in `GATEWAYS`, built first when it is not there, and all of its files fetched.

    Raises: MissingProgramError, also for a name that is not there; BuildError.
    """
    if name not in GATEWAYS:
        raise MissingProgramError(f"{name} is no gateway of the lab: {', '.join(GATEWAYS)}")
    wanted = GATEWAYS[name]
    for files in (wanted.files, *wanted.also):
        fetched(files, progress)
    with cache.only_one(wanted.files.name, progress.say):
        if not wanted.place.is_file():
            _build(wanted, progress)
    return wanted.place


def _build(wanted: GatewayProgram, progress: Progress) -> None:
    partial = wanted.place.parent.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    go, files = toolchain.go(progress), wanted.files
    flags = "-modcacherw -buildvcs=false -trimpath"
    environment = {**go.environment, "GOFLAGS": flags, "GOTOOLCHAIN": "auto", "GOBIN": str(partial)}
    command: list[str | Path] = [go.program, "install", "-ldflags=-s -w"]
    command.append(f"{files.module}/{wanted.package}@{files.version}")
    said = f"{files.module} {files.version}: compiling, once (about {wanted.minutes:g} min on 2 cores)"
    with progress.phase(said):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{files.module} {files.version} cannot be built: {done.stderr.strip()[-1500:]}")
    partial.rename(wanted.place.parent)
