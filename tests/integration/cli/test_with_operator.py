"""Commands that wait, with the operator at work: what they say is what became of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lab import shop
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tests.integration.cli.test_commands import Cli

pytestmark = pytest.mark.usefixtures("operator")
QUICK = [{"name": "canary", "weight": 10, "duration": "2s"}]
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


@pytest.fixture
def tidegate(lab: Lab, namespace: str, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(lab.kubeconfig, namespace, capsys)


async def release(lab: Lab, namespace: str, version: str, **changes: object) -> None:
    await shop.open_shop(lab, namespace, replicas=1)
    await shop.release(lab, namespace, version, replicas=1)
    item = shop.rollout(namespace, **{"metrics": [], "guards": [], **changes})
    item["spec"]["promotion"] |= {"settle": "1s"}
    await lab.apply(item)


async def until_run(lab: Lab, namespace: str) -> None:
    async def there() -> bool:
        return "run" in (await shop.state(lab, namespace)).get("status", {})

    await until(there, PATIENCE, "the run is there")


async def test_a_pipeline_waits_for_the_version_that_it_released(lab: Lab, namespace: str, tidegate: Cli) -> None:
    await release(lab, namespace, "v2", steps=QUICK)
    said = await tidegate("status", shop.APP, "--wait", "--image", ":v2", "--timeout", "120s")
    assert (tidegate.code, said.endswith("was promoted\n")) == (0, True), said


async def test_an_abort_waits_for_the_weights_and_a_retry_for_its_run(lab: Lab, namespace: str, tidegate: Cli) -> None:
    await release(lab, namespace, "v2", steps=LONG)
    await until_run(lab, namespace)
    waits = await tidegate("status", shop.APP, "--wait", "--timeout", "1s")
    assert tidegate.code == 3, waits
    said = await tidegate("abort", shop.APP, "--reason", "wrong prices", "--wait", "--timeout", "120s")
    assert tidegate.code == 0, said
    assert "is being reverted" in said
    assert said.splitlines()[-1].endswith(": Aborted: Abort by admin: wrong prices")
    route = await lab.api.get("gateway.networking.k8s.io/v1", "HTTPRoute", shop.APP, namespace)
    assert [one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]][1] == 0
    assert "Aborted" in await tidegate("status", shop.APP, "--wait")
    assert tidegate.code == 1
    await lab.api.patch(await shop.state(lab, namespace), {"spec": {"steps": QUICK}})
    said = await tidegate("retry", shop.APP, "--wait", "--timeout", "120s")
    assert tidegate.code == 0, said
    assert said.splitlines()[-1].endswith("was promoted")


async def test_a_paused_run_is_a_persons_to_decide(lab: Lab, namespace: str, tidegate: Cli) -> None:
    await release(lab, namespace, "v2", steps=LONG)
    await until_run(lab, namespace)
    said = await tidegate("pause", shop.APP, "--reason", "lunch", "--wait", "--timeout", "120s")
    assert tidegate.code == 4, said
    assert said.splitlines()[-1] == "checkout: waits for a person (PausedByCommand): Pause by admin: lunch"


async def test_an_approval_opens_the_gate_that_waits_for_it(lab: Lab, namespace: str, tidegate: Cli) -> None:
    gate = {"approvals": [{"name": "finance"}, {"name": "product"}], "distinctPeople": False}
    half = {"name": "half", "weight": 50, "duration": "1s", "gate": gate}
    await release(lab, namespace, "v2", steps=[*QUICK, half])
    said = await tidegate("status", shop.APP, "--wait", "--timeout", "120s")
    assert tidegate.code == 4, said
    assert "(AwaitingApproval): the gate of step 'half' awaits approval of finance, product" in said
    said = await tidegate("approve", shop.APP, "legal")
    assert (tidegate.code, "has no approval 'legal': its gate requires finance, product" in said) == (1, True), said
    said = await tidegate("reject", shop.APP, "finance", "--reason", "no money", "--step", "half")
    assert (tidegate.code, "is paused; finance must be given again after Resume" in said) == (0, True), said
    await tidegate("resume", shop.APP)
    said = await tidegate("approve", shop.APP, "product")
    assert (tidegate.code, "product of step half is approved" in said) == (0, True), said
    table = await tidegate("status", shop.APP)
    assert "awaits approval of finance (given: product by admin, unverified)" in table
    said = await tidegate("approve", shop.APP, "finance", "--wait", "--timeout", "120s")
    assert tidegate.code == 0, said
    assert said.splitlines()[-1].endswith("was promoted")
    status = (await shop.state(lab, namespace))["status"]
    assert [(one["name"], one["person"]) for one in status["approvals"]] == [("product", "admin"), ("finance", "admin")]


async def test_a_person_who_advances_does_not_wait_for_the_duration(lab: Lab, namespace: str, tidegate: Cli) -> None:
    await release(lab, namespace, "v2", steps=LONG)

    async def reached() -> bool:
        return bool(((await shop.state(lab, namespace)).get("status", {}).get("step") or {}).get("reached"))

    await until(reached, PATIENCE, "the step's weight is on the route")
    said = await tidegate("advance", shop.APP, "--reason", "seen enough", "--wait", "--timeout", "120s")
    assert tidegate.code == 0, said
    assert said.splitlines()[-1].endswith("was promoted")
