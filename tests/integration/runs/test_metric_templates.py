"""Rollouts whose metrics are from templates, on a real API server and a real Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lab import shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.runs.test_runs import SECONDS, history, rollout, stalled_for, until_outcome

GOOD = "vector({{ parameters.value }})"
BAD = "vector({{ parameters.value }}) - 1"
SHARED = "ClusterMetricTemplate"
DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


def template(namespace: str, query: str, kind: str = "MetricTemplate") -> Object:
    """One with a parameter; a cluster's is named after the test's namespace."""
    metadata = {"name": namespace} | ({"namespace": namespace} if kind == "MetricTemplate" else {})
    spec = {"parameters": [{"name": "value"}], "query": query, "window": "30s"}
    return {"apiVersion": shop.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def templated(namespace: str, **changes: object) -> Object:
    own = {"name": "own", "template": {"name": namespace}, "parameters": {"value": "1"}}
    shared = {"name": "shared", "template": {"kind": SHARED, "name": namespace}, "parameters": {"value": "2"}}
    guards = [
        {"metric": name, "min": least, "onSharedIncident": "Revert"} for name, least in (("own", 1), ("shared", 2))
    ]
    return rollout(namespace, **{"metrics": [own, shared], "guards": guards, **changes})


@pytest.mark.usefixtures("operator")
async def test_the_coming_of_both_kinds_starts_the_run(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    await lab.apply(templated(namespace))
    message = await stalled_for(lab, namespace, shop.APP, "InvalidSpec")
    assert f"spec.metrics[0].template: there is no MetricTemplate '{namespace}' in the Rollout's namespace" in message
    shared = template(namespace, GOOD, SHARED)
    await lab.apply(template(namespace, GOOD), shared)
    try:
        assert await until_outcome(lab, namespace) == "Succeeded"
    finally:
        await lab.api.delete(shared)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("kind", ["MetricTemplate", SHARED])
async def test_the_loss_of_a_template_loses_no_guard_and_its_return_with_an_edit_is_judged_by(
    lab: Lab, namespace: str, kind: str
) -> None:
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    templates = {one: template(namespace, GOOD, one) for one in ("MetricTemplate", SHARED)}
    await lab.apply(*templates.values())
    await lab.apply(templated(namespace, steps=[{"name": "canary", "weight": 10, "duration": "1h"}]))

    async def status() -> Object:
        found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
        made: Object = found.get("status", {})
        return made

    async def watching() -> bool:
        return bool((await status()).get("weight", {}).get("observed") == 10)

    try:
        await until(watching, SECONDS, "the candidate has 10 %")
        await lab.api.delete(templates[kind])
        message = await stalled_for(lab, namespace, shop.APP, "InvalidSpec")
        assert f"there is no {kind} '{namespace}'" in message
        assert "run" in await status()
        await lab.apply(template(namespace, BAD, kind))
        assert await until_outcome(lab, namespace) == "Reverted"
        assert (await history(lab, namespace))[0]["reason"] == "GuardBreached"
    finally:
        await lab.apply(templates[SHARED])
        await lab.api.delete(templates[SHARED])


async def test_where_the_definitions_are_missing_rollouts_without_templates_go_on(
    lab: Lab, namespace: str, operator: OperatorProcess
) -> None:
    await shop.open_shop(lab, namespace)
    await operator.stop()
    for plural in ("metrictemplates", "clustermetrictemplates"):
        await lab.api.delete(await lab.api.get(*DEFINITION, f"{plural}.tidegate.dev"))
    try:
        await operator.start()
        await shop.release(lab, namespace, "v2")
        await lab.apply(rollout(namespace))
        assert await until_outcome(lab, namespace) == "Succeeded"
        await lab.apply(templated(namespace, revision="with templates"))

        async def unread() -> bool:
            found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
            return "could not be read" in found["status"]["message"] and "not served" in found["status"]["message"]

        await until(unread, SECONDS, "the Rollout says what is missing")
    finally:
        await lab.install_tidegate()
    shared = template(namespace, GOOD, SHARED)
    await lab.apply(template(namespace, GOOD), shared)

    async def again() -> bool:
        return [one["outcome"] for one in await history(lab, namespace)] == ["Succeeded", "Succeeded"]

    await until(again, SECONDS, "the definitions are there, and the run has ended")
    await lab.api.delete(shared)
