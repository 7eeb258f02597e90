"""What is logged within a tick says of which Rollout and run, whoever logs it."""

from __future__ import annotations

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.simulated.test_memory_of_others import rewrite, stored, under_way


async def test_a_line_within_a_tick_names_rollout_and_run() -> None:
    shop, runner = await under_way()
    run, rollout = stored(shop)["run"]["id"], shop.cluster.rollouts["checkout"]
    with capture_logs(processors=[merge_contextvars]) as logs:
        rewrite(shop, lambda status: status.update(commands="damaged"))
        await runner.run_until(shop.clock.now() + 30)
    said = [line for line in logs if line["event"] == "part of the status could not be read"]
    assert said
    assert all(
        (line["namespace"], line["rollout"], line["run"]) == (rollout.namespace, rollout.name, run) for line in said
    )
