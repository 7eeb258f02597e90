"""A connection as a person means it: the kubeconfig's cluster, user and namespace, as kubectl would choose them."""

from __future__ import annotations

from dataclasses import dataclass

from kubernetes.aio import config

from tidegate.adapters.kubernetes.client import Api, load_configuration


@dataclass(frozen=True)
class Connection:
    """A client, to be closed by whoever asked for it, and the namespace that is meant when none is named."""

    api: Api
    namespace: str


async def connect(kubeconfig: str | None, context: str | None) -> Connection:
    """The connection a kubeconfig (by default the user's own, or the pod's account) describes; nothing is asked yet.

    Raises:
        Unavailable: it describes none.
    """
    configuration = await load_configuration(kubeconfig, context)
    return Connection(Api(configuration), _namespace(kubeconfig, context))


def _namespace(kubeconfig: str | None, context: str | None) -> str:
    try:
        contexts, current = config.list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    except config.ConfigException:  # inside a pod there is none
        return "default"
    named = [found for found in contexts if found["name"] == context]
    return str((*named, current)[0]["context"].get("namespace") or "default")
