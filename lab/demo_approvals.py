"""`make demo STORY=approvals`: four people and a gate. Who may approves, who may not is refused by the API server, and the run waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from lab import people, shop
from lab.control_plane import User
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from lab.wait import until

if TYPE_CHECKING:
    from rich.console import Console

    from lab.api import Object
    from lab.cluster import Cluster

NAMESPACE = "shop"
RATE = 40.0
SECONDS = 120.0
ROLES: Final = {"engineering": User("erin"), "finance": User("fiona")}
NOBODY: Final = User("norbert")


async def story(console: Console) -> list[str]:
    """Plays it. Returns: the expectations that were not met, in words."""
    console.print("Starting the cluster with three users: erin (engineering), fiona (finance) and norbert ...")
    async with Lab(users=(*ROLES.values(), NOBODY)) as lab:
        await _open(lab)
        async with (
            OperatorProcess(lab, settings={"commandPolicy": people.POLICY}),
            lab.load(NAMESPACE, shop.APP, rate=RATE) as load,
            RouteWatch(lab.api) as watch,
        ):
            await lab.apply(_rollout())
            await _adopted(lab)
            await shop.release(lab, NAMESPACE, "v2")
            console.rule("Version v2: 10 % for 10 s; then engineering and finance must approve 50 %")
            found = [*await _people(lab, console), *await _end(lab, console)]
            weights = [state.share(shop.CANARY) for state in await watch.current(NAMESPACE, shop.APP)]
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
    await until(lambda: people.policies_in_force(lab), SECONDS, "the admission policies count as in force", every=0.2)
    found = []
    for who, approval, allowed, expected in (
        (NOBODY, "finance", False, "approve-finance"),
        (ROLES["engineering"], "finance", False, "approve-finance"),
        (ROLES["engineering"], "engineering", True, "approved"),
        (ROLES["finance"], "finance", True, "approved"),
    ):
        waiting = (await shop.state(lab, NAMESPACE)).get("status", {}).get("gate", {}).get("summary", "-")
        console.print(f"{time.strftime('%H:%M:%S')}  {waiting}", highlight=False, markup=False)
        kubeconfig = lab.control_plane.kubeconfig_of(who)
        said = await people.says(kubeconfig, NAMESPACE, "approve", shop.APP, approval)
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


async def _waits(cluster: Cluster) -> bool:
    status = (await shop.state(cluster, NAMESPACE)).get("status", {})
    return bool(status.get("gate", {}).get("closed"))


async def _adopted(cluster: Cluster) -> None:
    """Waits until the operator knows the version in service: the next one is a release."""

    async def known() -> bool:
        return bool((await shop.state(cluster, NAMESPACE)).get("status", {}).get("released"))

    await until(known, SECONDS, "the version in service is known", every=0.2)


async def _open(lab: Lab) -> None:
    await lab.install_tidegate()
    await people.install_policies(lab)
    await shop.open_shop(lab, NAMESPACE)
    for name, user in (*ROLES.items(), ("", NOBODY)):
        await lab.apply(*people.role(user, NAMESPACE, shop.APP, [f"approve-{name}"] if name else []))


def _rollout() -> Object:
    made = shop.rollout(NAMESPACE, step_seconds=10)
    steps = made["spec"]["steps"]
    steps[1]["gate"] = {"approvals": [{"name": name} for name in ROLES]}
    return made
