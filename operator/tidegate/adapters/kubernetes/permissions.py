"""What the API server lets us do."""

from __future__ import annotations

from typing import Final

from tidegate.adapters.kubernetes.client import Api, Resource
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


async def _may(api: Api, verb: str, resource: Resource, namespace: str | None) -> bool:
    asked = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": namespace or ""}
    body = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": asked},
    }
    review = await api.create(ACCESS_REVIEWS, None, body, manager=Manager.FORWARD)
    return bool((review.get("status") or {}).get("allowed"))
