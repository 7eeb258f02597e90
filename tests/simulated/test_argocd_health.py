"""The health script of docs/gitops.md, in what Argo CD gives it, on every kind of status that a run has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import lupa.lua51
import pytest
import yaml

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.api.reasons import PEOPLE
from tidegate.simulation.runner import Runner

PAGE: Final = Path(__file__).parents[2] / "docs/gitops.md"
SANDBOX: Final = """
debug.setmetatable('', nil)  -- ("x"):upper() reaches the string library without naming it
local time, date = os.time, os.date
os = {time = time, date = date}
string = nil math = nil io = nil debug = nil coroutine = nil python = nil
"""
"""Argo CD's Lua has `package`, the basic functions, `table`, and a safe `os` (util/lua/lua.go)."""

ONE_LONG: Final = [{"name": "canary", "weight": 10, "duration": "1h"}]
PHASES: Final = {
    "Idle",
    "Waiting",
    "Progressing",
    "Paused",
    "Reverting",
    "Reverted",
    "Promoting",
    "Succeeded",
    "Invalid",
}

Object = dict[str, Any]


def script() -> str:
    block = re.search(r"```yaml\n(resource\.customizations\.health\..*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    (text,) = yaml.safe_load(block[1]).values()
    return str(text)


def health(obj: Mapping[str, Any]) -> tuple[str, str]:
    """Status and message, as Argo CD works them out."""
    lua = lupa.lua51.LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute(SANDBOX)
    lua.globals().obj = table(lua, obj)
    found = lua.execute(script())
    return found.status, found.message


def table(lua: Any, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return lua.table_from({key: table(lua, one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return lua.table_from([table(lua, one) for one in value])
    return value


class Collector:
    """Every kind of status that a Rollout had, by phase and readiness."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, ...], Object] = {}

    async def watch(self, shop: Shop, runner: Runner, seconds: float) -> None:
        def note() -> bool:
            if "checkout" in shop.cluster.rollouts:
                self.take(shop)
            return False

        note()
        await runner.run_until(shop.clock.now() + seconds, note)
        note()

    def take(self, shop: Shop) -> None:
        stored = shop.cluster.rollouts["checkout"]
        conditions = {one["type"]: one for one in stored.status.get("conditions", ())}
        ready = conditions.get("Ready", {})
        fresh = stored.status.get("observedGeneration") == stored.generation
        key = (
            stored.status.get("phase", ""),
            str(ready.get("status")),
            str(ready.get("reason")),
            "stalled" if "Stalled" in conditions else "",
            "" if fresh else "old",
        )
        self.seen.setdefault(key, {"metadata": {"generation": stored.generation}, "status": dict(stored.status)})


async def good(collector: Collector) -> None:
    shop = Shop()
    await collector.watch(shop, shop.rollout(spec()), 300)
    shop.cluster.edit_rollout("checkout", spec(interval="20s"))
    collector.take(shop)


async def bad(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 25)
    shop.values["candidate"] = 0.2
    await collector.watch(shop, runner, 60)


async def idle(collector: Collector) -> None:
    shop = Shop()
    shop.cluster.set_image("checkout-canary", "shop:v1")
    await collector.watch(shop, shop.rollout(spec()), 30)


async def invalid(collector: Collector) -> None:
    shop = Shop()
    await collector.watch(shop, shop.rollout({"steps": "nonsense"}), 30)


async def paused_by_command(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 25)
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.PAUSE))
    await collector.watch(shop, runner, 30)
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.ABORT))
    await collector.watch(shop, runner, 30)


async def paused_by_spec(collector: Collector) -> None:
    shop = Shop()
    await collector.watch(shop, shop.rollout(spec(paused=True)), 30)


async def lowered(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 40)
    runner.at(shop.clock.now() + 1, lambda: shop.set_weight(100, 0))
    await collector.watch(shop, runner, 40)


async def held(collector: Collector) -> None:
    shop = Shop()
    guards = [{"metric": "errors", "max": "5%", "onBreach": "Hold"}]
    runner = shop.rollout(spec(steps=ONE_LONG, guards=guards))
    await collector.watch(shop, runner, 25)
    shop.values["candidate"] = 0.2
    await collector.watch(shop, runner, 60)


async def step_taken_away(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 25)
    shop.cluster.edit_rollout("checkout", spec(steps=[{"name": "other", "weight": 5}]))
    runner.due = shop.clock.now()
    await collector.watch(shop, runner, 30)


async def waiting(collector: Collector) -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    await collector.watch(shop, shop.rollout(spec(progressDeadline="1m")), 120)


STORIES: Final = (
    good, bad, idle, invalid, paused_by_command, paused_by_spec, lowered, held, step_taken_away, waiting,
)  # fmt: skip


@pytest.fixture(scope="module")
def collected() -> dict[tuple[str, ...], Object]:
    import asyncio  # noqa: PLC0415

    async def collect() -> dict[tuple[str, ...], Object]:
        collector = Collector()
        for story in STORIES:
            await story(collector)
        return collector.seen

    return asyncio.run(collect())


def expected(status: Object) -> str:
    """By kstatus' rules and the phase, apart from the script."""
    conditions = {one["type"]: one for one in status["conditions"]}
    if "Stalled" in conditions:
        return "Degraded"
    if conditions["Ready"]["status"] == "True":
        return "Healthy"
    return "Suspended" if status["phase"] == "Paused" or conditions["Ready"]["reason"] in PEOPLE else "Progressing"


def test_the_stories_have_every_phase(collected: dict[tuple[str, ...], Object]) -> None:
    assert {phase for phase, *_ in collected if phase} == PHASES
    assert {reason for _, _, reason, *_ in collected} >= {"Paused", "PausedBySpec", "StepGone", "Holding"}


def test_each_kind_of_status_has_its_health_and_says_why(collected: dict[tuple[str, ...], Object]) -> None:
    for key, obj in collected.items():
        status, message = health(obj)
        if "old" in key or not obj["status"].get("conditions"):
            assert (status, message) == ("Progressing", "waiting for the operator"), key
            continue
        assert status == expected(obj["status"]), key
        assert message, key
        assert "waiting for the operator" not in message, key


def test_reverted_and_invalid_are_degraded_and_a_pause_is_suspended(collected: dict[tuple[str, ...], Object]) -> None:
    found = {
        key[0]: health(obj)[0] for key, obj in collected.items() if "old" not in key and obj["status"].get("phase")
    }
    assert found["Reverted"] == found["Invalid"] == "Degraded"
    assert found["Idle"] == found["Succeeded"] == "Healthy"
    assert found["Paused"] == "Suspended"
    assert found["Progressing"] == found["Promoting"] == found["Reverting"] == "Progressing"


def test_a_rollout_without_a_status_is_progressing() -> None:
    assert health({"metadata": {"generation": 1}}) == ("Progressing", "waiting for the operator")
    assert health({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}})[0] == "Progressing"


def test_the_script_knows_every_reason_for_which_a_person_is_waited() -> None:
    known = set(re.findall(r"(\w+) = true", script()))
    assert known == set(PEOPLE)


@pytest.mark.parametrize(
    "use", ["string.find('a', 'a')", "('a'):upper()", "math.max(1, 2)", "io.open('/')", "os.exit()"]
)
def test_the_sandbox_refuses_what_argo_cd_refuses(use: str) -> None:
    lua = lupa.lua51.LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute(SANDBOX)
    with pytest.raises(lupa.lua51.LuaError, match="attempt to"):
        lua.execute(f"return {use}")
