"""A plan on the lab, as it can be seen from outside the operator: weights by a watch, answers by version, Events, commands."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from lab import manifests, people
from lab.api import Object
from lab.control_plane import User
from lab.expectations import splits
from lab.load import Answer, Load
from lab.operator_process import OperatorProcess
from lab.people import Said
from lab.route_watch import RouteWatch
from lab.shop import API_VERSION
from lab.stack import Lab
from lab.stories import SETTLED, stretches
from lab.wait import until
from tests.integration.plans.scaled import arms, plan

SECONDS: Final = 120.0
BASELINE, CANDIDATE = "v1", "v2"
OPENS_AFTER: Final = 9.0
"""Seconds from the begin of a run to the instant of its gates."""

T = TypeVar("T")


@dataclass
class Stand:
    """The lab of the plans: with users, the admission policies, the operator and a watch on the routes."""

    lab: Lab
    operator: OperatorProcess
    watch: RouteWatch


@dataclass
class Stage:
    """One plan: its Rollout, both arms and their route, in a namespace of its own."""

    lab: Lab
    operator: OperatorProcess
    watch: RouteWatch
    namespace: str
    plan: str
    name: str
    """Of the Rollout, the route and the baseline."""
    opens: float = 0.0
    """Unix time at which the gates with an instant open."""

    @property
    def candidate(self) -> str:
        """Of its Deployment and its Service."""
        return f"{self.name}-canary"

    async def begin(self) -> None:
        """Applies the Rollout: the candidate's version is another one, so the run starts."""
        self.opens = time.time() // 1 + OPENS_AFTER
        await self.lab.apply(plan(self.plan, self.namespace, opens=datetime.fromtimestamp(self.opens, UTC)))

    async def status(self) -> dict[str, Any]:
        found = await self.lab.api.get(API_VERSION, "Rollout", self.name, self.namespace)
        return dict(found.get("status") or {})

    async def until(self, what: str, condition: Callable[[dict[str, Any]], T]) -> T:
        """What `condition` makes of the status, once it is true."""

        async def there() -> T:
            return condition(await self.status())

        return await until(there, SECONDS, what, every=0.1)

    async def until_reached(self, step: str) -> None:
        """Until the step's weights are seen on the route."""

        def there(status: dict[str, Any]) -> bool:
            found = status.get("step") or {}
            return found.get("name") == step and bool(found.get("reached"))

        await self.until(f"step {step} is reached", there)

    async def until_checkpoint(self, step: str, verdict: str, at: str = "") -> dict[str, Any]:
        """The newest checkpoint of a step with that verdict (and at that offset, where one is given)."""

        def there(status: dict[str, Any]) -> dict[str, Any]:
            found = [one for one in status.get("checkpoints", []) if (one["step"], one["verdict"]) == (step, verdict)]
            return next((one for one in reversed(found) if at in {"", one["at"]}), {})

        return await self.until(f"checkpoint {at} of step {step}: {verdict}", there)

    async def until_outcome(self) -> dict[str, Any]:
        """The run as the history has it, once it has ended."""

        def there(status: dict[str, Any]) -> dict[str, Any]:
            history = status.get("history") or [{}]
            return {} if "run" in status else dict(history[0])

        return await self.until("the run has ended", there)

    async def until_closed(self, part: str) -> str:
        """What a closed gate says it waits for, once that part of it is closed."""

        def there(status: dict[str, Any]) -> str:
            closed = {one["part"] for one in (status.get("gate") or {}).get("closed", [])}
            return str(status["gate"]["summary"]) if part in closed else ""

        return await self.until(f"a gate waits for {part}", there)

    async def until_event(self, reason: str) -> str:
        """The message of an Event with that reason."""

        async def there() -> str:
            found = await self.lab.api.list("v1", "Event", self.namespace)
            return next((str(one["message"]) for one in found if one["reason"] == reason), "")

        return await until(there, SECONDS, f"an Event {reason}", every=0.1)

    async def until_answer(self, query: str, condition: Callable[[list[float]], bool]) -> None:
        """Until Prometheus' answer to `query` fulfils `condition`; `$pods` are the candidate's."""

        async def there() -> bool:
            text = query.replace("$namespace", self.namespace).replace("$pods", f"{self.candidate}-.*")
            return condition([value for _, value in await self.lab.prometheus.ask(text)])

        await until(there, SECONDS, f"Prometheus answers {query} as awaited", every=0.2)

    async def until_weight(self, weight: float, rule: str = "", *, after: float = 0.0) -> float:
        """When the watch saw that weight of the candidate (after an instant); of the rule with that name."""

        def there() -> float:
            seen = self.watch.of(self.namespace, self.name, rule)
            return next((one.at for one in seen if one.share(self.candidate) == weight and one.at > after), 0.0)

        return await until(there, SECONDS, f"rule {rule or '-'} gives the candidate {weight:g} %")

    async def weights(self, rule: str = "") -> list[float]:
        """All until now, percent of the candidate, each change once."""
        seen = [one.share(self.candidate) for one in await self.watch.current(self.namespace, self.name, rule)]
        return [weight for weight, _ in itertools.groupby(seen)]

    def misplaced(self, answers: Iterable[Answer]) -> list[str]:
        """The weights at which the candidate got another share of the requests, in words."""
        seen = self.watch.of(self.namespace, self.name)
        return list(splits(self.name, stretches(seen, answers, CANDIDATE, self.candidate)))

    async def behave(self, *deployments: str, **settings: str) -> float:
        """Changes how all pods of the Deployments behave, as `lab.sample.Settings` has it. Returns: when it was asked for."""
        begun = time.time()
        for name in deployments:
            for pod in await self.lab.api.list("v1", "Pod", self.namespace, f"app={name}"):
                if pod.get("status", {}).get("podIP"):
                    await self.lab.control(pod, urlencode(settings))
        return begun

    async def says(self, user: User | None, *words: str) -> Said:
        """`tidegate WORDS` as a user, or as the administrator."""
        kubeconfig = self.lab.kubeconfig if user is None else self.lab.control_plane.kubeconfig_of(user)
        return await people.says(kubeconfig, self.namespace, *words)

    async def report(self, number: int = 1) -> set[str]:
        """What the timeline of `tidegate report` has of a run that has ended, by reason; `number` is the run's."""
        kept = f"{self.name}-report-{number}"
        await until(lambda: self.lab.api.find("v1", "ConfigMap", kept, self.namespace), SECONDS, "the report is kept")
        said = await self.says(None, "report", self.name, "-o", "json")
        assert said.code == 0, said.words
        return {str(one["what"]) for one in json.loads(said.words)["timeline"]}


