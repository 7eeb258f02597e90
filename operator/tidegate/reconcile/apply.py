"""Carries out a plan's actions, in order; a revert to every target, whatever one of them answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tidegate.api.rollout import FINALIZER
from tidegate.core.observed import RolloutObject
from tidegate.core.plan import Action, ConcludeCommand, KeepFinalizer, Plan, SetWeights, WriteTemplate
from tidegate.ports.errors import Conflict, Missing, PortError
from tidegate.ports.protocols import Manager
from tidegate.ports.world import World

INTENT_LIFE = 5.0
"""Seconds after its record was begun in which an intent may still raise, or write the new template."""


async def apply(
    world: World, namespace: str, rollout: RolloutObject, plan: Plan, recorded: float | None
) -> RolloutObject:
    """Carries out `plan`.

    Args:
        world: the ports.
        namespace: the Rollout's.
        rollout: the object as last stored.
        plan: what to do.
        recorded: monotonic seconds when the record of the plan's memory was begun; `None` when there is none.

    Returns: the object as stored after the actions.

    Raises:
        PortError: the first action that failed; reverts of the other targets were tried all the same.
    """
    failures: list[PortError] = []
    reverts = [action for action in plan.actions if isinstance(action, SetWeights) and action.revert]
    results = await asyncio.gather(
        *(_set_weights(world, action, recorded) for action in reverts), return_exceptions=True
    )
    failures += [result for result in results if isinstance(result, PortError)]
    others = [result for result in results if isinstance(result, BaseException) and not isinstance(result, PortError)]
    if others:
        raise others[0]
    for action in plan.actions:
        if action in reverts:
            continue
        try:
            rollout = await _carry_out(world, namespace, rollout, action, recorded)
        except PortError as error:
            failures.append(error)
            if not plan.urgent:
                break
    if failures:
        raise failures[0]
    return rollout


async def _carry_out(
    world: World, namespace: str, rollout: RolloutObject, action: Action, recorded: float | None
) -> RolloutObject:
    match action:
        case SetWeights():
            await _set_weights(world, action, recorded)
        case WriteTemplate(deployment, read, change, revert):
            if not revert:
                _check_intent(world, deployment, recorded)
            manager = Manager.REVERT if revert else Manager.FORWARD
            await world.workloads.write_template(namespace, deployment, read, change, manager)
        case KeepFinalizer(present):
            try:
                return await world.store.set_finalizer(rollout, present=present)
            except Missing:
                if present:
                    raise
                return replace(rollout, finalizers=tuple(one for one in rollout.finalizers if one != FINALIZER))
        case ConcludeCommand(command, done, message):
            await world.commands.conclude(namespace, command, done=done, message=message)
    return rollout


async def _set_weights(world: World, action: SetWeights, recorded: float | None) -> None:
    if action.raises:
        _check_intent(world, action.route.ref.key, recorded)
    manager = Manager.REVERT if action.revert else Manager.FORWARD
    await world.router.write(action.route, action.pairs, manager)


def _check_intent(world: World, what: str, recorded: float | None) -> None:
    if recorded is None or world.clock.monotonic() - recorded > INTENT_LIFE:
        raise Conflict(f"{what}: the intent is too old; decide again")
