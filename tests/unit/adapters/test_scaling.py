"""Which HPA or ScaledObject is about a Deployment."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.adapters.kubernetes.resources import AUTOSCALERS, SCALED_OBJECTS, Resource
from tidegate.adapters.kubernetes.scaling import scales


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        (AUTOSCALERS, {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}, True),
        (AUTOSCALERS, {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}, False),
        (AUTOSCALERS, {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "shop"}, False),
        (AUTOSCALERS, {"apiVersion": "example.com/v1", "kind": "Deployment", "name": "shop"}, False),
        (SCALED_OBJECTS, {"name": "shop"}, True),
        (SCALED_OBJECTS, {"kind": "Deployment", "name": "shop"}, True),
        (SCALED_OBJECTS, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop"}, False),
        (SCALED_OBJECTS, {}, False),
    ],
)
def test_scales(kind: Resource, target: dict[str, Any], expected: bool) -> None:  # noqa: FBT001  (a table)
    assert scales(kind, {"spec": {"scaleTargetRef": target}}, "shop") is expected
