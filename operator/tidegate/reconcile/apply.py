"""Carries out a plan's actions by class: what takes traffic from the candidate first, whatever becomes of the rest.

Order: lowering, reverts and the way back from a promoted version that breached (all targets at once), our finalizer, the
candidate's pods, raises, templates, the finalizer's removal. From the first failure on nothing but lowering is tried; pods that could not be set are none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from tidegate.api.rollout.spec import FINALIZER
from tidegate.core.gates import INTENT_LIFE
from tidegate.core.model.plan import Action, KeepFinalizer, Plan, SetReplicas, SetWeights, WriteTemplate
from tidegate.core.model.world import RolloutObject, Route
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected
from tidegate.ports.protocols import Manager
from tidegate.ports.world import World

Other: TypeAlias = WriteTemplate | SetReplicas | KeepFinalizer
"""What is no weight."""


@dataclass(frozen=True)
class Applied:
    """What became of a plan's actions."""

    rollout: RolloutObject
    """As stored after them."""
    failures: tuple[PortError, ...] = ()
    """The actions that failed, in the order of their classes; what followed the first of them was not tried, lowering aside."""
    not_scaled: PortError | None = None
    """Why the candidate's pods could not be set: that stops nothing else."""
    routes: tuple[Route, ...] = ()
    """As stored, of those that were written."""


async def apply(world: World, namespace: str, rollout: RolloutObject, plan: Plan, recorded: float | None) -> Applied:
    """Carries out `plan`.

    Args:
        world: the ports.
        namespace: the Rollout's.
        rollout: the object as last stored.
        plan: what to do.
        recorded: monotonic seconds when the record of the plan's memory was begun; `None` when there is none.

    Returns: what became of it; failures of ports are in it.
    """
    weights = [action for action in plan.actions if isinstance(action, SetWeights)]
    routes, failures = await _at_once(world, [action for action in weights if not action.waits])
    not_scaled: PortError | None = None
    for action in _in_order(plan.actions):
        if failures and not (plan.urgent and not _needs_intent(action)):
            break
        try:
            if isinstance(action, SetWeights):
                _check_intent(world, action.route.ref.key, recorded)
                routes.append(await _set_weights(world, action))
            else:
                rollout = await _carry_out(world, namespace, rollout, action, recorded)
        except PortError as error:
            if isinstance(action, SetReplicas) and not (action.revert and isinstance(error, Conflict)):
                not_scaled = error
            else:
                failures.append(error)
    return Applied(rollout, tuple(failures), not_scaled, tuple(routes))


async def _at_once(world: World, actions: Iterable[SetWeights]) -> tuple[list[Route], list[PortError]]:
    results = await asyncio.gather(*(_set_weights(world, one) for one in actions), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, PortError):
            raise result
    routes = [result for result in results if isinstance(result, Route)]
    return routes, [result for result in results if isinstance(result, PortError)]


def _in_order(actions: Iterable[Action]) -> list[Action]:
    """The actions that are not written at once, by class."""
    found = [action for action in actions if not isinstance(action, SetWeights) or action.waits]
    return sorted(found, key=_class)


def _class(action: Action) -> int:
    match action:
        case KeepFinalizer(present=True):
            return 0
        case SetReplicas():
            return 1
        case SetWeights():
            return 2
        case WriteTemplate():
            return 3
        case KeepFinalizer():
            return 4


def _needs_intent(action: Action) -> bool:
    match action:
        case SetWeights():
            return action.waits
        case WriteTemplate(revert=revert):
            return not revert
        case SetReplicas(revert=revert):
            return not revert
        case KeepFinalizer():
            return False


async def _carry_out(
    world: World, namespace: str, rollout: RolloutObject, action: Other, recorded: float | None
) -> RolloutObject:
    match action:
        case WriteTemplate(deployment, read, change, revert):
            if not revert:
                _check_intent(world, deployment, recorded)
            manager = Manager.REVERT if revert else Manager.FORWARD
            await world.workloads.write_template(namespace, deployment, read, change, manager)
        case SetReplicas(read, replicas, revert):
            if not revert:
                _check_intent(world, read.deployment, recorded)
            manager = Manager.REVERT if revert else Manager.FORWARD
            await world.workloads.scale(namespace, read.deployment, read, replicas, manager)
        case KeepFinalizer(present):
            try:
                return await world.store.set_finalizer(rollout, present=present)
            except Missing:
                if present:
                    raise
                return replace(rollout, finalizers=tuple(one for one in rollout.finalizers if one != FINALIZER))
    return rollout


async def _set_weights(world: World, action: SetWeights) -> Route:
    """Writes weights; one that was accepted and then stored as something else is a refusal, not a success to be repeated.

    Returns: the route as stored.
    """
    manager = Manager.REVERT if action.revert else Manager.FORWARD
    stored = await world.router.write(action.route, action.pairs, manager, action.mirrors)
    for pair in stored.pairs:
        wanted = action.pairs.get(pair.rule, (pair.baseline, pair.candidate))
        if (pair.baseline, pair.candidate) != wanted:
            raise Rejected(
                f"{stored.ref.key}: weights {wanted[0]}/{wanted[1]} were written and {pair.baseline}/{pair.candidate} were "
                "stored: a mutating admission webhook or policy changes them"
            )
        mirror = action.mirrors.get(pair.rule, pair.mirror)
        if pair.mirror != mirror:
            await _take_mirrors_away(
                world, stored, [rule for rule, percent in action.mirrors.items() if percent], manager
            )
            raise Rejected(
                f"{stored.ref.key}: a mirror of {mirror}% was written and one of {pair.mirror}% was stored: a mutating admission "
                "webhook or policy changes it"
            )
    return stored


async def _take_mirrors_away(world: World, stored: Route, rules: Iterable[str], manager: Manager) -> None:
    """Removes what was stored as another mirror than was written: it may copy more requests than were asked for."""
    more = dict.fromkeys(rules, 0)
    if more:
        await world.router.write(stored, {}, manager, more)


def _check_intent(world: World, what: str, recorded: float | None) -> None:
    if recorded is None or world.clock.monotonic() - recorded > INTENT_LIFE:
        raise Conflict(f"{what}: the intent is too old; decide again")
