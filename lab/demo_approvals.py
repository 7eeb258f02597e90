"""`make demo STORY=approvals`: four people and a gate. Who may approves, who may not is refused by the API server, and the run waits."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from lab import shop
from lab.control_plane import User
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from lab.wait import until

if TYPE_CHECKING:
    from rich.console import Console

    from lab.api import Object
    from lab.cluster import Cluster

ROOT: Final = Path(__file__).parents[1]
NAMESPACE = "shop"
RATE = 40.0
SECONDS = 120.0
ROLES: Final = {"engineering": User("erin"), "finance": User("fiona")}
NOBODY: Final = User("norbert")
ADMISSION = "admissionregistration.k8s.io/v1"
IN_FORCE_AFTER = 31.0
"""Seconds after which the operator takes a new policy as in force, and one for the clock's whole seconds."""
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Said:
    """What `tidegate approve` came to."""

    code: int
    words: str


async def story(console: Console) -> list[str]:
    """Plays it. Returns: the expectations that were not met, in words."""
    console.print("Starting the cluster with three users: erin (engineering), fiona (finance) and norbert ...")
    async with Lab(users=(*ROLES.values(), NOBODY)) as lab:
        await _open(lab)
        async with (
            OperatorProcess(lab, settings={"commandPolicy": "tidegate-commands"}),
            lab.load(NAMESPACE, shop.APP, rate=RATE) as load,
            RouteWatch(lab.api) as watch,
        ):
            await lab.apply(_rollout())
            await _adopted(lab)
            await shop.release(lab, NAMESPACE, "v2")
            console.rule("Version v2: 10 % for 10 s; then engineering and finance must approve 50 %")
            found = [*await _people(lab, console), *await _end(lab, console)]
            weights = [state.share(shop.CANARY) for state in watch.of(NAMESPACE, shop.APP)]
            if weights != [0, 10, 50, 0]:
                found.append(f"the candidate's weights were {weights}, expected 0, 10, 50, 0")
            failed = sum(answer.failed for answer in load.answers)
            if failed:
                found.append(f"{failed} of {len(load.answers)} requests failed, expected none")
            console.print(f"Weights of the candidate: {', '.join(f'{one:g}%' for one in weights)}")
            return found


async def _people(lab: Lab, console: Console) -> list[str]:
    """What the people do, in order, and what they are told."""
    await until(lambda: _waits(lab), SECONDS, "approvals are awaited", every=0.2)
    await until(lambda: _in_force(lab), SECONDS, "the admission policies count as in force", every=0.2)
    found = []
    for who, approval, allowed, expected in (
        (NOBODY, "finance", False, "approve-finance"),
        (ROLES["engineering"], "finance", False, "approve-finance"),
        (ROLES["engineering"], "engineering", True, "approved"),
        (ROLES["finance"], "finance", True, "approved"),
    ):
        waiting = (await shop.state(lab, NAMESPACE)).get("status", {}).get("gate", {}).get("summary", "-")
        console.print(f"{time.strftime('%H:%M:%S')}  {waiting}", highlight=False, markup=False)
        said = await _approve(lab, who, approval)
        line = said.words.splitlines()[-1] if said.words else ""
        console.print(
            f"{time.strftime('%H:%M:%S')}  {who.name}$ tidegate approve {shop.APP} {approval}\n          {line}",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
        if (said.code == 0) != allowed or expected not in said.words:
            found.append(f"{who.name} approves {approval}: {said.words!r}, expected {expected!r}")
        weight = (await shop.state(lab, NAMESPACE))["status"]["run"]["weight"]
        if approval != "finance" and weight > 10:
            found.append(f"the weight is {weight:g}% before finance approved")
    return found


async def _end(lab: Lab, console: Console) -> list[str]:
    status: Object = {}

    async def ended() -> bool:
        status.update((await shop.state(lab, NAMESPACE)).get("status", {}))
        return bool(status.get("history")) and "run" not in (await shop.state(lab, NAMESPACE))["status"]

    await until(ended, SECONDS, "the run of v2 ended", every=0.2)
    given = [f"{one['name']} by {one['person']}" for one in status.get("approvals", [])]
    outcome = status["history"][0]["outcome"]
    console.print(f"{time.strftime('%H:%M:%S')}  {outcome}; approved: {', '.join(given)}")
    found = [] if outcome == "Succeeded" else [f"the run ended {outcome}, expected Succeeded"]
    if given != ["engineering by erin", "finance by fiona"]:
        found.append(f"approved: {given}, expected engineering by erin and finance by fiona")
    if not all(one.get("verified") for one in status.get("approvals", [])):
        found.append("an approval is unverified, though the policies are installed")
    return found


async def _approve(lab: Lab, who: User, approval: str) -> Said:
    kubeconfig = lab.control_plane.kubeconfig_of(who)
    command = ["approve", shop.APP, approval, "--namespace", NAMESPACE, "--kubeconfig", str(kubeconfig)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate.cli", *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    return Said(process.returncode or 0, out.decode().strip())


async def _waits(cluster: Cluster) -> bool:
    status = (await shop.state(cluster, NAMESPACE)).get("status", {})
    return bool(status.get("gate", {}).get("closed"))


async def _in_force(cluster: Cluster) -> bool:
    """Whether every API server has surely taken the policies over: before that an approval is recorded as unverified."""
    found = await cluster.api.list(ADMISSION, "ValidatingAdmissionPolicyBinding")
    created = [datetime.fromisoformat(one["metadata"]["creationTimestamp"]) for one in found]
    return all(time.time() - one.timestamp() > IN_FORCE_AFTER for one in created)


async def _adopted(cluster: Cluster) -> None:
    """Waits until the operator knows the version in service: the next one is a release."""

    async def known() -> bool:
        return bool((await shop.state(cluster, NAMESPACE)).get("status", {}).get("released"))

    await until(known, SECONDS, "the version in service is known", every=0.2)


async def _open(lab: Lab) -> None:
    await lab.install_tidegate()
    for item in yaml.safe_load_all((ROOT / "deploy/cluster/admission.yaml").read_text()):
        await lab.apply(item)
    await shop.open_shop(lab, NAMESPACE)
    for name, user in (*ROLES.items(), ("", NOBODY)):
        await lab.apply(*_role(user, [f"approve-{name}"] if name else []))


def _rollout() -> Object:
    made = shop.rollout(NAMESPACE, step_seconds=10)
    steps = made["spec"]["steps"]
    steps[1]["gate"] = {"approvals": [{"name": name} for name in ROLES]}
    return made


def _role(user: User, verbs: list[str]) -> list[Object]:
    """May look, and create commands; the verbs on the Rollout say which."""
    rules = [
        {"apiGroups": ["tidegate.dev"], "resources": ["rolloutcommands"], "verbs": ["create", "get", "list", "watch"]},
        {"apiGroups": ["tidegate.dev"], "resources": ["rollouts"], "verbs": ["get", "list", "watch"]},
    ]
    if verbs:
        own = {"apiGroups": ["tidegate.dev"], "resources": ["rollouts"], "resourceNames": [shop.APP], "verbs": verbs}
        rules.append(own)
    place = {"namespace": NAMESPACE, "name": user.name}
    subject = {"apiGroup": RBAC, "kind": "User", "name": user.name}
    binding = {"roleRef": {"apiGroup": RBAC, "kind": "Role", "name": user.name}, "subjects": [subject]}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": place, "rules": rules},
        {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": place, **binding},
    ]
