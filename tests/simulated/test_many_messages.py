"""Two hundred Rollouts revert at once while the receiver of their messages hangs: on the real scheduler, in virtual time."""

from __future__ import annotations

from tests.simulated.crowded import INTERVAL, WEIGHT, crowd

COUNT = 200
HANGS = 60.0


async def test_two_hundred_reverts_are_not_delayed_by_a_receiver_that_hangs() -> None:
    told = [{"secret": {"name": "chat"}, "events": ["StepReached", "Held", "Reverted"]}]
    async with crowd(COUNT, lambda _, call: HANGS if call == "notifier.send" else 0.0, notifications=told) as made:
        await made.passes(120, lambda: made.weights() == {WEIGHT})
        assert made.weights() == {WEIGHT}, "all are under way"
        spent = await made.breached(120)
        assert made.weights() == {0}
        assert spent <= INTERVAL + 1.0
