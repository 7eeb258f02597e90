"""A change of a pod template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TemplateChange:
    """New values for fields of a pod template; `None` removes one."""

    spec: Mapping[str, Any] = field(default_factory=dict)
    """By key of the pod spec."""
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    """By name."""

    @property
    def empty(self) -> bool:
        """Nothing changes."""
        return not self.spec and not self.annotations
