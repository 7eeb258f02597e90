"""What is built from source, and how: one row for each go.mod beside this file.

The go.mod and go.sum of a recipe pin every module by content, so a build on another machine gives the same programs.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, field
from pathlib import Path

KUBERNETES = "1.36.3"
PROMETHEUS = "3.15.0"
GATEWAY_API = "1.6.3"
HELM = "4.3.1"
PROMETHEUS_OPERATOR = "0.85.0"

_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Recipe:
    """One go.mod whose `tool` lines name programs.

    `programs` maps the name a program has here to the name Go gives it (the last part of its import path).
    """

    name: str
    title: str
    programs: dict[str, str]
    minutes: float  # cold, on two cores, downloads included
    flags: tuple[str, ...] = field(default=())
    module: str = ""  # set where files of one module are wanted, not programs

    @property
    def source(self) -> Path:
        """The folder with go.mod and go.sum."""
        return Path(__file__).parent / self.name

    @property
    def key(self) -> str:
        """Changes with anything that changes the programs: modules, flags, platform."""
        digest = hashlib.sha256()
        for part in ("go.mod", "go.sum"):
            digest.update((self.source / part).read_bytes())
        digest.update("\0".join((*self.flags, platform.system(), platform.machine())).encode())
        return digest.hexdigest()[:16]


CONTROL_PLANE = Recipe(
    name="control-plane",
    title=f"Kubernetes {KUBERNETES}",
    programs={
        "etcd": "server",
        "kube-apiserver": "kube-apiserver",
        "kube-controller-manager": "kube-controller-manager",
        "kubectl": "kubectl",
    },
    minutes=6,
    # Without the version, clients are told v0.0.0.
    flags=(
        "-trimpath",
        "-ldflags",
        f"-s -w -X {_VERSION}.gitVersion=v{KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36",
    ),
)
METRICS = Recipe(
    name="prometheus",
    title=f"Prometheus {PROMETHEUS}",
    programs={"prometheus": "prometheus", "promtool": "promtool"},
    minutes=2,
    # Without the clouds' discovery it is half the size; file and HTTP discovery stay.
    flags=(
        "-trimpath",
        "-tags",
        "remove_all_sd",
        "-ldflags",
        f"-s -w -X github.com/prometheus/common/version.Version={PROMETHEUS}",
    ),
)
GATEWAY_CRDS = Recipe(
    name="gateway-api", title=f"Gateway API {GATEWAY_API}", programs={}, minutes=0.2, module="sigs.k8s.io/gateway-api"
)
INSTALLERS = Recipe(
    name="installers",
    title=f"Helm {HELM}, kustomize, kubeconform and actionlint",
    programs={"helm": "helm", "kustomize": "kustomize", "kubeconform": "kubeconform", "actionlint": "actionlint"},
    minutes=3,
    flags=("-trimpath", "-ldflags", f"-s -w -X helm.sh/helm/v4/internal/version.version=v{HELM}"),
)
MONITORING_CRDS = Recipe(
    name="prometheus-operator",
    title=f"Prometheus operator {PROMETHEUS_OPERATOR}",
    programs={},
    minutes=0.2,
    module="github.com/prometheus-operator/prometheus-operator",
)

BUILT = (CONTROL_PLANE, METRICS, INSTALLERS)
