"""The API client's credentials in Kopf's terms, so that both are always the same user at the same server."""

from __future__ import annotations

import aiohttp
import kopf
from kubernetes.aio.client.configuration import Configuration


def session_of(info: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """An HTTP session of our own for Kopf, which does not close its own when it is cancelled."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)


async def connection_info(configuration: Configuration) -> kopf.ConnectionInfo:
    """Where and as whom; a rotated token is read anew each time Kopf asks."""
    key = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    scheme, _, token = (key or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        ca_data=configuration.ca_cert_data,
        insecure=not configuration.verify_ssl,
        scheme=scheme.strip().title() or None,
        token=token.strip() or None,
        username=configuration.username or None,
        password=configuration.password or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )
