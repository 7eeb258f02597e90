"""Feature flags: the split is made in the application, by user."""

from __future__ import annotations

from typing import Final

from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.read_back import nothing
from tidegate.adapters.routers.row import Facts, Router
from tidegate.adapters.routers.shapes.fractional import Fractional
from tidegate.adapters.routers.shapes.shape import Numbers

FEATURE_FLAG: Final = Router(
    kind="FeatureFlag",
    resource=Resource("core.openfeature.dev", "v1beta1", "featureflags", "FeatureFlag"),
    shape=Fractional(Numbers(absent=1, most=2**31 - 1)),
    read_back=nothing(),
    facts=Facts(
        family="openfeature",
        weights="percent of users",
        cohorts="conditions in `targeting`",
        sticky="always: the variant depends on the user's key",
        tested="CRD of open-feature-operator 90d373f",
    ),
)
"""A weight is found by the variant's name; the order of the pairs stays, so a raise moves users one way only."""
ROWS: Final = (FEATURE_FLAG,)
