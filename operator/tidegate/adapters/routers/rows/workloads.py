"""Routers that are none: the weights are in the Deployments of the arms."""

from __future__ import annotations

from functools import partial
from typing import Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.endpoints import ENDPOINT_SLICES, pods_behind
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.resources import AUTOSCALERS, DEPLOYMENTS, SCALED_OBJECTS
from tidegate.adapters.replica_ratio import RatioRouter
from tidegate.adapters.routers.permissions import Grant
from tidegate.adapters.routers.row import Facts, WorkloadRouter
from tidegate.ports.protocols import Workloads


def _router(api: Api, workloads: Workloads, access: WriteAccess) -> RatioRouter:
    return RatioRouter(workloads, partial(pods_behind, api), partial(access.refusal, DEPLOYMENTS))


REPLICA_RATIO: Final = WorkloadRouter(
    kind="ReplicaRatio",
    patched=DEPLOYMENTS,
    grants=(
        Grant(DEPLOYMENTS.group, DEPLOYMENTS.plural),
        Grant(ENDPOINT_SLICES.group, ENDPOINT_SLICES.plural, ("list",)),
        Grant(AUTOSCALERS.group, AUTOSCALERS.plural, ("list",)),
        Grant(SCALED_OBJECTS.group, SCALED_OBJECTS.plural, ("list",)),
    ),
    router=_router,
    objects="`apps` v1 `Deployment`, two behind one Service",
    numbers="whole pods of `replicaRatio.total`, at least one of the baseline",
    read_back="`EndpointSlice`s of the Service: every required pod is ready",
    facts=Facts(
        "replica-ratio",
        weights="percent of pods, and therefore of new connections",
        tested="the lab's API server, with pods of the lab",
    ),
)

ROWS: Final = (REPLICA_RATIO,)
