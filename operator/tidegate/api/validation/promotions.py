"""Warnings about the promotion: what it excludes, and who serves the rest of the traffic while the baseline rolls out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import weights_at
from tidegate.api.validation.problems import Problem, Severity

OWN: Final = frozenset(
    {
        *("affinity", "labels", "nodeName", "nodeSelector", "priorityClassName", "schedulerName", "tolerations"),
        "topologySpreadConstraints",
    }
)
"""Fields that are never promoted: core/model/template_fields.py says the same."""

POD_FIELDS: Final = frozenset(
    {
        *(
            "activeDeadlineSeconds",
            "annotations",
            "automountServiceAccountToken",
            "containers",
            "dnsConfig",
            "dnsPolicy",
        ),
        *("enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers"),
        *("hostname", "hostnameOverride", "imagePullSecrets", "initContainers", "os", "overhead", "preemptionPolicy"),
        *("priority", "readinessGates", "resourceClaims", "resources", "restartPolicy", "runtimeClassName"),
        *("schedulingGates", "securityContext", "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace"),
        *("subdomain", "terminationGracePeriodSeconds", "volumes", "workloadRef", "schedulingGroup"),
    }
)
"""Fields of a pod spec in Kubernetes 1.36, scheduling aside."""

CONTAINER_FIELDS: Final = frozenset(
    {
        *("args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports"),
        *("readinessProbe", "resizePolicy", "resources", "restartPolicy", "restartPolicyRules", "securityContext"),
        *("startupProbe", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty"),
        *("volumeDevices", "volumeMounts", "workingDir"),
    }
)
"""Fields of a container in Kubernetes 1.36."""


def promotion_advice(spec: RolloutSpec) -> Iterator[Problem]:
    """What is to be said of a promotion."""
    for index, path in enumerate(spec.promotion.exclude):
        message = _of_exclusion(path)
        if message:
            yield Problem(("spec", "promotion", "exclude", index), message, Severity.WARNING)
    last = spec.steps[-1]
    weights = weights_at(spec, last)
    if not weights.full:
        left = f"{100 - weights.weight}% of the traffic" if weights.weight < 100 else f"a part of cohorts ({weights})"
        message = (
            f"leaves {left} to the baseline while that rolls out the new version: guards without a comparison "
            "are evaluated on both arms meanwhile; with a last step of 100 the baseline rolls out without traffic"
        )
        yield Problem(("spec", "steps", len(spec.steps) - 1, "weight"), message, Severity.NOTICE)


def _of_exclusion(path: str) -> str:
    if path.startswith("annotations."):
        return ""
    root = path.partition("[")[0]
    if root in OWN:
        return f"names '{root}', which is never promoted"
    if root not in POD_FIELDS:
        return f"names '{root}', which is not a field of a pod template in Kubernetes 1.36"
    part = path.partition("].")[2].partition("[")[0]
    if root in {"containers", "initContainers"} and part and part not in CONTAINER_FIELDS:
        return f"names '{part}', which is not a field of a container in Kubernetes 1.36"
    if path == "containers" or part == "image":
        return f"names '{path}': a new image is then neither a release nor promoted"
    return ""
