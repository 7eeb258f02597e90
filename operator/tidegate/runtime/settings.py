"""The operator's configuration file: what an administrator decides, and no Rollout can.

A key that is not known is an error, because a misspelt one would silently not do what was meant. Messages name the
file, the key and what would be right; never a value, which may be a secret.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator
from yarl import URL

from tidegate.adapters.routers import STANDARD
from tidegate.api.manifest_yaml import ManifestLoader, weighed
from tidegate.api.model import ApiModel
from tidegate.api.namespace_freeze import NamespaceFreeze, NamespaceName
from tidegate.api.rollout.traffic import RouteKind
from tidegate.api.validation.dialects import Dialect
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, 5.6.2)."""
_VISIBLE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""A header's value (RFC 9110, 5.5)."""
SourceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""How a Rollout names a source."""


def _shown(pattern: str) -> Any:  # noqa: ANN401  (pydantic's own type)
    """A pattern for the JSON schema (editors, the chart) alone: a validator says in words what is wrong."""
    return Field(json_schema_extra={"pattern": pattern})


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


def _header_value(text: str) -> str:
    if not _VISIBLE.fullmatch(text):
        raise ValueError("must be on one line, without control characters")  # never the value: it may be a secret
    return text


_PLACE: Final = r"spec(\.[A-Za-z0-9_-]+|\[\*\])*\.[A-Za-z0-9_-]+"
"""Where a number may stand."""


def _like(pattern: str, words: str) -> Callable[[str], str]:
    """A check of a whole text; `words` says what to write."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"write {words}")
        return text

    return check


def _not_custom(kind: RouteKind) -> RouteKind:
    if kind is RouteKind.CUSTOM:
        raise ValueError("kinds for 'kind: Custom' are described one by one, under 'custom'")
    return kind


def _host_name(text: str) -> str:
    name = text.rstrip(".").lower()
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.:-]*[a-z0-9_:])?", name):
        raise ValueError("write the name of a host, such as events.tools.svc, without scheme and port")
    return name


def _host_pattern(text: str) -> str:
    return text if text == "*" else ("*." if text.startswith("*.") else "") + _host_name(text.removeprefix("*."))


def _one_line(text: str) -> str:
    if printable(text) != text:
        raise ValueError("must be on one line, without control characters")
    return text