async def answered(load: Load, number: int = 20, *, since: float | None = None) -> list[Answer]:
    """That many answers to requests sent after Envoy has surely taken what the watch saw at `since`, by default now."""
    begun = (time.time() if since is None else since) + SETTLED

    def there() -> list[Answer]:
        found = load.since(begun)
        return found if len(found) >= number else []

    return await until(there, SECONDS, f"{number} answers")


def versions(answers: Iterable[Answer]) -> set[str]:
    """The versions that answered; "" where none did."""
    return {one.version for one in answers}


@asynccontextmanager
async def opened(
    stand: Stand,
    name: str,
    *,
    env: Mapping[str, object],
    rules: Callable[[Object], list[Object]] | None = None,
    replicas: int = 1,
) -> AsyncIterator[Stage]:
    """A plan before its run, in a namespace that is called as the plan is.

    Args:
        stand: the lab.
        name: of the plan.
        env: of both arms' pods.
        rules: the route's rules, made from the one that gives the baseline everything.
        replicas: of each arm.
    """
    namespace = name
    stage = Stage(stand.lab, stand.operator, stand.watch, namespace, name, arms(name))
    lab, app, canary = stand.lab, stage.name, stage.candidate
    place = manifests.namespace(namespace)
    route = manifests.http_route(namespace, app, {app: 1, canary: 0})
    if rules is not None:
        route["spec"]["rules"] = rules(route["spec"]["rules"][0])
    await lab.apply(
        place,
        manifests.app(namespace, app, version=BASELINE, replicas=replicas, env=env),
        manifests.app(namespace, canary, version=CANDIDATE, replicas=replicas, env=env),
        route,
    )
    try:
        await asyncio.gather(lab.rolled_out(namespace, app), lab.rolled_out(namespace, canary), lab.accepted(route))
        yield stage
    finally:
        await lab.api.delete(place)


@asynccontextmanager
async def loads(stage: Stage, rate: float, *headers: Mapping[str, str]) -> AsyncIterator[list[Load]]:
    """Several kinds of clients, each with its headers and so many requests a second."""
    async with AsyncExitStack() as stack:
        kinds = [stage.lab.load(stage.namespace, stage.name, rate=rate, headers=one) for one in headers]
        yield [await stack.enter_async_context(one) for one in kinds]
