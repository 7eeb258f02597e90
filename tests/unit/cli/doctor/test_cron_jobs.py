"""What `tidegate doctor` says of the CronJobs that a Rollout names."""

from __future__ import annotations

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import answers, running
from tests.unit.api.manifests import good
from tidegate.adapters.kubernetes.client import Api
from tidegate.api.validation import check_rollout
from tidegate.cli.doctor.cron_jobs import cron_jobs
from tidegate.cli.doctor.result import Level

HOOKS = [{"name": name, "when": "Revert", "job": {"cronJob": "undo"}} for name in ("one", "two")]
GONE = {"kind": "Status", "message": 'cronjobs.batch "undo" not found'}
FORBIDDEN = {"kind": "Status", "message": "cronjobs.batch is forbidden"}


@pytest.mark.parametrize(
    ("status", "body", "level", "words"),
    [
        (200, {"spec": {"suspend": True}}, Level.OK, "CronJob undo exists and is suspended"),
        (200, {"spec": {}}, Level.FAILED, "CronJob shop/undo is not suspended"),
        (404, GONE, Level.FAILED, "there is no CronJob undo in namespace shop"),
        (403, FORBIDDEN, Level.SKIPPED, "forbidden"),
    ],
)
async def test_each_is_looked_for_once(status: int, body: dict[str, object], level: Level, words: str) -> None:
    spec, _ = check_rollout(good({"hooks": HOOKS}))
    assert spec is not None
    async with running(answers(status, body)) as server:
        api = Api(Configuration(host=server.url))
        (found,) = [one async for one in cron_jobs(api, "shop", spec)]
        await api.close()
    assert found.level is level
    assert words in found.message
    assert len(server.asked) == 1
