"""What a check knows of the templates there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.api.metric_template.ref import TemplateRef


@dataclass(frozen=True)
class Templates:
    """The templates that a Rollout may use, as far as they were looked for."""

    specs: Mapping[TemplateRef, Mapping[str, Any]] = field(default_factory=dict)
    """Each template's `spec`, as on the wire."""
    complete: bool = True
    """One that is not here does not exist. Otherwise it may: its query is then not checked."""
