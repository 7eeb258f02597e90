"""Commands outside every tick: refused when nobody can carry them out, deleted when outdated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.commands import KubernetesCommands
from tidegate.adapters.kubernetes.leftovers import KEPT
from tidegate.handlers import Caches, CommandUpkeep
from tidegate.handlers.command_upkeep import (
    APPLIED_TOGETHER,
    DELETED_A_NAMESPACE,
    EVERY,
    LONGEST_WAIT,
    REFUSED_A_ROUND,
)
from tidegate.simulation.clock import VirtualClock

COMMANDS_PATH = "/apis/tidegate.dev/v1alpha1/namespaces/shop/rolloutcommands"


class Stage:
    """An API server that holds commands and Rollouts, the caches, and a clock."""

    def __init__(self) -> None:
        self.caches = Caches()
        self.clock = VirtualClock()
        self.rollouts: set[str] = set()
        self.listed: list[dict[str, Any]] = []
        self.forbidden: set[str] = set()
        self.deleted: Callable[[], object] = lambda: None
        """Called when a command has been deleted."""
        self.server: FakeServer
        self.upkeep: CommandUpkeep

    async def reply(self, _: Reader, writer: Writer) -> None:
        asked = self.server.asked[-1]
        place = asked.path.split("/")
        status, body = 200, {}
        if place[5] in self.forbidden:
            status, body = 403, {"kind": "Status", "message": "not allowed"}
        elif place[6] == "rollouts" and place[7] not in self.rollouts:
            status, body = 404, {"kind": "Status", "message": "not found"}
        elif asked.method == "GET" and place[6] == "rolloutcommands":
            body = {"items": self.listed}
        elif asked.method == "DELETE":
            self.listed = [one for one in self.listed if one["metadata"]["name"] != place[7]]
            self.deleted()
        writer.write(http(status, json.dumps(body).encode()))

    def put(self, name: str, rollout: str = "web", action: str = "Pause", namespace: str = "shop") -> None:
        self.caches.commands.put(
            {
                "metadata": {"namespace": namespace, "name": name, "uid": f"u-{name}", "resourceVersion": "1"},
                "spec": {"rollout": rollout, "action": action},
            },
            watched=True,
        )

    async def rounds(self, seconds: float) -> None:
        """Rounds from now until `seconds` later."""
        await self.upkeep.once()
        for _ in range(round(seconds / EVERY)):
            self.clock.advance_to(self.clock.now() + EVERY)
            await self.upkeep.once()

    def outcomes(self) -> dict[str, tuple[str, str]]:
        """By command: phase and message as last written."""
        found = {}
        for asked in self.server.asked:
            if asked.method == "PATCH":
                status = json.loads(asked.body)[2]["value"]
                found[asked.path.split("/")[7]] = (status["phase"], status["message"])
        return found


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    stage = Stage()
    async with running(stage.reply) as server:
        stage.server = server
        api = Api(Configuration(host=server.url))
        commands = KubernetesCommands(api, stage.caches.commands, stage.clock.now)
        stage.upkeep = CommandUpkeep(api, commands, stage.caches.commands, stage.caches.rollouts, stage.clock)
        yield stage
        await api.close()


async def test_without_anything_to_do_nothing_is_asked() -> None:
    async with staged() as stage:
        await stage.rounds(60)
        assert stage.server.asked == []


async def test_an_action_this_version_does_not_know_is_refused_with_those_it_knows() -> None:
    async with staged() as stage:
        stage.put("dance", action="Dance")
        await stage.rounds(0)
        phase, message = stage.outcomes()["dance"]
        assert phase == "Refused"
        assert "'Dance'" in message
        assert "Abort, Pause, Resume, Retry" in message
        count = len(stage.server.asked)
        await stage.rounds(10)
        assert len(stage.server.asked) <= count + 1, "once, and one look at what may be outdated"


async def test_a_command_for_a_rollout_that_is_not_there_is_refused_after_a_while() -> None:
    async with staged() as stage:
        stage.put("typo", rollout="wbe")
        await stage.rounds(APPLIED_TOGETHER - EVERY)
        assert stage.server.asked == [], "the Rollout may be applied right after it"
        await stage.rounds(EVERY)
        assert stage.outcomes() == {"typo": ("Refused", "there is no Rollout 'wbe' in namespace 'shop'")}
        assert stage.caches.commands.of("shop", "wbe") == []


async def test_a_rollout_the_watch_streams_have_not_brought_keeps_its_commands() -> None:
    async with staged() as stage:
        stage.rollouts.add("web")
        stage.put("pause")
        await stage.rounds(3 * APPLIED_TOGETHER)
        assert stage.outcomes() == {}
        assert len(stage.caches.commands.of("shop", "web")) == 1


async def test_a_command_that_names_no_rollout_is_refused() -> None:
    async with staged() as stage:
        stage.put("nobodys", rollout="")
        await stage.rounds(APPLIED_TOGETHER)
        assert stage.outcomes()["nobodys"][0] == "Refused"


async def test_a_round_refuses_only_so_many() -> None:
    async with staged() as stage:
        for number in range(2 * REFUSED_A_ROUND):
            stage.put(f"one-{number}", rollout="gone")
        await stage.rounds(APPLIED_TOGETHER)
        assert len(stage.outcomes()) == REFUSED_A_ROUND
        await stage.rounds(0)
        assert len(stage.outcomes()) == 2 * REFUSED_A_ROUND


async def test_a_namespace_in_which_it_is_not_allowed_holds_up_no_other_and_is_tried_less_often() -> None:
    async with staged() as stage:
        stage.forbidden.add("bank")
        for number in range(REFUSED_A_ROUND):
            stage.put(f"bad-{number}", action="Dance", namespace="bank")
        await stage.rounds(0)
        stage.put("dance", action="Dance")
        await stage.rounds(0)
        assert "dance" in stage.outcomes()
        await stage.rounds(600)
        before = len(stage.server.asked)
        await stage.rounds(10 * LONGEST_WAIT)
        tries = len(stage.server.asked) - before
        assert tries <= 12 * REFUSED_A_ROUND, tries


def concluded(name: str, at: str) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "2"}
    return {"metadata": metadata, "spec": {"rollout": "web"}, "status": {"phase": "Done", "completionTime": at}}


@pytest.mark.parametrize("many", [KEPT + 3, KEPT + DELETED_A_NAMESPACE + 7])
async def test_once_commands_had_their_outcome_outdated_ones_are_deleted_so_many_a_round(many: int) -> None:
    async with staged() as stage:
        stage.listed = [concluded(f"c{number}", f"2026-01-01T00:00:{number % 60:02}Z") for number in range(many)]
        stage.put("c0")
        stage.caches.commands.put(stage.listed[0], watched=True)
        await stage.rounds(0)
        assert len(stage.listed) == max(KEPT, many - DELETED_A_NAMESPACE)
        await stage.rounds(EVERY)
        assert len(stage.listed) == KEPT
        count = len(stage.server.asked)
        await stage.rounds(60)
        assert len(stage.server.asked) == count, "nothing is left to do"


async def test_what_is_concluded_while_outdated_ones_are_deleted_is_looked_at_in_the_next_round() -> None:
    async with staged() as stage:
        stage.listed = [concluded(f"c{number}", f"2026-01-01T00:00:{number:02}Z") for number in range(KEPT + 1)]
        late = concluded("late", "2026-01-01T00:00:59Z")
        stage.deleted = lambda: (stage.listed.append(late), stage.caches.commands.put(late, watched=True))
        stage.put("c0")
        stage.put("late")
        stage.caches.commands.put(stage.listed[0], watched=True)
        await stage.rounds(0)
        stage.deleted = lambda: None
        assert len(stage.listed) == KEPT + 1
        await stage.rounds(EVERY)
        assert len(stage.listed) == KEPT
