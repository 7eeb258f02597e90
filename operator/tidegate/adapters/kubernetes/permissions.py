"""What the API server lets us do."""

from __future__ import annotations

from typing import Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.ports.errors import PortError
from tidegate.ports.protocols import Manager

ACCESS_REVIEWS: Final = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview")


async def may_watch(api: Api, resource: Resource, namespace: str | None) -> bool:
    """Whether a kind may be listed and watched in a namespace (`None`: in the whole cluster).

    An API server that does not answer this is taken to allow it: the attempt will tell.
    """
    try:
        return all([await _may(api, verb, resource, namespace) for verb in ("list", "watch")])
    except PortError:
        return True


async def may_patch(api: Api, resource: Resource, namespace: str) -> bool:
    """Whether objects of a kind may be patched in a namespace.

    Raises: Rejected, Unavailable.
    """
    return await _may(api, "patch", resource, namespace)


class WriteAccess:
    """Which kinds of route may not be written where, as last asked. What was never asked is not known to be refused."""

    def __init__(self) -> None:
        self._refused: dict[tuple[Resource, str], str] = {}

    def refusal(self, resource: Resource, namespace: str) -> str:
        """Why a kind may not be written in a namespace; empty when nothing is known against it."""
        return self._refused.get((resource, namespace), "")

    def note(self, resource: Resource, namespace: str, *, allowed: bool) -> bool:
        """Takes in what the API server says. Returns: whether it is news."""
        key = (resource, namespace)
        words = f"the operator may not patch {resource.plural}.{resource.group} in namespace {namespace!r}"
        before = self._refused.pop(key, "")
        if not allowed:
            self._refused[key] = words
        return bool(before) == allowed


async def _may(api: Api, verb: str, resource: Resource, namespace: str | None) -> bool:
    asked = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": namespace or ""}
    body = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": asked},
    }
    review = await api.create(ACCESS_REVIEWS, None, body, manager=Manager.FORWARD)
    return bool((review.get("status") or {}).get("allowed"))
