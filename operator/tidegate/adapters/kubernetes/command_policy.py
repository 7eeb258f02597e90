"""Whether the API server checks who creates a RolloutCommand: looked up now and then, outside the ticks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import structlog

from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.kubernetes.rollouts import epoch
from tidegate.ports.errors import Missing, PortError

EVERY: Final = 15.0
"""Seconds between two looks."""
IN_FORCE_AFTER: Final = 30.0
"""Seconds from its creation until a policy is taken to be in force: API servers read policies from a cache."""
DEMAND: Final = "variables.requester == request.userInfo.username || (variables.requester == '' && !variables.approval)"
"""The expression by which the policy demands that the requester is who creates the command: as the chart has it."""

POLICIES: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    namespaced=False,
)
BINDINGS: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class CommandPolicy:
    """What is known of the policy of this name, and of its binding."""

    def __init__(self, api: Api, name: str) -> None:
        """Nothing is known yet; an empty `name` stays so."""
        self._api = api
        self._name = name
        self._since = math.inf
        self._said: str | None = None

    def checked(self, created: float) -> bool:
        """Whether the requester of a command created then (epoch seconds) was checked."""
        return created >= self._since

    async def look(self) -> None:
        """Looks whether the policy is there and bound; what has changed is logged."""
        if not self._name:
            return
        try:
            policy = await self._api.get(POLICIES, None, self._name)
            binding = await self._api.get(BINDINGS, None, self._name)
            fault = fault_of(policy, binding)
        except Missing:
            fault = "it, or its binding, is not installed"
        except PortError as error:
            fault = f"it could not be read: {error}"
        if fault:
            self._since = math.inf
        else:
            self._since = IN_FORCE_AFTER + max(_created(one) for one in (policy, binding))
        if fault != self._said:
            self._said = fault
            if fault:
                _log.warning("approvals are unverified", policy=self._name, reason=fault)
            else:
                _log.info("requesters of commands are checked", policy=self._name)


def fault_of(policy: Mapping[str, Any], binding: Mapping[str, Any]) -> str:
    """Why a policy with its binding does not check requesters; empty when it does."""
    rules, bound = policy.get("spec") or {}, binding.get("spec") or {}
    demands = [" ".join(str(one.get("expression")).split()) for one in rules.get("validations") or ()]
    if DEMAND not in demands:
        return "it does not demand that the requester is who creates the command"
    if rules.get("failurePolicy", "Fail") != "Fail":
        return "its failurePolicy is not Fail"
    if bound.get("policyName") != policy["metadata"]["name"] or "Deny" not in (bound.get("validationActions") or ()):
        return "its binding does not deny"
    return ""


def _created(found: JsonObject) -> float:
    return epoch(found["metadata"]["creationTimestamp"])
