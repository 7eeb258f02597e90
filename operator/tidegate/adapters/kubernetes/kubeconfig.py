"""A connection as a person means it: the kubeconfig's cluster, user and namespace, as kubectl would choose them."""

from __future__ import annotations

from dataclasses import dataclass

from kubernetes.aio import config
from multidict import CIMultiDict

from tidegate.adapters.kubernetes.client import CALL_TIMEOUT, Api
from tidegate.adapters.kubernetes.configuration import load_configuration


@dataclass(frozen=True)
class Connection:
    """A client, to be closed by whoever asked for it, and the namespace that is meant when none is named."""

    api: Api
    namespace: str


@dataclass(frozen=True)
class Impersonated:
    """Whom to act as, where the API server lets us."""

    user: str
    groups: tuple[str, ...] = ()


async def connect(
    kubeconfig: str | None,
    context: str | None,
    impersonated: Impersonated | None = None,
    timeout: float = CALL_TIMEOUT,
) -> Connection:
    """The connection a kubeconfig (by default the user's own, or the pod's account) describes; nothing is asked yet.

    Args:
        kubeconfig: the file; `None` for the default.
        context: its context; `None` for the current one.
        impersonated: whom to act as; `None` for the kubeconfig's user.
        timeout: seconds for a call about one object.

    Raises:
        Unavailable: it describes none.
    """
    configuration = await load_configuration(kubeconfig, context)
    if impersonated is not None:
        headers = CIMultiDict({"Impersonate-User": impersonated.user})
        for group in impersonated.groups:
            headers.add("Impersonate-Group", group)
        configuration.client_session_kwargs = {**(configuration.client_session_kwargs or {}), "headers": headers}
    return Connection(Api(configuration, timeout=timeout), _namespace(kubeconfig, context))


def contexts(kubeconfig: str | None) -> list[str]:
    """The names of a kubeconfig's contexts; none where there is no kubeconfig."""
    try:
        found, _ = config.list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return []
    return [str(one["name"]) for one in found]


def _namespace(kubeconfig: str | None, context: str | None) -> str:
    try:
        contexts, current = config.list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    except config.ConfigException:  # inside a pod there is none
        return "default"
    named = [found for found in contexts if found["name"] == context]
    return str((*named, current)[0]["context"].get("namespace") or "default")
