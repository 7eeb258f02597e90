"""`files/routers.yaml`: which permissions each kind of route needs, from the registry of routers."""

from __future__ import annotations

import yaml

from charts.generate.header import HEADER
from tidegate.adapters.routers import EVERY


def as_yaml() -> str:
    """The table, as it is written to a file."""
    rows = {
        row.kind: [
            {"group": group, "resource": resource, "verbs": list(verbs)} for group, resource, verbs in row.grants
        ]
        for row in EVERY
    }
    return HEADER + yaml.safe_dump(rows, sort_keys=False)
