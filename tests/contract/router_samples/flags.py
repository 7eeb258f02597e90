"""Samples of flags, and of a kind that an administrator describes."""

from __future__ import annotations

from typing import Any

from tests.contract.router_samples.sample import (
    Object,
    Path,
    Sample,
    list_of,
)
from tidegate.core.model.world import Acceptance


def _flag(variant: str, targeting: Object, at: Path) -> Sample:
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False, "third": None},
        "defaultVariant": "off",
        "targeting": targeting,
    }
    return Sample(
        kind="FeatureFlag",
        variant=variant,
        api_version="core.openfeature.dev/v1beta1",
        object_kind="FeatureFlag",
        content={"spec": {"flagSpec": {"flags": {"another": {**flag, "targeting": {}}, "new-shop": flag}}}},
        baseline=("spec", "flagSpec", "flags", "new-shop", "targeting", *at, 1, 1),
        candidate=("spec", "flagSpec", "flags", "new-shop", "targeting", *at, 2, 1),
        third=("spec", "flagSpec", "flags", "new-shop", "targeting", *at, 3, 1),
        rule="new-shop",
        names=("off", "on"),
        frame=("spec", "flagSpec", "flags", "new-shop", "defaultVariant"),
        rows=((None, Acceptance.UNREPORTED),),
    )


_FRACTIONS: list[Any] = [{"cat": [{"var": "email"}]}, ["off", 90], ["on", 10], ["third", 7]]


SAMPLES = (
    _flag("whole", {"fractional": _FRACTIONS}, ("fractional",)),
    _flag("nested", {"if": [{"==": [{"var": "tier"}, "gold"]}, "on", {"fractional": _FRACTIONS}]}, ("if", 2, "fractional")),
    list_of(
        "Split.tidegate.test", "tidegate.test/v1",
        {"note": "keep me", "traffic": [{"revisionName": "other", "percent": 7}, {"revisionName": "shop", "percent": 90}, {"revisionName": "shop-canary", "percent": 10}]},
        ("traffic",), "weights", weight="percent", object_kind="Split", absent=None, frame=("spec", "note"),
        names=("/spec/traffic/[revisionName=shop]/percent", "/spec/traffic/[revisionName=shop-canary]/percent"),
    ),
)  # fmt: skip
