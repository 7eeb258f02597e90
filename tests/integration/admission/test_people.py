"""The admission policies on a real API server: who may, who may not, who lies, and what a service account may."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab.api import Api as LabApi
from lab.api import ApiError, Object
from lab.control_plane import ControlPlane, User
from lab.processes import Processes
from lab.wait import PATIENCE, until
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.command_policy import DEMAND, IN_FORCE_AFTER, CommandPolicy
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.rollouts import epoch

ROOT = Path(__file__).parents[3]
RBAC = "rbac.authorization.k8s.io"
VERSION = "tidegate.dev/v1alpha1"
NAME = "tidegate-commands"
SHOP = "people"
FINANCE, NOBODY = User("fiona", ("staff",)), User("norbert", ("staff",))
LONGEST = User(f"system:serviceaccount:{'n' * 63}:{'a' * 253}", ("staff",))
"""With the longest name that Kubernetes gives: that of a service account, 339 characters."""
WEB = "web"


def policies(folder: str) -> list[Object]:
    return list(yaml.safe_load_all((ROOT / f"deploy/{folder}/admission.yaml").read_text()))


@dataclass
class People:
    """A control plane with the policies, the users, and a service account whose Role has every verb."""

    cluster: ControlPlane
    fiona: LabApi
    norbert: LabApi
    longest: LabApi
    robot: LabApi


def role(name: str, rules: list[Object], subject: Object) -> list[Object]:
    place = {"namespace": SHOP, "name": name}
    binding = {"roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name}, "subjects": [subject]}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": place, "rules": rules},
        {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": place, **binding},
    ]


def user(name: str) -> Object:
    return {"apiGroup": RBAC, "kind": "User", "name": name}


COMMANDER = {"apiGroups": ["tidegate.dev"], "resources": ["rolloutcommands"], "verbs": ["create", "get"]}
APPROVER = {
    "apiGroups": ["tidegate.dev"],
    "resources": ["rollouts"],
    "resourceNames": [WEB],
    "verbs": ["approve-finance", "abort"],
}
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


def command(action: str = "Approve", rollout: str = WEB, **fields: Any) -> Object:  # noqa: ANN401
    approval = {"step": "everyone", "name": "finance"} if action in {"Approve", "Reject"} else {}
    return {
        "apiVersion": VERSION,
        "kind": "RolloutCommand",
        "metadata": {"generateName": "c-", "namespace": SHOP},
        "spec": {"rollout": rollout, "action": action, **approval, **fields},
    }


async def refusal(api: LabApi, wanted: Object) -> str:
    with pytest.raises(ApiError) as caught:
        await api.create(wanted)
    assert caught.value.reason == "Forbidden"
    return str(caught.value)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    folder = tmp_path_factory.mktemp("people")
    async with (
        Processes(folder / "logs") as processes,
        ControlPlane(processes, folder, [FINANCE, NOBODY, LONGEST], controllers=False) as cluster,
    ):
        await cluster.install_crds(sorted((ROOT / "crds").glob("*.yaml")))
        robot = {"kind": "ServiceAccount", "name": "robot", "namespace": SHOP}
        objects = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": SHOP}},
            *role("fiona", [COMMANDER, APPROVER], user("fiona")),
            *role("norbert", [COMMANDER], user("norbert")),
            *role("longest", [COMMANDER, APPROVER], user(LONGEST.name)),
            *role("robot", [EVERYTHING], robot),
            *policies("cluster"),
        ]
        for item in objects:
            await cluster.api.create(item)
        token = yaml.safe_load((await cluster.kubeconfig_of_service_account(SHOP, "robot")).read_text())
        server = token["clusters"][0]["cluster"]
        tls = ssl.create_default_context(cafile=server["certificate-authority"])
        async with (
            cluster.api_of(FINANCE) as fiona,
            cluster.api_of(NOBODY) as norbert,
            cluster.api_of(LONGEST) as longest,
            LabApi(server["server"], token["users"][0]["user"]["token"], tls) as machine,
        ):
            await until(lambda: in_force(norbert), PATIENCE, "the policy is in force")
            yield People(cluster, fiona, norbert, longest, machine)


async def in_force(api: LabApi) -> bool:
    try:
        await api.create(command("Abort", requester="norbert"))
    except ApiError as error:
        return error.reason == "Forbidden"
    return False


async def test_who_may_approves_with_the_own_name(people: People) -> None:
    stored = await people.fiona.create(command(requester="fiona"))
    assert stored["spec"]["requester"] == "fiona"
    assert (await people.fiona.create(command("Reject", requester="fiona", reason="no money")))["spec"][
        "name"
    ] == "finance"
    assert (await people.fiona.create(command("Abort")))["spec"]["action"] == "Abort"


async def test_who_may_not_is_told_which_verb_is_missing(people: People) -> None:
    assert (
        "user norbert may not approve-finance Rollout web: a Role must grant the verb approve-finance on "
        "rollouts.tidegate.dev"
    ) in await refusal(people.norbert, command(requester="norbert"))
    assert "may not abort Rollout web" in await refusal(people.norbert, command("Abort", requester="norbert"))


async def test_a_verb_on_one_rollout_and_one_approval_is_none_on_another(people: People) -> None:
    other = await refusal(people.fiona, command(rollout="other", requester="fiona"))
    assert "may not approve-finance Rollout other" in other
    assert "may not approve-legal" in await refusal(people.fiona, command(requester="fiona") | legal())
    assert "may not promote Rollout web" in await refusal(people.fiona, command("Promote", requester="fiona"))


def legal() -> Object:
    return {"spec": command(requester="fiona")["spec"] | {"name": "legal"}}


async def test_who_lies_about_the_name_is_refused(people: People) -> None:
    for liar in (people.fiona, people.norbert, people.robot):
        said = await refusal(liar, command(requester="the-chief"))
        assert "spec.requester must be the name of the user who creates the command" in said
    assert "spec.requester must be" in await refusal(people.fiona, command("Abort", requester="norbert"))


async def test_an_approval_without_a_name_is_refused_where_nobody_stamps_it(people: People) -> None:
    assert "spec.requester must be" in await refusal(people.fiona, command())


async def test_a_service_account_with_every_verb_may_abort_and_not_approve(people: People) -> None:
    name = f"system:serviceaccount:{SHOP}:robot"
    said = await refusal(people.robot, command(requester=name))
    assert "a service account may not approve or reject" in said
    assert (await people.robot.create(command("Abort", requester=name)))["spec"]["requester"] == name


async def test_the_longest_name_gives_commands_as_any_other(people: People) -> None:
    name = LONGEST.name
    assert (await people.longest.create(command("Abort", requester=name)))["spec"]["requester"] == name
    said = await refusal(people.longest, command("Abort", requester=name[:-1]))
    assert "spec.requester must be the name of the user who creates the command" in said


async def test_the_administrator_may_all(people: People) -> None:
    assert (await people.cluster.api.create(command(requester="admin")))["spec"]["requester"] == "admin"


async def test_the_operator_sees_whether_requesters_are_checked(people: People) -> None:
    api = Api(await load_configuration(str(people.cluster.kubeconfig), None))
    try:
        policy = CommandPolicy(api, NAME)
        assert not policy.checked(float("1e12")), "nothing is known yet"
        await policy.look()
        stored = await people.cluster.api.get("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", NAME)
        created = epoch(stored["metadata"]["creationTimestamp"])
        assert policy.checked(created + IN_FORCE_AFTER + 5)
        assert not policy.checked(created), "it was not in force yet"
        absent = CommandPolicy(api, "another")
        await absent.look()
        assert not absent.checked(float("1e12"))
    finally:
        await api.close()


async def test_with_the_stamp_a_command_without_a_name_gets_the_own_one(people: People) -> None:
    """Last: from here on every command is stamped."""
    for item in policies("requesters"):
        await people.cluster.api.create(item)

    async def stamped() -> bool:
        try:
            return bool((await people.fiona.create(command()))["spec"]["requester"] == "fiona")
        except ApiError:
            return False

    await until(stamped, PATIENCE, "commands are stamped")
    assert (await people.fiona.create(command("Abort")))["spec"]["requester"] == "fiona"
    assert (await people.longest.create(command("Abort")))["spec"]["requester"] == LONGEST.name
    assert "spec.requester must be" in await refusal(people.fiona, command(requester="the-chief"))
    assert "user norbert may not approve-finance" in await refusal(people.norbert, command())
    for item in policies("requesters"):
        await people.cluster.api.delete(item)


def test_the_chart_demands_what_the_operator_looks_for() -> None:
    (policy, _) = policies("cluster")
    assert DEMAND in [one["expression"] for one in policy["spec"]["validations"]]


async def test_the_operator_tells_a_policy_that_is_gone_from_one_that_is_there(people: People) -> None:
    api = Api(await load_configuration(str(people.cluster.kubeconfig), None))
    policy = CommandPolicy(api, NAME)
    try:
        for item in policies("cluster"):
            await people.cluster.api.delete(item)
        await policy.look()
        assert not policy.checked(float("1e12"))
        for item in policies("cluster"):
            await people.cluster.api.create(item)
        await policy.look()
        assert policy.checked(float("1e12"))
    finally:
        await api.close()
