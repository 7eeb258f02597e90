"""The operator's configuration file: what an administrator decides, and no Rollout can.

A key that is not known is an error, because a misspelt one would silently not do what was meant. Messages name the
file, the key and what would be right; never a value, which may be a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator
from yarl import URL

from tidegate.api.model import ApiModel
from tidegate.api.scalars import Duration


class SettingsError(Exception):
    """The configuration cannot be used; the message is for the administrator, one line for each thing wrong."""


def _http_url(text: str) -> str:
    try:
        url = URL(text)
    except ValueError as error:
        raise ValueError("is not a URL; write it like http://prometheus.monitoring:9090") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must begin with http:// or https:// and name a host")
    if url.user or url.password:
        raise ValueError("must not hold a password; use basicAuth with a passwordFile")
    if url.query_string or url.fragment:
        raise ValueError("must end with the path that /api/v1/query is added to")
    return text.rstrip("/")


def _listen_address(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535 or "/" in host:
        raise ValueError("write it like 0.0.0.0:8080 or :8080")
    return text


def _a_second_or_more(duration: Duration) -> Duration:
    if not 1 <= duration.seconds <= 300:
        raise ValueError("must be from 1s to 5m")
    return duration


class BasicAuth(ApiModel):
    """A user with a password."""

    username: str
    """The user's name."""
    password_file: Path
    """File with the password; read for every request, so that it can be rotated."""


class Source(ApiModel):
    """One Prometheus, or whatever answers its HTTP API (Thanos, Mimir, VictoriaMetrics)."""

    url: Annotated[str, AfterValidator(_http_url)]
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
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Further headers, such as `X-Scope-OrgID`."""
    timeout: Annotated[Duration, AfterValidator(_a_second_or_more)] = Duration("10s")
    """How long one question may take at most."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Questions at the same time."""
    partial_responses: Literal["Refuse", "Trust"] = "Refuse"
    """An answer beside which the source says that parts of its data were missing: no answer, or one like any other."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("give bearerTokenFile or basicAuth, not both")
        if self.client_key_file and not self.client_cert_file:
            raise ValueError("clientKeyFile goes with clientCertFile")
        return self


class Logs(ApiModel):
    """How the operator logs."""

    format: Literal["auto", "json", "console"] = "auto"
    """`auto`: for people on a terminal, JSON lines elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""


class Settings(ApiModel):
    """The whole file."""

    sources: dict[str, Source] = Field(default_factory=dict)
    """The sources a Rollout can name in `spec.prometheus.source`."""
    namespaces: tuple[str, ...] = ()
    """The namespaces that are served; empty for the whole cluster."""
    ignored_annotations: tuple[str, ...] = ()
    """Annotations of pod templates that do not make a version, such as an injector's checksum."""
    listen: Annotated[str, AfterValidator(_listen_address)] = "0.0.0.0:8080"
    """Address of `/metrics`, `/healthz` and `/readyz`."""
    logs: Logs = Logs()
    """How the operator logs."""


def load(path: Path | None) -> Settings:
    """The settings in a YAML file; the defaults without one.

    Raises: SettingsError.
    """
    if path is None:
        return Settings()
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not YAML: {error}") from error
    return parse(content, str(path))


def parse(content: object, where: str) -> Settings:
    """The settings from what a YAML file holds; `where` names the file in messages.

    Raises: SettingsError.
    """
    if content is not None and not isinstance(content, dict):
        raise SettingsError(f"{where}: must hold keys and values, such as 'sources:'")
    try:
        return Settings.model_validate(content or {})
    except ValidationError as error:
        lines = [
            _in_words(item) for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise SettingsError("\n".join(f"{where}: {line}" for line in lines)) from None


def _in_words(error: Any) -> str:  # noqa: ANN401  (pydantic's own shape)
    key = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{key}: no such key"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}"
