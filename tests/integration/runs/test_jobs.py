"""Jobs on a real API server, with its own Job controller, run by the node as real processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from lab import manifests, shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.runs.test_permissions import RBAC
from tests.integration.runs.test_runs import SECONDS, route_of, until_outcome

WRITES = "import os, sys; open(sys.argv[1], 'a').write(repr({k: v for k, v in os.environ.items() if k[:8] == 'TIDEGATE'}) + '\\n')"
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


def writes(file: Path) -> list[str]:
    return [sys.executable, "-c", WRITES, str(file)]


def hook(when: str, cron_job: str, **fields: Any) -> Object:  # noqa: ANN401
    return {"name": cron_job, "when": when, "job": {"cronJob": cron_job}, **fields}


def gated(**job: object) -> list[Object]:
    canary = {"name": "canary", "weight": 10, "duration": "1s"}
    return [canary, {"name": "half", "weight": 50, "duration": "1s", "gate": {"jobs": [{"cronJob": "smoke", **job}]}}]


def rollout(namespace: str, **changes: object) -> Object:
    made = shop.rollout(namespace, **{"metrics": [], "guards": [], "steps": LONG, **changes})
    made["spec"]["promotion"]["settle"] = "1s"
    return made


async def begun(lab: Lab, namespace: str, **changes: object) -> None:
    await shop.open_shop(lab, namespace, replicas=1)
    await shop.release(lab, namespace, "v2", replicas=1)
    await lab.rolled_out(namespace, shop.CANARY)
    await lab.apply(rollout(namespace, **changes))


async def until_share(lab: Lab, namespace: str, share: int) -> None:
    async def there() -> bool:
        backends = (await route_of(lab, namespace))["spec"]["rules"][0]["backendRefs"]
        baseline, candidate = (one["weight"] for one in backends)
        return 100 * int(candidate) == share * (baseline + candidate)

    await until(there, SECONDS, f"the candidate has {share}%")


async def until_job(lab: Lab, namespace: str, outcome: str, number: int = -1) -> Object:
    async def ended() -> Object | None:
        jobs = (await shop.state(lab, namespace)).get("status", {}).get("jobs", [])
        return jobs[number] if jobs and jobs[number].get("outcome", "") == outcome else None

    return await until(ended, SECONDS, f"a Job is {outcome or 'under way'}") or {}


async def until_condition(lab: Lab, namespace: str, kind: str, words: str = "") -> str:
    """The message of a condition, once it is true and has these words: before them it may have others."""

    async def there() -> str:
        found = (await shop.state(lab, namespace)).get("status", {}).get("conditions", [])
        said = (str(one["message"]) for one in found if one["type"] == kind and one["status"] == "True")
        return next((message for message in said if words in message), "")

    return await until(there, SECONDS, f"condition {kind} {words}")


async def resume(lab: Lab, namespace: str) -> None:
    await shop.command(lab, namespace, "Resume")


async def the_jobs(lab: Lab, namespace: str) -> list[Object]:
    return await lab.api.list("batch/v1", "Job", namespace)


async def test_a_revert_s_hook_runs_once_with_its_environment(lab: Lab, namespace: str, tmp_path: Path) -> None:
    await lab.install_tidegate()
    file = tmp_path / "told"
    await lab.apply(manifests.namespace(namespace), manifests.cron_job(namespace, "undo", writes(file)))
    async with OperatorProcess(lab):
        await begun(lab, namespace, hooks=[hook("Revert", "undo")])
        await until_share(lab, namespace, 10)
        await shop.command(lab, namespace, "Abort", "costs $5, $(PATH)")
        assert await until_outcome(lab, namespace) == "Aborted"
        found = await until_job(lab, namespace, "Succeeded")
        (job,) = await the_jobs(lab, namespace)
    (line,) = file.read_text().splitlines()
    assert "'TIDEGATE_REASON': 'AbortedByCommand'" in line
    assert "costs $5, $(PATH)" in line
    assert f"'TIDEGATE_NAMESPACE': '{namespace}'" in line
    assert job["metadata"]["name"] == found["name"]
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner.get("blockOwnerDeletion")) == ("Rollout", shop.APP, None)


async def test_a_failing_undo_is_reported_and_tried_as_its_job_says(lab: Lab, namespace: str, tmp_path: Path) -> None:
    await lab.install_tidegate()
    file = tmp_path / "told"
    command = [sys.executable, "-c", WRITES + "; sys.exit(3)", str(file)]
    await lab.apply(manifests.namespace(namespace), manifests.cron_job(namespace, "undo", command, retries=1))
    async with OperatorProcess(lab):
        await begun(lab, namespace, hooks=[hook("Revert", "undo")])
        await until_share(lab, namespace, 10)
        await shop.command(lab, namespace, "Abort")
        assert await until_outcome(lab, namespace) == "Aborted"
        found = await until_job(lab, namespace, "Failed")
        await until_condition(lab, namespace, "HookFailed", "BackoffLimitExceeded")
        await until_share(lab, namespace, 0)
    assert found["message"].startswith("BackoffLimitExceeded")
    assert len(file.read_text().splitlines()) == 2, "backoffLimit 1: tried twice"
    assert len(await the_jobs(lab, namespace)) == 1


async def test_a_gate_s_job_that_fails_pauses_and_one_that_passes_opens(
    lab: Lab, namespace: str, tmp_path: Path
) -> None:
    await lab.install_tidegate()
    mended = tmp_path / "mended"
    command = [sys.executable, "-c", "import os, sys; sys.exit(not os.path.exists(sys.argv[1]))", str(mended)]
    await lab.apply(manifests.namespace(namespace), manifests.cron_job(namespace, "smoke", command))
    async with OperatorProcess(lab):
        await begun(lab, namespace, steps=gated())
        await until_job(lab, namespace, "Failed")

        async def paused() -> bool:
            run = (await shop.state(lab, namespace))["status"].get("run", {})
            return bool(run.get("paused", {}).get("reason") == "GateJobFailed")

        await until(paused, SECONDS, "the run is paused")
        await until_share(lab, namespace, 10)
        mended.touch()
        await resume(lab, namespace)
        assert await until_outcome(lab, namespace) == "Succeeded"
    jobs = (await shop.state(lab, namespace))["status"]["jobs"]
    assert [one["outcome"] for one in jobs] == ["Failed", "Succeeded"]


async def test_a_job_past_its_deadline_has_failed(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    await lab.apply(manifests.namespace(namespace), manifests.cron_job(namespace, "smoke", ["sleep", "600"]))
    async with OperatorProcess(lab):
        await begun(lab, namespace, steps=gated(deadline="2s"))
        found = await until_job(lab, namespace, "Failed")
        await until_share(lab, namespace, 10)
    assert found["message"].startswith("DeadlineExceeded")


async def test_killed_between_its_record_and_its_creation_a_job_is_created_once(
    lab: Lab, namespace: str, tmp_path: Path
) -> None:
    """The CronJob comes while the operator is down: until then nothing could be created of what was recorded."""
    await lab.install_tidegate()
    file = tmp_path / "told"
    async with OperatorProcess(lab) as operator:
        await begun(lab, namespace, hooks=[hook("StepStart", "warm")])
        await until_condition(lab, namespace, "JobsRefused", "cannot be created")
        await operator.kill()
        recorded = (await shop.state(lab, namespace))["status"]["jobs"][0]["name"]
        assert await the_jobs(lab, namespace) == []
        await lab.apply(manifests.cron_job(namespace, "warm", writes(file)))
        await operator.start()
        await until_job(lab, namespace, "Succeeded")
        await operator.kill()
        await operator.start()
        await until_job(lab, namespace, "Succeeded")
    assert [one["metadata"]["name"] for one in await the_jobs(lab, namespace)] == [recorded]
    assert len(file.read_text().splitlines()) == 1


async def test_deleted_mid_run_the_undo_is_started_and_outlives_the_rollout(
    lab: Lab, namespace: str, tmp_path: Path
) -> None:
    await lab.install_tidegate()
    file = tmp_path / "told"
    await lab.apply(manifests.namespace(namespace), manifests.cron_job(namespace, "undo", writes(file)))
    async with OperatorProcess(lab):
        await begun(lab, namespace, hooks=[hook("Revert", "undo")])
        await until_share(lab, namespace, 10)
        await lab.api.delete(await shop.state(lab, namespace))

        async def gone() -> bool:
            return not await shop.state(lab, namespace)

        await until(gone, SECONDS, "the Rollout is gone")

        async def told() -> bool:
            return file.exists()

        await until(told, SECONDS, "the undo step has run")
    await until_share(lab, namespace, 0)


async def test_without_permission_it_is_said_and_the_gate_stays_closed_until_it_is_given(
    lab: Lab, namespace: str
) -> None:
    await lab.install_tidegate()
    documents = [one for file in RBAC for one in yaml.safe_load_all(file.read_text()) if one]
    without = [_without_jobs(one) for one in documents]
    await lab.apply(*without)
    kubeconfig = await lab.control_plane.kubeconfig_of_service_account("tidegate", "tidegate")
    await lab.apply(manifests.namespace(namespace), manifests.cron_job(namespace, "smoke", ["true"]))
    async with OperatorProcess(lab, kubeconfig=kubeconfig) as operator:
        await begun(lab, namespace, steps=gated())
        await until_condition(lab, namespace, "JobsRefused", "forbidden")

        async def said() -> bool:
            gate = (await shop.state(lab, namespace))["status"].get("gate") or {}
            return "cannot be created" in gate.get("summary", "")

        await until(said, SECONDS, "the gate says what is missing")
        await until_share(lab, namespace, 10)
        await lab.apply(*documents)
        assert await until_outcome(lab, namespace) == "Succeeded"
        assert [line for line in operator.log.splitlines() if "Traceback" in line] == []


def _without_jobs(item: Object) -> Object:
    if item["kind"] != "ClusterRole" or "rules" not in item:
        return item
    return {**item, "rules": [rule for rule in item["rules"] if "batch" not in rule["apiGroups"]]}
