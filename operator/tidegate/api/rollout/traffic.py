"""Where the split between the two Services is written."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel
from tidegate.api.values.names import ObjectName
from tidegate.api.values.text import ONE_LINE


class RouteKind(StrEnum):
    """The kinds of route whose weights can be set."""

    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"
    TCP_ROUTE = "TCPRoute"
    TLS_ROUTE = "TLSRoute"


RuleNames = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=253, pattern=ONE_LINE)], ...],
    Field(min_length=1, max_length=16, json_schema_extra=unique()),
]


class TrafficTarget(ApiModel):
    """One place where the split between the two Services is written."""

    kind: RouteKind
    """Kind of the route (Gateway API v1)."""
    name: ObjectName
    """Name of the route, in the Rollout's namespace."""
    rules: RuleNames | None = None
    """Names of the route's rules to set; by default every rule that has both Services as backends."""
