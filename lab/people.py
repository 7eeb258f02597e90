"""People on the lab's API server: the admission policies, what a user may do to a Rollout, and the commands a user gives."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.api import Object
    from lab.cluster import Cluster
    from lab.control_plane import User

POLICIES: Final = Path(__file__).parents[1] / "deploy/cluster/admission.yaml"
POLICY: Final = "tidegate-commands"
"""The name of the policies, as the operator's setting `commandPolicy` has it."""
IN_FORCE_AFTER = 31.0
"""Seconds after which the operator takes a new policy as in force, and one for the clock's whole seconds."""
SECONDS = 120.0
_ADMISSION = "admissionregistration.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    words: str


async def install_policies(cluster: Cluster) -> None:
    """Installs the admission policies for commands, as `deploy/` has them."""
    await cluster.apply(POLICIES.read_text())


async def policies_in_force(cluster: Cluster) -> bool:
    """Whether every API server has surely taken the policies over: before that an approval is recorded as unverified."""
    found = await cluster.api.list(_ADMISSION, "ValidatingAdmissionPolicyBinding")
    created = [datetime.fromisoformat(one["metadata"]["creationTimestamp"]) for one in found]
    return all(time.time() - one.timestamp() > IN_FORCE_AFTER for one in created)


def role(user: User, namespace: str, rollout: str, verbs: Sequence[str]) -> list[Object]:
    """A Role and its binding: the user may look, and create commands; the verbs on the Rollout say which."""
    rules = [
        {"apiGroups": ["tidegate.dev"], "resources": ["rolloutcommands"], "verbs": ["create", "get", "list", "watch"]},
        {"apiGroups": ["tidegate.dev"], "resources": ["rollouts"], "verbs": ["get", "list", "watch"]},
    ]
    if verbs:
        own = {"apiGroups": ["tidegate.dev"], "resources": ["rollouts"], "resourceNames": [rollout]}
        rules.append({**own, "verbs": list(verbs)})
    place = {"namespace": namespace, "name": user.name}
    subject = {"apiGroup": _RBAC, "kind": "User", "name": user.name}
    binding = {"roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": user.name}, "subjects": [subject]}
    return [
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": place, "rules": rules},
        {"apiVersion": f"{_RBAC}/v1", "kind": "RoleBinding", "metadata": place, **binding},
    ]


async def says(kubeconfig: Path, namespace: str, *words: str) -> Said:
    """`tidegate WORDS` in a namespace, as a process of its own with somebody's kubeconfig."""
    command = [*words, "--namespace", namespace, "--kubeconfig", str(kubeconfig)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate.cli", *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    return Said(process.returncode or 0, out.decode().strip())
