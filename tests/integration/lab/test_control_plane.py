"""The cluster is a real one: RBAC, tokens, CRDs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from lab.api import Api, ApiError
from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from lab.control_plane import ControlPlane
    from lab.stack import Lab


def client(kubeconfig: Path) -> Api:
    content = yaml.safe_load(kubeconfig.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    return Api(cluster["server"], user["token"], ssl.create_default_context(cafile=cluster["certificate-authority"]))


async def test_a_service_account_may_do_what_its_roles_say_and_no_more(
    cluster: ControlPlane, namespace: str, lab: Lab
) -> None:
    group = "rbac.authorization.k8s.io"
    place = {"namespace": namespace, "name": "reader"}
    await lab.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": place,
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": place,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
        },
    )
    async with client(await cluster.kubeconfig_of_service_account(namespace, "reader")) as api:

        async def may_list() -> bool:
            try:
                return await api.list("v1", "Pod", namespace) == []
            except ApiError as error:
                if error.status != 403:  # that it is, until the authorizer's cache has the new role
                    raise
                return False

        await until(may_list, PATIENCE, "it may list pods")
        with pytest.raises(ApiError, match="403 Forbidden"):
            await api.list("v1", "Secret", namespace)


async def test_the_gateway_api_is_served(cluster: ControlPlane) -> None:
    for kind in ("GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute"):
        assert isinstance(await cluster.api.list("gateway.networking.k8s.io/v1", kind), list)


async def test_the_server_says_a_real_version(cluster: ControlPlane) -> None:
    version = (await cluster.api.request("GET", "/version"))["gitVersion"]
    assert version.startswith("v1."), "clients decide by it; a build without its flags says v0.0.0"
