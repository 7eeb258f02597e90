"""Reports in ConfigMaps: one that is there already is kept, and what is not ours is neither overwritten nor deleted."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.simulated.shop import spec
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.reports import DATA_KEY, KubernetesReports
from tidegate.core.model.world import RolloutObject
from tidegate.ports.errors import Conflict, Missing, Rejected

RUN = "3-62f90da1"
NAME = "checkout-report-3"


class OneNamespace:
    """ConfigMaps of one namespace, as far as the adapter asks for them."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    async def create(self, _kind: object, _namespace: str, raw: dict[str, Any], **_: object) -> None:
        name = raw["metadata"]["name"]
        if name in self.found:
            raise Conflict("already exists")
        self.found[name] = raw

    async def get(self, _kind: object, _namespace: str, name: str) -> dict[str, Any]:
        if name not in self.found:
            raise Missing("not found")
        return self.found[name]

    async def delete(self, _kind: object, _namespace: str, name: str) -> None:
        del self.found[name]


def rollout(uid: str = "u1") -> RolloutObject:
    return RolloutObject(
        namespace="shop",
        name="checkout",
        uid=uid,
        generation=1,
        resource_version="1",
        created=0.0,
        deleting=False,
        finalizers=(),
        spec=spec(),
        status={},
    )


FOREIGN: dict[str, Any] = {"metadata": {"name": NAME}, "data": {"key": "of another team"}}


async def test_a_name_that_somebody_else_has_taken_is_refused_and_left_as_it_is() -> None:
    api = OneNamespace()
    api.found[NAME] = FOREIGN
    reports = KubernetesReports(cast("Api", api), ["shop"])
    with pytest.raises(Rejected, match=f"ConfigMap shop/{NAME} is not a report of this Rollout's run"):
        await reports.keep(rollout(), RUN, "{}")
    await reports.drop(rollout(), 3)
    assert api.found == {NAME: FOREIGN}


async def test_a_report_that_was_written_before_a_crash_is_not_written_again() -> None:
    api = OneNamespace()
    reports = KubernetesReports(cast("Api", api), ["shop"])
    await reports.keep(rollout(), RUN, "first")
    await reports.keep(rollout(), RUN, "second")
    assert api.found[NAME]["data"] == {DATA_KEY: "first"}


async def test_the_report_of_a_rollout_of_the_same_name_that_was_deleted_is_not_ours() -> None:
    api = OneNamespace()
    reports = KubernetesReports(cast("Api", api), ["shop"])
    await reports.keep(rollout("before"), RUN, "first")
    with pytest.raises(Rejected):
        await reports.keep(rollout(), RUN, "second")
    await reports.drop(rollout(), 3)
    assert api.found[NAME]["data"] == {DATA_KEY: "first"}
    await reports.drop(rollout("before"), 3)
    await reports.drop(rollout("before"), 3)
    assert api.found == {}
