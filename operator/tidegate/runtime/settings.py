"""The operator's configuration file: what an administrator decides, and no Rollout can.

A key that is not known is an error, because a misspelt one would silently not do what was meant. Messages name the
file, the key and what would be right; never a value, which may be a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from tidegate.adapters.routers import STANDARD
from tidegate.api.model import ApiModel
from tidegate.api.namespace_freeze import NamespaceFreeze, NamespaceName
from tidegate.api.rollout.traffic import RouteKind
from tidegate.api.validation.dialects import Dialect
from tidegate.api.values.scalars import Duration
from tidegate.runtime.setting_values import (
    HEADER_NAME,
    PLACE,
    a_second_or_more,
    header_value,
    host_name,
    host_pattern,
    http_url,
    like,
    link_template,
    listen_address,
    not_custom,
    one_line,
    shown,
)

SourceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""How a Rollout names a source."""


class SettingsError(Exception):
    """The configuration cannot be used; the message is for the administrator, one line for each thing wrong."""


class BasicAuth(ApiModel):
    """A user with a password."""

    username: str
    """The user's name."""
    password_file: Path
    """File with the password; read for every request, so that it can be rotated."""


class Source(ApiModel):
    """One Prometheus, or whatever answers its HTTP API (Thanos, Mimir, VictoriaMetrics)."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["bearerTokenFile", "basicAuth"]},
            "dependentRequired": {"clientKeyFile": ["clientCertFile"]},
        }
    )

    url: Annotated[str, AfterValidator(http_url), shown(r"^https?://[^/?#@]+[^?#@]*$")]
    """Where it is, with the path that `/api/v1/query` is added to."""
    bearer_token_file: Path | None = None
    """File with a bearer token; read for every request, so that it can be rotated."""
    basic_auth: BasicAuth | None = None
    """A user with a password."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    client_cert_file: Path | None = None
    """Certificate to show, with its key unless `clientKeyFile` has that."""
    client_key_file: Path | None = None
    """Key of the certificate."""
    headers: dict[str, Annotated[str, AfterValidator(header_value)]] = Field(default_factory=dict, repr=False)
    """Further headers, such as `X-Scope-OrgID`."""
    timeout: Annotated[Duration, AfterValidator(a_second_or_more)] = Duration("10s")
    """How long one query may take at most."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Queries at the same time."""
    dialect: Dialect = Dialect.PROMETHEUS
    """What its queries are written in: `prometheus`, or `metricsql` for VictoriaMetrics, whose queries are not parsed here."""
    partial_responses: Literal["Refuse", "Trust"] = "Refuse"
    """An answer with a warning of the source that parts of its data were missing: it is refused, or used like any other."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("give bearerTokenFile or basicAuth, not both")
        if self.client_key_file and not self.client_cert_file:
            raise ValueError("clientKeyFile and clientCertFile require each other")
        for name in self.headers:
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"headers: {name!r} is not a valid header name: letters, digits and '-'")
        return self


class CustomKind(ApiModel):
    """A kind of object whose two numbers a Rollout may set with `kind: Custom`."""

    group: Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")]
    """API group, such as `serving.knative.dev`."""
    versions: Annotated[
        tuple[Annotated[str, AfterValidator(like(r"v[a-z0-9]+", "it like v1 or v1beta1"))], ...],
        Field(min_length=1, max_length=8),
    ]
    """Versions in order of preference, such as `[v1]`."""
    kind: Annotated[str, AfterValidator(like(r"[A-Za-z0-9]{1,63}", "it like Service"))]
    """Kind, such as `Service`."""
    plural: Annotated[str, AfterValidator(like(r"[a-z0-9]{1,63}", "it like services"))]
    """The kind as in URLs, such as `services`."""
    weights: Annotated[
        tuple[Annotated[str, AfterValidator(like(PLACE, "a place below spec, such as spec.traffic[*].percent"))], ...],
        Field(min_length=1, max_length=16),
    ]
    """The numbers that may be set, such as `spec.traffic[*].percent`: a Rollout cannot reach any other."""
    sum: Annotated[int, Field(ge=1)] | None = None
    """What the two must add up to; by default any sum will do."""
    max: Annotated[int, Field(ge=1)] = 1_000_000
    """The largest number that is taken."""
    absent: Annotated[int, Field(ge=0)] | None = None
    """What a missing number means; by default a missing number cannot be read, and no run starts."""
    settle: Annotated[Duration, AfterValidator(a_second_or_more)] = Duration("10s")
    """How long after a raise the numbers count as acting: no controller reports that they do."""


class Notifications(ApiModel):
    """Where messages of `spec.notifications` may go. A tenant writes the URL, and the operator's pod connects to it."""

    schemes: tuple[Annotated[str, AfterValidator(like(r"[a-z][a-z0-9+.-]*", "it like slack or https"))], ...] = ()
    """Schemes of URLs: those of apprise (`slack`, `pagerduty`, `mailtos`, ...), and `https` or `http` for CloudEvents. Empty: no
    messages are sent."""
    hosts: tuple[Annotated[str, AfterValidator(host_pattern)], ...] = ()
    """Hosts that a URL may name where its scheme has no host of its own: `hooks.example.org`, `*.example.org`, or `*` for any."""
    internal_hosts: tuple[Annotated[str, AfterValidator(host_name)], ...] = ()
    """Hosts that may be at an address which is not public, such as a Service of the cluster."""
    cluster: Annotated[str, Field(max_length=63), AfterValidator(one_line)] = ""
    """The cluster's name in every message."""
    link: Annotated[str, AfterValidator(link_template)] = ""
    """A URL for people in every message, with `{namespace}` and `{name}` of the Rollout."""


class Logs(ApiModel):
    """How the operator logs."""

    format: Literal["auto", "json", "console"] = "auto"
    """`auto`: for people on a terminal, JSON lines elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""


class Settings(ApiModel):
    """The whole file."""

    sources: dict[SourceName, Source] = Field(default_factory=dict, json_schema_extra={"additionalProperties": False})
    """The sources a Rollout can name in `spec.prometheus.source`."""
    namespaces: tuple[NamespaceName, ...] = ()
    """The namespaces that are served; empty for the whole cluster."""
    freezes: tuple[NamespaceFreeze, ...] = ()
    """Times in which no Rollout of some namespaces raises a weight."""
    command_policy: Annotated[str, Field(max_length=253), shown(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """The ValidatingAdmissionPolicy, and its binding of the same name, that checks the requesters of commands. Empty: there is
    none, and every approval is unverified."""
    ignored_annotations: tuple[str, ...] = ()
    """Annotations of pod templates that do not make a version, such as an injector's checksum."""
    routers: tuple[Annotated[RouteKind, AfterValidator(not_custom)], ...] = tuple(map(RouteKind, STANDARD))
    """The kinds of route whose weights may be set: each is watched, and needs its permissions (`docs/routers.md`)."""
    custom: tuple[CustomKind, ...] = ()
    """Further kinds, for `kind: Custom`."""
    notifications: Notifications = Notifications()
    """Where messages may go; by default nowhere."""
    reports: tuple[NamespaceName, ...] = ()
    """The namespaces in which the report of each ended run is kept in a ConfigMap (docs/report.md); empty: none is."""
    listen: Annotated[str, AfterValidator(listen_address), shown(r"^[^/]*:[0-9]{1,5}$")] = "0.0.0.0:8080"
    """Address of `/metrics`, `/healthz` and `/readyz`."""
    logs: Logs = Logs()
    """How the operator logs."""