def _link(text: str) -> str:
    if text and (
        not re.fullmatch(r"https?://[^/\s]+(/[^\s]*)?", text) or "{" in re.sub(r"\{(namespace|name)\}", "", text)
    ):
        raise ValueError("write it like https://rollouts.example.org/{namespace}/{name}")
    return text


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

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["bearerTokenFile", "basicAuth"]},
            "dependentRequired": {"clientKeyFile": ["clientCertFile"]},
        }
    )

    url: Annotated[str, AfterValidator(_http_url), _shown(r"^https?://[^/?#@]+[^?#@]*$")]
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
    headers: dict[str, Annotated[str, AfterValidator(_header_value)]] = Field(default_factory=dict, repr=False)
    """Further headers, such as `X-Scope-OrgID`."""
    timeout: Annotated[Duration, AfterValidator(_a_second_or_more)] = Duration("10s")
    """How long one query may take at most."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Queries at the same time."""
    dialect: Dialect = Dialect.PROMETHEUS
    """What its queries are written in: `prometheus`, or `metricsql` for VictoriaMetrics, whose queries are not parsed here."""
    partial_responses: Literal["Refuse", "Trust"] = "Refuse"
    """An answer beside which the source says that parts of its data were missing: no answer, or one like any other."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("give bearerTokenFile or basicAuth, not both")
        if self.client_key_file and not self.client_cert_file:
            raise ValueError("clientKeyFile goes with clientCertFile")
        for name in self.headers:
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"headers: {name!r} is not a valid header name: letters, digits and '-'")
        return self


class CustomKind(ApiModel):
    """A kind of object whose two numbers a Rollout may set with `kind: Custom`."""

    group: Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")]
    """API group, such as `serving.knative.dev`."""
    versions: Annotated[
        tuple[Annotated[str, AfterValidator(_like(r"v[a-z0-9]+", "it like v1 or v1beta1"))], ...],
        Field(min_length=1, max_length=8),
    ]
    """Versions in order of preference, such as `[v1]`."""
    kind: Annotated[str, AfterValidator(_like(r"[A-Za-z0-9]{1,63}", "it like Service"))]
    """Kind, such as `Service`."""
    plural: Annotated[str, AfterValidator(_like(r"[a-z0-9]{1,63}", "it like services"))]
    """The kind as in URLs, such as `services`."""
    weights: Annotated[
        tuple[
            Annotated[str, AfterValidator(_like(_PLACE, "a place below spec, such as spec.traffic[*].percent"))], ...
        ],
        Field(min_length=1, max_length=16),
    ]
    """The numbers that may be set, such as `spec.traffic[*].percent`: a Rollout cannot reach any other."""
    sum: Annotated[int, Field(ge=1)] | None = None
    """What the two must add up to; by default any sum will do."""
    max: Annotated[int, Field(ge=1)] = 1_000_000
    """The largest number that is taken."""
    absent: Annotated[int, Field(ge=0)] | None = None
    """What a missing number means; by default a missing number cannot be read, and no run starts."""
    settle: Annotated[Duration, AfterValidator(_a_second_or_more)] = Duration("10s")
    """How long after a raise the numbers count as acting: no controller reports that they do."""


class Notifications(ApiModel):
    """Where messages of `spec.notifications` may go. A tenant writes the URL, and the operator's pod connects to it."""

    schemes: tuple[Annotated[str, AfterValidator(_like(r"[a-z][a-z0-9+.-]*", "it like slack or https"))], ...] = ()
    """Schemes of URLs: those of apprise (`slack`, `pagerduty`, `mailtos`, ...), and `https` or `http` for CloudEvents. Empty: no
    messages are sent."""
    hosts: tuple[Annotated[str, AfterValidator(_host_pattern)], ...] = ()
    """Hosts that a URL may name where its scheme has no host of its own: `hooks.example.org`, `*.example.org`, or `*` for any."""
    internal_hosts: tuple[Annotated[str, AfterValidator(_host_name)], ...] = ()
    """Hosts that may be at an address which is not public, such as a Service of the cluster."""
    cluster: Annotated[str, Field(max_length=63), AfterValidator(_one_line)] = ""
    """The cluster's name in every message."""
    link: Annotated[str, AfterValidator(_link)] = ""
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
    command_policy: Annotated[str, Field(max_length=253), _shown(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """The ValidatingAdmissionPolicy, and its binding of the same name, that checks the requesters of commands. Empty: there is
    none, and every approval is unverified."""
    ignored_annotations: tuple[str, ...] = ()
    """Annotations of pod templates that do not make a version, such as an injector's checksum."""
    routers: tuple[Annotated[RouteKind, AfterValidator(_not_custom)], ...] = tuple(map(RouteKind, STANDARD))
    """The kinds of route whose weights may be set: each is watched, and needs its permissions (`docs/routers.md`)."""
    custom: tuple[CustomKind, ...] = ()
    """Further kinds, for `kind: Custom`."""
    notifications: Notifications = Notifications()
    """Where messages may go; by default nowhere."""
    reports: tuple[NamespaceName, ...] = ()
    """The namespaces in which the report of each ended run is kept in a ConfigMap (docs/report.md); empty: none is."""
    listen: Annotated[str, AfterValidator(_listen_address), _shown(r"^[^/]*:[0-9]{1,5}$")] = "0.0.0.0:8080"
    """Address of `/metrics`, `/healthz` and `/readyz`."""
    logs: Logs = Logs()
    """How the operator logs."""


def load(path: Path | None) -> Settings:
    """The settings in a YAML file; the defaults without one. The files that it names are looked at too.

    Raises: SettingsError.
    """
    if path is None:
        return Settings()
    try:
        content = _content(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: is nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    settings = parse(content, str(path))
    if problems := list(file_problems(settings)):
        raise SettingsError("\n".join(f"{path}: {problem}" for problem in problems))
    return settings


def _content(text: str) -> object:
    """What a YAML text holds. Raises: yaml.YAMLError, also for a key written twice."""
    loader = ManifestLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        weighed(node)
        _refuse_repeated(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_repeated(node: yaml.Node) -> None:
    seen: set[str] = set()
    for item in node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else ():
        key, value = item if isinstance(item, tuple) else (None, item)
        if key is not None and str(key.value) in seen:
            raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is written twice", key.start_mark)
        if key is not None:
            seen.add(str(key.value))
        _refuse_repeated(value)


def parse(content: object, where: str) -> Settings:
    """The settings from what a YAML file holds; `where` names the file in messages.

    Raises: SettingsError.
    """
    if content is not None and not isinstance(content, dict):
        raise SettingsError(f"{where}: must hold keys and values, such as 'sources:'")
    try:
        return Settings.model_validate(content or {})
    except ValidationError as error:
        lines = [_in_words(item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError("\n".join(f"{where}: {line}" for line in lines)) from None


def _in_words(error: Any) -> str:  # noqa: ANN401  (pydantic's own shape)
    key = ".".join(printable(str(part)) for part in error["loc"] if part != "[key]") or "the file"
    if error["type"] == "extra_forbidden":
        return f"{key}: no such key"
    said = _IN_WORDS.get(error["type"])
    message = said.format(**error.get("ctx", {})) if said else str(error["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}"


_IN_WORDS: Final = {
    "missing": "is required",
    "tuple_type": "must be a list, such as [shop, bank]",
    "dict_type": "must have keys and values",
    "model_type": "must have keys and values",
    "string_type": "must be a text; write it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "the least is {ge}",
    "less_than_equal": "the most is {le}",
    "literal_error": "write {expected}",
    "enum": "write {expected}",
    "path_type": "must be the name of a file",
    "string_pattern_mismatch": "write lower-case letters, digits and '-'",
    "string_too_long": "has more than {max_length} characters",
    "string_too_short": "must not be empty",
}
"""Pydantic's kinds of error; any other keeps pydantic's own words."""


def file_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with the files that the settings name, as it is now: they may be rotated later."""
    for name, source in settings.sources.items():
        basic = source.basic_auth
        read = (
            ("bearerTokenFile", source.bearer_token_file),
            ("basicAuth.passwordFile", basic.password_file if basic is not None else None),
            ("caFile", source.ca_file),
            ("clientCertFile", source.client_cert_file),
            ("clientKeyFile", source.client_key_file),
        )
        faults = [f"sources.{name}.{key}: {fault}" for key, file in read if file and (fault := _unreadable(file))]
        yield from faults or (f"sources.{name}.{fault}" for fault in _certificate_faults(source))


def _unreadable(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    return ""


def _certificate_faults(source: Source) -> Iterator[str]:
    if source.ca_file is not None:
        try:
            ssl.create_default_context(cafile=str(source.ca_file))
        except (ssl.SSLError, ValueError):
            yield f"caFile: {source.ca_file} holds no certificate (PEM)"
    if source.client_cert_file is not None:
        try:
            ssl.create_default_context().load_cert_chain(source.client_cert_file, source.client_key_file)
        except (ssl.SSLError, ValueError):
            key = f" with the key in {source.client_key_file}" if source.client_key_file else " and its key"
            yield f"clientCertFile: {source.client_cert_file} holds no certificate (PEM){key}"
