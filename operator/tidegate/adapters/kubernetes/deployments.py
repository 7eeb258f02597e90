"""What is kept of Deployments and their ReplicaSets: an arm's raw material, a few hundred bytes each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final

from tidegate.core.model.template_fields import Fields, template_fields
from tidegate.core.model.version import first_fingerprint
from tidegate.core.model.world import GRACE, Template
from tidegate.ports.protocols import Manager

LONGEST_REFUSAL: Final = 300
"""Characters that are kept of why pods are refused."""

NO_PODS: Final = "-none-"
"""A pattern that no pod matches: a pod's name never begins with a dash."""

_LONGEST_GENERATED_BASE: Final = 58
"""The API server cuts `generateName` to 63 characters less its 5 random ones (apiserver/pkg/storage/names)."""
_SUFFIX: Final = "[bcdfghjklmnpqrstvwxz2456789]{5}"
"""The random characters (apimachinery/pkg/util/rand): no vowels, nothing that reads like another."""


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A Deployment, reduced to what an arm needs."""

    uid: str
    generation: int
    replicas: int
    available: int
    pods_state: tuple[int, int, int]
    """Generation observed, pods, pods of the current version: as long as it stays, so do the ReplicaSets with pods."""
    rolled_out: bool
    fields: Fields
    """The digests of its template's fields."""
    first_fingerprint: str
    images: tuple[str, ...]
    labels: Mapping[str, str] = field(hash=False)
    selector: str
    """Its label selector, as a query parameter."""
    history_limit: int
    paused: bool
    failed: str
    recreates: bool
    pods_refused: str
    scaled_by_revert: bool
    terminating: int | None
    """As `Arm.terminating`."""
    grace: float
    """As `Arm.grace`."""


def deployment_view(
    raw: Mapping[str, Any], ignored_annotations: Collection[str] = (), before: DeploymentView | None = None
) -> DeploymentView:
    """The projection of a Deployment; with `before`, the identities are computed anew only for another generation."""
    metadata, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
    template = spec["template"]
    pod_spec = template.get("spec") or {}
    same = before is not None and (before.uid, before.generation) == (metadata["uid"], metadata["generation"])
    return DeploymentView(
        uid=metadata["uid"],
        generation=metadata["generation"],
        replicas=_replicas(spec),
        available=status.get("availableReplicas") or 0,
        pods_state=(
            status.get("observedGeneration") or 0,
            status.get("replicas") or 0,
            status.get("updatedReplicas") or 0,
        ),
        rolled_out=_rolled_out(metadata["generation"], spec, status),
        fields=before.fields if before and same else template_fields(template, ignored_annotations),
        first_fingerprint=before.first_fingerprint
        if before and same
        else first_fingerprint(template, ignored_annotations),
        images=tuple(intern(container.get("image") or "") for container in pod_spec.get("containers") or ()),
        labels=before.labels if before and same else _interned((template.get("metadata") or {}).get("labels")),
        selector=before.selector if before and same else intern(_selector(spec["selector"])),
        history_limit=spec.get("revisionHistoryLimit", 10),
        paused=bool(spec.get("paused")),
        failed=intern(_past_its_deadline(metadata["generation"], status)),
        recreates=(spec.get("strategy") or {}).get("type") == "Recreate",
        pods_refused=intern(_said_by(metadata["generation"], status, "ReplicaFailure")),
        scaled_by_revert=before.scaled_by_revert
        if before and same and "managedFields" not in metadata
        else last_writer(metadata, ("spec", "replicas")) == Manager.REVERT,
        terminating=0 if _replicas(spec) else status.get("terminatingReplicas"),
        grace=_grace(pod_spec),
    )


def _grace(pod_spec: Mapping[str, Any]) -> float:
    seconds = pod_spec.get("terminationGracePeriodSeconds")
    return GRACE if seconds is None else float(seconds)


def _said_by(generation: int, status: Mapping[str, Any], kind: str) -> str:
    """What a condition says that is true; empty when it is not."""
    if (status.get("observedGeneration") or 0) < generation:
        return ""
    true = (one for one in status.get("conditions") or () if (one.get("type"), one.get("status")) == (kind, "True"))
    return next((str(one.get("message") or one.get("reason") or kind)[:LONGEST_REFUSAL] for one in true), "")


def last_writer(metadata: Mapping[str, Any], path: Iterable[str]) -> str:
    """The field manager that wrote a field last; empty where the API server does not say."""
    keys, found = [f"f:{key}" for key in path], ("", "")
    for entry in metadata.get("managedFields") or ():
        fields: Any = entry.get("fieldsV1") or {}
        for key in keys:
            fields = fields.get(key) if isinstance(fields, Mapping) else None
        if fields is not None:
            found = max(found, (str(entry.get("time") or ""), str(entry.get("manager") or "")))
    return found[1]


