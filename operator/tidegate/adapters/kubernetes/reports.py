"""Reports of ended runs in ConfigMaps that their Rollout owns: written once, never changed, deleted with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import CONFIG_MAPS, ROLLOUTS
from tidegate.core.model.world import RolloutObject
from tidegate.core.report.names import config_map_name, number_of
from tidegate.ports.errors import Conflict, Missing, Rejected
from tidegate.ports.protocols import Manager

DATA_KEY: Final = "report.json"
"""As `tidegate.api.report` has it, which is loaded with the first report only."""
RUN_LABEL: Final = "tidegate.dev/run"
ROLLOUT_LABEL: Final = "tidegate.dev/rollout"
LONGEST_LABEL: Final = 63


class KubernetesReports:
    """The `Reports` port on the Kubernetes API."""

    def __init__(self, api: Api, namespaces: Collection[str]) -> None:
        self._api = api
        self._namespaces = frozenset(namespaces)

    def keeps(self, namespace: str) -> bool:
        """Whether the administrator has reports of this namespace kept."""
        return namespace in self._namespaces

    async def keep(self, rollout: RolloutObject, run: str, text: str) -> None:
        """Creates the ConfigMap; one that is there already is left as it is.

        Raises:
            Rejected: not allowed, or something of that name is not ours.
            Unavailable: no answer.
        """
        name = config_map_name(rollout.name, number_of(run))
        try:
            await self._api.create(
                CONFIG_MAPS, rollout.namespace, _manifest(rollout, run, name, text), manager=Manager.FORWARD
            )
        except Conflict as error:
            if not _ours(await self._api.get(CONFIG_MAPS, rollout.namespace, name), rollout, run):
                raise Rejected(f"ConfigMap {rollout.namespace}/{name} is not a report of this Rollout's run") from error

    async def drop(self, rollout: RolloutObject, number: int) -> None:
        """Deletes the report of an old run, if there is one.

        Raises: Rejected, Unavailable.
        """
        name = config_map_name(rollout.name, number)
        try:
            found = await self._api.get(CONFIG_MAPS, rollout.namespace, name)
        except Missing:
            return
        if _ours(found, rollout):
            await self._api.delete(CONFIG_MAPS, rollout.namespace, name)


def _manifest(rollout: RolloutObject, run: str, name: str, text: str) -> JsonObject:
    labels = {"app.kubernetes.io/managed-by": "tidegate", RUN_LABEL: run[:LONGEST_LABEL], ROLLOUT_LABEL: rollout.name}
    owner = {"apiVersion": ROLLOUTS.api_version, "kind": ROLLOUTS.kind, "name": rollout.name, "uid": rollout.uid}
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {
            "name": name,
            "namespace": rollout.namespace,
            "labels": {key: value for key, value in labels.items() if len(value) <= LONGEST_LABEL},
            "ownerReferences": [owner],
        },
        "immutable": True,
        "data": {DATA_KEY: text},
    }


def _ours(found: Mapping[str, Any], rollout: RolloutObject, run: str | None = None) -> bool:
    """Whether a ConfigMap is a report of this Rollout, and of this run where one is named."""
    metadata = found.get("metadata") or {}
    label = (metadata.get("labels") or {}).get(RUN_LABEL)
    owned = any(one.get("uid") == rollout.uid for one in metadata.get("ownerReferences") or ())
    return owned and label is not None and run in {None, label}
