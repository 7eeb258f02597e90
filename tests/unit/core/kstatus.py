"""What kstatus makes of a custom resource: the published rules of sigs.k8s.io/cli-utils/pkg/kstatus, as far as they concern one.

In order: a deletion timestamp means Terminating; an observedGeneration that is not the generation means InProgress;
`Reconciling` true means InProgress; `Stalled` true means Failed; `Ready` true means Current, `Ready` false or unknown
InProgress; and without any of these conditions it is Current.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def computed(resource: Mapping[str, Any]) -> str:
    """`Terminating`, `InProgress`, `Failed` or `Current`."""
    metadata, status = resource["metadata"], resource.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    observed = status.get("observedGeneration")
    if observed is not None and observed != metadata.get("generation"):
        return "InProgress"
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    if "Ready" in conditions:
        return "Current" if conditions["Ready"] == "True" else "InProgress"
    return "Current"
