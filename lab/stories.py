"""The two stories of the demo, which are the end-to-end tests too: what happened, measured from outside the operator."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab import shop
from lab.load import by_version
from lab.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.api import Object
    from lab.cluster import Cluster
    from lab.load import Answer, Load
    from lab.route_watch import Lookup, RouteWatch

SECONDS = 120.0
FULL_SHARE = 100.0
SETTLED = 1.5  # seconds after a weight was written until Envoy surely has it: it needs one, lab.md


@dataclass(frozen=True)
class Stretch:
    """The time a weight stood on the route, and where the requests sent in it went."""

    weight: float
    """The candidate's share on the route, percent."""
    begun: float
    ended: float
    requests: int
    reached: int
    """Requests that the candidate answered."""

    @property
    def measured(self) -> float:
        """The candidate's measured share, percent."""
        return FULL_SHARE * self.reached / self.requests if self.requests else 0.0


@dataclass
class Story:
    """What one run did."""

    title: str
    outcome: str = ""
    message: str = ""
    stretches: list[Stretch] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    """Failed requests by version; "" are those that no version answered."""
    requests: int = 0
    seconds_to_zero: float | None = None
    """From the first bad answer of the candidate to weight 0 seen by a watch."""
    baseline_image: str = ""
    weights: list[float] = field(default_factory=list)
    """The candidate's share after each change of the route, percent."""


async def play(  # noqa: PLR0913  (a story has as many sides)
    lab: Cluster,
    namespace: str,
    load: Load,
    watch: RouteWatch,
    *,
    title: str,
    version: str,
    spoil_at: float | None = None,
    show: Callable[[Object], None] = lambda _rollout: None,
) -> Story:
    """Releases `version`, waits for the run's end, and tells what happened.

    Args:
        lab: running, with the operator in it.
        namespace: of the shop.
        load: sending requests all the while.
        watch: on the shop's route.
        title: what the story is called.
        version: of the candidate.
        spoil_at: weight (percent) from which on the candidate fails 30 % of its requests.
        show: called with the Rollout each time it is looked at.
    """
    before = len((await shop.state(lab, namespace)).get("status", {}).get("history", []))
    began, seen_before = load.answers[-1].at if load.answers else 0.0, len(watch.of(namespace, shop.APP))
    spoiled = False
    await shop.release(lab, namespace, version)

    async def ended() -> Object | None:
        nonlocal spoiled
        rollout = await shop.state(lab, namespace)
        show(rollout)
        status = rollout.get("status", {})
        reached = status.get("step", {}).get("reached") and status.get("run", {}).get("weight", 0) >= (spoil_at or 0)
        if spoil_at is not None and not spoiled and reached:
            spoiled = True
            await shop.misbehave(lab, namespace, 0.3)
        return rollout if len(status.get("history", [])) > before and "run" not in status else None

    rollout = await until(ended, SECONDS, f"the run of {version} ended", every=0.2)
    last = (rollout or {})["status"]["history"][0]
    answers = [answer for answer in load.since(began) if answer.at > began]
    states = (await watch.current(namespace, shop.APP))[max(seen_before - 1, 0) :]
    baseline = await lab.api.get("apps/v1", "Deployment", shop.APP, namespace)
    return Story(
        title=title,
        outcome=last["outcome"],
        message=last.get("message", ""),
        stretches=stretches(states, answers, version),
        failed=_failed(answers),
        requests=len(answers),
        seconds_to_zero=_to_zero(states, answers, version),
        baseline_image=baseline["spec"]["template"]["spec"]["containers"][0]["image"],
        weights=[state.share(shop.CANARY) for state in states],
    )


def stretches(
    states: list[Lookup], answers: Iterable[Answer], version: str, candidate: str = shop.CANARY
) -> list[Stretch]:
    """For each weight above 0 of the Service `candidate`: the requests sent while it surely stood, and how many `version` answered."""
    answers = list(answers)
    found = []
    for state, following in itertools.pairwise(states):
        if not state.weights.get(candidate):
            continue
        inside = [a for a in answers if state.at + SETTLED <= a.at < following.at]
        reached = by_version(inside)[version]
        found.append(Stretch(state.share(candidate), state.at, following.at, len(inside), reached))
    return found


def _failed(answers: Iterable[Answer]) -> dict[str, int]:
    return dict(by_version(answer for answer in answers if answer.failed))


def _to_zero(states: list[Lookup], answers: Iterable[Answer], version: str) -> float | None:
    bad = next((answer.at for answer in answers if answer.failed and answer.version == version), None)
    if bad is None:
        return None
    zero = next((state.at for state in states if state.at > bad and not state.weights.get(shop.CANARY)), None)
    return zero - bad if zero is not None else None
