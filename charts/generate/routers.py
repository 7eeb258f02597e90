"""`files/routers.yaml`: which objects the operator patches for each kind of route, from the registry of routers."""

from __future__ import annotations

import yaml

from charts.generate.header import HEADER
from tidegate.adapters.routers import ROUTERS


def as_yaml() -> str:
    """The table, as it is written to a file."""
    rows = {row.kind: {"group": row.resource.group, "resource": row.resource.plural} for row in ROUTERS}
    return HEADER + yaml.safe_dump(rows, sort_keys=False)
