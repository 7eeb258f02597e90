"""`deploy/`: plain YAML for kubectl and kustomize, rendered from the chart.

`requesters` stamps commands with their requester, which only Kubernetes 1.36 and later can. `base` holds what a cluster-wide and a namespaced installation have in common, `cluster` and `namespaced` the rest. The
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
WHOLE: Final = ("--set", "crds.keep=false")  # only Helm reads that annotation
CLUSTER: Final = ("--set", "crds.enabled=false")
STAMPING: Final = ("--set", "admission.stampRequester=Always")
NAMESPACED: Final = ("--set", f"clusterScopedResources=false,namespaces={{{SERVED}}}")

Object = dict[str, Any]


class RenderError(Exception):
    """Helm refused; the message contains its error."""


def files() -> dict[Path, str]:
    """The text of each file in `deploy/`."""
    everywhere, there = rendered(*CLUSTER), rendered(*NAMESPACED)
    common = [one for one in everywhere if one in there]
    crds = [one for one in rendered(*WHOLE) if one["kind"] == "CustomResourceDefinition"]
    stamping = [one for one in rendered(*CLUSTER, *STAMPING) if one["kind"].startswith("MutatingAdmissionPolicy")]
    rest = {"cluster": [_namespace(), *_less(everywhere, common)], "namespaced": _less(there, common)}
    return {
        **_folder("crds", crds),
        **_folder("base", common),
        **_folder("requesters", stamping),
        **_folder("cluster", rest["cluster"], "../crds", "../base"),
        **_folder("namespaced", rest["namespaced"], "../base"),
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


def _folder(name: str, objects: Iterable[Object], *bases: str) -> dict[Path, str]:
    """One folder: a file for each kind of object, and the kustomization that puts them together."""
    contents: dict[str, list[Object]] = {}
    generated: Object = {}
    for one in objects:
        if one["kind"] == "ConfigMap":
            generated = _generated(one)
        else:
            contents.setdefault(_file(one), []).append(one)
    kustomization: Object = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*bases, *contents],
        **generated.get("kustomization", {}),
    }
    texts = {file: HEADER + yaml.safe_dump_all(items, sort_keys=False, width=120) for file, items in contents.items()}
    texts |= generated.get("files", {})
    texts["kustomization.yaml"] = HEADER + yaml.safe_dump(kustomization, sort_keys=False)
    return {DEPLOY / name / file: text for file, text in texts.items()}


def _generated(config_map: Object) -> Object:
    """The configuration as a file, and what makes kustomize a ConfigMap of it."""
    generator = {
        "name": config_map["metadata"]["name"],
        # Not the whole kustomization's: kustomize would give cluster-scoped objects a namespace that it does not know.
        "namespace": config_map["metadata"]["namespace"],
        "files": [*config_map["data"]],
        "options": {"labels": config_map["metadata"]["labels"]},
    }
    return {"files": config_map["data"], "kustomization": {"configMapGenerator": [generator]}}


def _file(item: Object) -> str:
    match item["apiVersion"].partition("/")[0]:
        case "rbac.authorization.k8s.io":
            return "rbac.yaml"
        case "admissionregistration.k8s.io":
            return "admission.yaml"
        case "flowcontrol.apiserver.k8s.io":
            return "flowschema.yaml"
        case "apiextensions.k8s.io":
            return "crds.yaml"
        case _:
            return f"{item['kind'].lower()}.yaml"
