"""What the user and the operator may do, as the API server's authorizer says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.permissions import ACCESS_REVIEWS
from tidegate.adapters.kubernetes.resources import (
    AUTOSCALERS,
    COMMANDS,
    DEPLOYMENTS,
    REPLICA_SETS,
    ROLLOUTS,
    SCALED_OBJECTS,
    SERVICES,
    Resource,
)
from tidegate.adapters.routers.permissions import Grant
from tidegate.cli.doctor.result import Level, Result
from tidegate.ports.errors import Missing, PortError, Rejected

REVIEWS: Final = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)
ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
MANAGER: Final = "tidegate-cli"


@dataclass(frozen=True)
class Need:
    """Verbs on one resource."""

    group: str
    resource: str
    """With its subresource, such as `rollouts/status`."""
    verbs: tuple[str, ...]
    without: str = ""
    """What does not work without it; empty when nothing does."""


OPERATOR: Final = (
    Need(ROLLOUTS.group, ROLLOUTS.plural, ("get", "list", "watch", "patch")),
    Need(COMMANDS.group, COMMANDS.plural, ("list", "watch", "delete")),
    Need(ROLLOUTS.group, "metrictemplates", ("get", "list", "watch"), "metric templates"),
    Need(ROLLOUTS.group, "clustermetrictemplates", ("get", "list", "watch"), "metric templates for all namespaces"),
    Need(ROLLOUTS.group, "rollouts/status", ("patch",)),
    Need(COMMANDS.group, "rolloutcommands/status", ("patch",)),
    Need(DEPLOYMENTS.group, DEPLOYMENTS.plural, ("get", "list", "watch")),
    Need(
        DEPLOYMENTS.group,
        DEPLOYMENTS.plural,
        ("patch",),
        "promotion.strategy CopyTemplate, candidate.scaling, Scale and revert: ScaleToZero",
    ),
    Need(AUTOSCALERS.group, AUTOSCALERS.plural, ("list",), "candidate.scaling, Scale and revert: ScaleToZero"),
    Need(SCALED_OBJECTS.group, SCALED_OBJECTS.plural, ("list",), "candidate.scaling and Scale where KEDA is installed"),
    Need(REPLICA_SETS.group, REPLICA_SETS.plural, ("list",)),
    Need(SERVICES.group, SERVICES.plural, ("get", "list", "watch")),
    Need("batch", "cronjobs", ("get",), "hooks, gate jobs and RunJob"),
    Need("batch", "jobs", ("create", "get"), "hooks, gate jobs and RunJob"),
    Need("batch", "jobs", ("list", "watch"), "watching Jobs (without it each Job is read separately)"),
    Need("", "events", ("create", "patch"), "Events"),
)
"""What the operator does beside what routes need; deploy/cluster/rbac.yaml grants it. Kinds of the cluster itself are in `CLUSTER_WIDE`."""
CLUSTER_WIDE: Final = (
    Need("apiextensions.k8s.io", "customresourcedefinitions", ("list", "watch"), "noticing new CRDs without a restart"),
    Need("admissionregistration.k8s.io", "validatingadmissionpolicies", ("get",), "verified approvals"),
    Need("admissionregistration.k8s.io", "validatingadmissionpolicybindings", ("get",), "verified approvals"),
)
USER: Final = (
    Need(ROLLOUTS.group, ROLLOUTS.plural, ("get", "list", "watch")),
    Need(COMMANDS.group, COMMANDS.plural, ("get", "create"), "abort, pause, resume and retry"),
)
Attributes = dict[str, str]


async def of_the_user(api: Api, namespace: str) -> list[Result]:
    """What this command line's user may do in the namespace."""
    check = "your permissions"
    lacking = await _lacking(api, USER, namespace, None)
    advice = "bind the ClusterRole tidegate-commander of deploy/cluster/rbac.yaml, or one like it"
    return _results(check, "you", lacking, f"in namespace {namespace}", advice)


async def of_the_operator(api: Api, account: str, namespaces: Sequence[str], grants: Iterable[Grant]) -> list[Result]:
    """What the operator's service account may do.

    Args:
        api: the API server, asked as the user: that takes the permission to create SubjectAccessReviews.
        account: `NAMESPACE/NAME`.
        namespaces: those that are served; empty for all.
        grants: what the kinds of route need that are enabled and served.
    """
    check = "permissions of the operator"
    place, _, name = account.partition("/")
    try:
        await api.get(ACCOUNTS, place, name)
    except Missing:
        message = f"there is no ServiceAccount {name} in namespace {place}"
        return [Result(check, Level.FAILED, message, "install the operator, or name its account: --service-account")]
    except Rejected:
        pass  # the reviews below need not see it
    needed = [*OPERATOR, *(Need(*one) for one in dict.fromkeys(grants))]
    try:
        lacking = [
            one for where in (namespaces or ("",)) for one in await _lacking(api, needed, where, (place, name))
        ] + await _lacking(api, CLUSTER_WIDE, "", (place, name))
    except Rejected:
        advice = "let an administrator run tidegate doctor"
        return [Result(check, Level.SKIPPED, "you may not create SubjectAccessReviews", advice)]
    where = f"in {', '.join(namespaces)}" if namespaces else "in the cluster"
    return _results(check, f"ServiceAccount {account}", lacking, where, "apply deploy/cluster/rbac.yaml, or the chart")


def _results(check: str, who: str, lacking: Sequence[tuple[Need, str]], where: str, advice: str) -> list[Result]:
    if not lacking:
        return [Result(check, Level.OK, f"{who} has all permissions that are needed {where}")]
    found = []
    for need, verb in lacking:
        level = Level.WARNING if need.without else Level.FAILED
        what = f"{need.resource}{'.' if need.group else ''}{need.group}"
        costs = f"; without it: no {need.without}" if need.without else ""
        found.append(Result(check, level, f"{who} may not {verb} {what} {where}{costs}", advice))
    return found


async def _lacking(
    api: Api, needed: Sequence[Need], namespace: str, account: tuple[str, str] | None
) -> list[tuple[Need, str]]:
    asked = [(need, verb) for need in needed for verb in need.verbs]
    calls = [_may(api, _attributes(*one, namespace), account) for one in asked]
    allowed = await asyncio.gather(*calls, return_exceptions=True)  # no call outlives the client's connections
    for one in allowed:
        if isinstance(one, BaseException):
            raise one
    return [one for one, yes in zip(asked, allowed, strict=True) if not yes]


def _attributes(need: Need, verb: str, namespace: str) -> Attributes:
    resource, _, subresource = need.resource.partition("/")
    return {
        "group": need.group,
        "resource": resource,
        "subresource": subresource,
        "verb": verb,
        "namespace": namespace,
    }


async def _may(api: Api, attributes: Attributes, account: tuple[str, str] | None) -> bool:
    """Raises: Rejected: we may not ask for somebody else."""
    kind = REVIEWS if account is not None else ACCESS_REVIEWS
    spec: Mapping[str, Any] = {"resourceAttributes": attributes} | (_subject(*account) if account is not None else {})
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "spec": spec}
    try:
        review = await api.create(kind, None, body, manager=MANAGER)
    except Rejected:
        raise
    except PortError:
        return False
    return bool((review.get("status") or {}).get("allowed"))


def _subject(namespace: str, name: str) -> dict[str, Any]:
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    return {"user": f"system:serviceaccount:{namespace}:{name}", "groups": groups}
