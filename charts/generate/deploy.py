"""`deploy/`: plain YAML for kubectl and kustomize, rendered from the chart.

`base` holds what a cluster-wide and a namespaced installation have in common, `cluster` and `namespaced` the rest. The
operator's configuration is a file beside each `kustomization.yaml`, made a ConfigMap whose name changes with its
content, so that a change restarts the operator.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from charts.generate.files import CHART, ROOT
from charts.generate.header import HEADER
from lab import binaries

DEPLOY: Final = ROOT / "deploy"
NAMESPACE: Final = "tidegate"
SERVED: Final = "tidegate"
"""The namespace that `deploy/namespaced` serves, to be changed by whoever uses it."""
ONLY_HELMS: Final = ("helm.sh/chart", "app.kubernetes.io/managed-by", "checksum/config")
CRDS: Final = ("--set", "crds.keep=false")
CLUSTER: Final = ("--set", "crds.enabled=false")
NAMESPACED: Final = ("--set", f"clusterScopedResources=false,namespaces={{{SERVED}}}")

Object = dict[str, Any]


class RenderError(Exception):
    """Helm refused; the message has its words."""


def files() -> dict[Path, str]:
    """The text of each file in `deploy/`."""
    everywhere, there = rendered(*CLUSTER), rendered(*NAMESPACED)
    common = [one for one in everywhere if one in there]
    crds = [one for one in rendered(*CRDS) if one["kind"] == "CustomResourceDefinition"]
    return {
        **_folder("crds", {"crds.yaml": crds}),
        **_folder("base", _by_file(common)),
        **_folder(
            "cluster", {"namespace.yaml": [_namespace()], **_by_file(_less(everywhere, common))}, "../crds", "../base"
        ),
        **_folder("namespaced", _by_file(_less(there, common)), "../base"),
        DEPLOY / "cluster" / "operator.yaml": configuration(everywhere),
        DEPLOY / "namespaced" / "operator.yaml": configuration(there),
    }


def rendered(*options: str) -> list[Object]:
    """The objects of the chart with these options for `helm template`, without what only Helm needs.

    Raises: RenderError, and the errors of lab.binaries.
    """
    command = [str(binaries.program("helm")), "template", "tidegate", str(CHART), "--namespace", NAMESPACE, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return [_plain(item) for item in yaml.safe_load_all(done.stdout) if item]


def configuration(objects: Iterable[Object]) -> str:
    """The operator's configuration file in these objects."""
    (found,) = (str(one["data"]["operator.yaml"]) for one in objects if one["kind"] == "ConfigMap")
    return found


def _plain(item: Object) -> Object:
    templates = [item["metadata"], *([item["spec"]["template"]["metadata"]] if item["kind"] == "Deployment" else [])]
    for metadata in templates:
        for part in ("labels", "annotations"):
            kept = {key: value for key, value in metadata.get(part, {}).items() if key not in ONLY_HELMS}
            metadata.pop(part, None)
            if kept:
                metadata[part] = kept
    return item


def _namespace() -> Object:
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": enforced}}


def _less(objects: Sequence[Object], common: Sequence[Object]) -> list[Object]:
    return [one for one in objects if one not in common]


def _by_file(objects: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for one in objects:
        if one["kind"] != "ConfigMap":  # kustomize makes it from operator.yaml
            found.setdefault(_file(one), []).append(one)
    return found


def _file(item: Object) -> str:
    if item["apiVersion"].startswith("rbac."):
        return "rbac.yaml"
    if item["apiVersion"].startswith("flowcontrol."):
        return "flowschema.yaml"
    return f"{item['kind'].lower()}.yaml"


def _folder(name: str, contents: dict[str, list[Object]], *bases: str) -> dict[Path, str]:
    kustomization: Object = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*bases, *contents],
    }
    if "../base" in bases:
        kustomization["namespace"] = NAMESPACE
        kustomization["configMapGenerator"] = [{"name": "tidegate", "files": ["operator.yaml"]}]
    texts = {file: HEADER + yaml.safe_dump_all(items, sort_keys=False, width=120) for file, items in contents.items()}
    texts["kustomization.yaml"] = HEADER + yaml.safe_dump(kustomization, sort_keys=False)
    return {DEPLOY / name / file: text for file, text in texts.items()}
