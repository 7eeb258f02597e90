"""Roles of the operator in one namespace, as the chart makes them."""

from __future__ import annotations

from typing import Any, Final

from lab.api import Object

GROUP: Final = "rbac.authorization.k8s.io"


def role(name: str, namespace: str, rule: dict[str, Any]) -> list[Object]:
    """A Role with one rule, and its binding to the operator's ServiceAccount."""
    metadata = {"name": name, "namespace": namespace}
    subjects = [{"kind": "ServiceAccount", "name": "tidegate", "namespace": "tidegate"}]
    reference = {"apiGroup": GROUP, "kind": "Role", "name": name}
    return [
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subjects},
    ]  # fmt: skip