def _past_its_deadline(generation: int, status: Mapping[str, Any]) -> str:
    """What a Deployment says that has made no progress for `progressDeadlineSeconds`; empty when it says nothing of the kind."""
    if (status.get("observedGeneration") or 0) < generation:
        return ""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message") or "it made no progress in its progressDeadlineSeconds")
    return ""


def _selector(selector: Mapping[str, Any]) -> str:
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        key, values = term["key"], ",".join(term.get("values") or ())
        match term["operator"]:
            case "In":
                terms.append(f"{key} in ({values})")
            case "NotIn":
                terms.append(f"{key} notin ({values})")
            case "Exists":
                terms.append(key)
            case "DoesNotExist":
                terms.append(f"!{key}")
    return ",".join(sorted(terms))


def _replicas(spec: Mapping[str, Any]) -> int:
    replicas = spec.get("replicas")
    return 1 if replicas is None else int(replicas)


def _rolled_out(generation: int, spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """As `kubectl rollout status` judges (kubectl/pkg/polymorphichelpers/rollout_status.go)."""
    updated = status.get("updatedReplicas") or 0
    return (
        (status.get("observedGeneration") or 0) >= generation
        and updated >= _replicas(spec)
        and (status.get("replicas") or 0) <= updated
        and (status.get("availableReplicas") or 0) >= updated
    )


def _interned(labels: Mapping[str, str] | None) -> Mapping[str, str]:
    return {intern(key): intern(value) for key, value in (labels or {}).items()}


def pods_pattern(replica_sets: Iterable[str]) -> str:
    """A regular expression (RE2) that matches exactly the names of the pods of these ReplicaSets.

    Without backslashes, so that it reads the same in a PromQL string of any quoting.
    """
    bases = sorted(f"{name}-"[:_LONGEST_GENERATED_BASE] for name in replica_sets)
    return f"({'|'.join(map(_literal, bases))}){_SUFFIX}" if bases else NO_PODS


def _literal(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", lambda found: f"[{found[0]}]", name)


class ReplicaSets:
    """The names of each Deployment's ReplicaSets that have pods, as of a state of the Deployment.

    They are listed when a Deployment's `pods_state` moves, not watched: a cluster keeps ten old ones for every
    Deployment, the API server cannot leave them out (apps/v1 knows no field selector for `status.replicas`), and the
    Deployment's own status tells when to look again.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int, int], frozenset[str]]] = {}

    def names(self, deployment: DeploymentView) -> frozenset[str] | None:
        """Those of a Deployment in the state it is in; `None` when they must be listed."""
        if not deployment.pods_state[1]:
            return frozenset()
        state, names = self._known.get(deployment.uid, (None, frozenset()))
        return names if state == deployment.pods_state else None

    def put(self, deployment: DeploymentView, names: Iterable[str]) -> frozenset[str]:
        """Takes in what was listed after the Deployment was seen in this state; returns it."""
        found = frozenset(names)
        self._known[deployment.uid] = (deployment.pods_state, found)
        return found

    def forget(self, uid: str) -> None:
        """The Deployment is gone."""
        self._known.pop(uid, None)


def current_replica_sets(listed: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    """Those ReplicaSets that have or want pods: the uid of what controls it, and its name."""
    for raw in listed:
        owners = raw["metadata"].get("ownerReferences") or ()
        wanted = (raw.get("spec") or {}).get("replicas") or 0
        has = (raw.get("status") or {}).get("replicas") or 0
        controller = next((owner["uid"] for owner in owners if owner.get("controller")), "")
        if (wanted or has) and controller:
            yield controller, raw["metadata"]["name"]


REVISION: Final = "deployment.kubernetes.io/revision"
"""The annotation by which the Deployment's controller numbers its ReplicaSets."""


def kept_template(
    uid: str,
    listed: Iterable[Mapping[str, Any]],
    fingerprint: str,
    exclude: Collection[str],
    ignored_annotations: Collection[str] = (),
) -> Template | None:
    """The template of this identity in the ReplicaSets that a Deployment (by its uid) controls; the latest of several."""
    latest: tuple[int, Template] | None = None
    for raw in listed:
        if not any(
            owner.get("controller") and owner["uid"] == uid for owner in raw["metadata"].get("ownerReferences") or ()
        ):
            continue
        template = raw["spec"]["template"]
        fields = template_fields(template, ignored_annotations)
        number = str((raw["metadata"].get("annotations") or {}).get(REVISION, "0"))
        revision = int(number) if number.isdecimal() else 0
        if fields.fingerprint(exclude) == fingerprint and (latest is None or revision > latest[0]):
            latest = revision, Template(raw["metadata"]["uid"], fields, template)
    return latest[1] if latest is not None else None
