"""What is logged within a tick says of which Rollout and run, whoever logs it."""

from __future__ import annotations

from dataclasses import replace

from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from tests.simulated.shop import Shop, spec
from tests.simulated.test_memory_of_others import rewrite, stored, under_way
from tidegate.api.reasons import Reason
from tidegate.core.model.plan import Decision
from tidegate.ports.errors import Unavailable
from tidegate.reconcile.outbox import Outbox


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


async def test_a_delivery_that_another_tick_has_started_says_whose_it_is() -> None:
    shop = Shop()
    outbox, rollout = Outbox(shop.world), shop.cluster.add_rollout("checkout", spec())

    def fail(name: str) -> None:
        if name == "announcer.announce":
            raise Unavailable("no answer")

    shop.gate.before = fail
    with capture_logs(processors=[merge_contextvars]) as logs:
        for name, run in (("checkout", "1-a"), ("basket", "7-b")):
            with bound_contextvars(namespace="shop", rollout=name, run=run):
                outbox.announce(replace(rollout, name=name), Decision(Reason.PROMOTED, "promoted"))
        await outbox.drained()
    said = [(line["rollout"], line["run"]) for line in logs if line["event"] == "not delivered"]
    assert said == [("checkout", "1-a"), ("basket", "7-b")]


async def test_what_is_given_up_at_the_end_of_the_process_is_logged() -> None:
    shop = Shop()
    outbox, rollout = Outbox(shop.world), shop.cluster.add_rollout("checkout", spec())
    for _ in range(2):
        outbox.announce(rollout, Decision(Reason.PROMOTED, "promoted"))
    with capture_logs() as logs:
        outbox.abandon()
    assert [line["left"] for line in logs] == [2]
