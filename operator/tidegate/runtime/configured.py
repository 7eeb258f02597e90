"""What the settings mean for the adapters: enabled routers, allowed receivers, addresses of sources."""

from __future__ import annotations

from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.prometheus import FileAuth, SourceAddress
from tidegate.adapters.routers import enabled
from tidegate.adapters.routers.row import Row
from tidegate.adapters.routers.rows.custom import CustomKind
from tidegate.runtime.settings import Notifications, Settings, Source


def routers_of(settings: Settings) -> tuple[Row, ...]:
    """The rows that the administrator enabled."""
    customs = (
        CustomKind(
            one.group, one.versions, one.kind, one.plural, one.weights, one.sum, one.max, one.absent, one.settle.seconds
        )
        for one in settings.custom
    )
    return enabled(settings.routers, customs)


def allowed_by(said: Notifications) -> Allowed:
    """Where the configuration lets messages go."""
    return Allowed(said.schemes, said.hosts, said.internal_hosts)


def source_address(source: Source) -> SourceAddress:
    """Where the configuration says that a source is."""
    basic = source.basic_auth
    return SourceAddress(
        url=source.url,
        auth=FileAuth(
            bearer_token_file=source.bearer_token_file,
            username=basic.username if basic else "",
            password_file=basic.password_file if basic else None,
        ),
        ca_file=source.ca_file,
        client_cert_file=source.client_cert_file,
        client_key_file=source.client_key_file,
        headers=source.headers,
        timeout=source.timeout.seconds,
        concurrency=source.concurrency,
        trust_partial=source.partial_responses == "Trust",
    )
