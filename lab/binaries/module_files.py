"""Files of Go modules, such as CRDs: one module at a version, checked by its content."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.binaries import cache, toolchain
from lab.binaries.errors import BuildError

if TYPE_CHECKING:
    from lab.binaries.progress import Progress


@dataclass(frozen=True)
class ModuleFiles:
    """Files of one module."""

    name: str
    module: str
    version: str
    digest: str
    """The module's sum, as a go.sum has it."""
    files: tuple[str, ...]
    """Paths in the module."""

    @property
    def place(self) -> Path:
        """Where the files are, or will be."""
        key = hashlib.sha256("\0".join((self.module, self.version, self.digest, *self.files)).encode()).hexdigest()[:16]
        return cache.folder() / f"{self.name}-{key}"


ROUTER_CRDS = (
    ModuleFiles(
        "istio-crds",
        "istio.io/api",
        "v1.32.0",
        "h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=",
        ("kubernetes/customresourcedefinitions.gen.yaml",),
    ),
    ModuleFiles(
        "traefik-crds",
        "github.com/traefik/traefik/v3",
        "v3.7.13",
        "h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw=",
        ("docs/content/reference/dynamic-configuration/traefik.io_traefikservices.yaml",),
    ),
    ModuleFiles(
        "contour-crds",
        "github.com/projectcontour/contour",
        "v1.33.8",
        "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0=",
        ("examples/contour/01-crds.yaml",),
    ),
)
"""The CRDs of routers that are in Go modules."""
NEXT_GATEWAY_API = ModuleFiles(
    "gateway-api-next",
    "sigs.k8s.io/gateway-api",
    "v1.7.0",
    "h1:duVnm7nO6oXfMMUWfcDoBph47CYR/ME3NGxccOVglaY=",
    tuple(
        f"config/crd/standard/gateway.networking.k8s.io_{kind}.yaml"
        for kind in ("httproutes", "grpcroutes", "tcproutes", "tlsroutes")
    ),
)
"""The Gateway API after the one that the lab's gateway serves."""


def fetched(wanted: ModuleFiles, progress: Progress) -> Path:
    """The folder with the files, downloaded first when it is not there.

    Raises: MissingProgramError, BuildError: the module cannot be had, or is not what it was.
    """
    if wanted.place.is_dir():
        return wanted.place
    with cache.only_one(wanted.name, progress.say):
        if not wanted.place.is_dir():
            _fetch(wanted, progress)
    return wanted.place


def _fetch(wanted: ModuleFiles, progress: Progress) -> None:
    work = cache.folder() / f"{wanted.name}.partial"
    shutil.rmtree(work, ignore_errors=True)
    (work / "out").mkdir(parents=True)
    with progress.phase(f"{wanted.module} {wanted.version}: downloading"):
        answer = _download(wanted, work, toolchain.go(progress))
    if answer.get("Sum") != wanted.digest:
        raise BuildError(f"{wanted.module} {wanted.version} has the sum {answer.get('Sum')}, not {wanted.digest}")
    for file in wanted.files:
        shutil.copyfile(Path(answer["Dir"]) / file, work / "out" / Path(file).name)
    (work / "out").rename(wanted.place)
    shutil.rmtree(work, ignore_errors=True)


def _download(wanted: ModuleFiles, work: Path, go: toolchain.Go) -> dict[str, str]:
    # A module may ask for a newer Go than builds the lab: Go then fetches that one by itself.
    environment = {**go.environment, "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "auto"}
    command: list[str | Path] = [go.program, "mod", "download", "-json", f"{wanted.module}@{wanted.version}"]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    try:
        answer: dict[str, str] = json.loads(done.stdout)
    except ValueError:
        answer = {"Error": done.stderr.strip()[-1500:]}
    if answer.get("Error"):
        raise BuildError(f"{wanted.module} {wanted.version} cannot be downloaded: {answer['Error']}")
    return answer
