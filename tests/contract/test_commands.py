from __future__ import annotations

from tests.contract.stage import Stage
from tidegate.api.commands import Action


async def test_the_open_commands_come_oldest_first(stage: Stage) -> None:
    """Of those of one second, which is as fine as the API server's clock, by name."""
    for name in ("b", "c", "a"):
        await stage.put_command(name, "shop", "Abort" if name == "a" else "Pause")
    found = await stage.commands.pending(stage.namespace, "shop")
    assert {command.name: command.action for command in found} == {
        "a": Action.ABORT,
        "b": Action.PAUSE,
        "c": Action.PAUSE,
    }
    assert [(command.created, command.name) for command in found] == sorted(
        (command.created, command.name) for command in found
    )


async def test_a_command_has_its_outcome_once(stage: Stage) -> None:
    await stage.put_command("one", "shop", "Pause")
    (command,) = await stage.commands.pending(stage.namespace, "shop")
    await stage.commands.conclude(stage.namespace, command, done=True, message="paused")
    await stage.commands.conclude(stage.namespace, command, done=False, message="again")
    assert await stage.outcome("one") == ("Done", "paused")
    assert list(await stage.commands.pending(stage.namespace, "shop")) == []


async def test_concluding_a_command_that_is_gone_is_no_error(stage: Stage) -> None:
    await stage.put_command("one", "shop", "Pause")
    (command,) = await stage.commands.pending(stage.namespace, "shop")
    await stage.commands.conclude("elsewhere", command, done=False, message="no such run")
    assert await stage.outcome("one") == ("", "")
