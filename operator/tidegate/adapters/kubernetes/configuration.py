"""Where the API server is, and how the operator proves who it is: kubeconfig, service account, certificates, proxy."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Final
from urllib.request import getproxies, proxy_bypass

import yaml
from kubernetes.aio import config
from kubernetes.aio.client.configuration import Configuration
from yarl import URL

from tidegate.ports.errors import Unavailable

CONNECTIONS: Final = 128
"""Simultaneous calls. More are slower: with 500 reverts at once on two cores, 128 connections took 0.9 s, 600 took 1.3 s
(the handshakes) and 110 MB more memory.
"""


async def load_configuration(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """Where the API server is and how to prove who we are.

    From the file named, else from the pod's service account, else from the user's own kubeconfig.

    Raises: Unavailable: there is no such file, or it names no server; the message says what was looked for.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = CONNECTIONS
    # The client would look for a proxy and a .netrc in the environment at every request: a tenth of a storm's time.
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        await _configure(configuration, kubeconfig, context)
    except (config.ConfigException, OSError) as error:
        if kubeconfig is not None and _is_missing(kubeconfig):
            raise Unavailable(f"{kubeconfig}: there is no such kubeconfig") from error
        looked = kubeconfig or "the pod's service account, $KUBECONFIG or ~/.kube/config"
        raise Unavailable(
            f"no API server is configured: {error} (looked for {looked}; --kubeconfig names another)"
        ) from error
    except (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError) as error:
        what = (
            " ".join(str(error).split())
            if isinstance(error, yaml.YAMLError)
            else "it does not have the fields of a kubeconfig"
        )
        raise Unavailable(f"{kubeconfig or 'the kubeconfig'}: not a valid kubeconfig: {what}") from error
    _check_certificates(configuration)
    if configuration.proxy is None:
        _take_proxy(configuration)
    return configuration


def _check_certificates(configuration: Configuration) -> None:
    """Raises: Unavailable: a file that should hold certificates holds none."""
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
    except OSError as error:
        raise Unavailable(
            f"certificate-authority: {configuration.ssl_ca_cert} contains no certificate (PEM)"
        ) from error
    if configuration.cert_file:
        try:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
        except OSError as error:
            what = f"{configuration.cert_file} and {configuration.key_file or 'no key'}"
            raise Unavailable(f"client-certificate: {what} do not contain a certificate and its key (PEM)") from error


def _take_proxy(configuration: Configuration) -> None:
    """The environment's proxy for the API server, read once."""
    host = URL(configuration.host)
    found = getproxies().get(host.scheme)
    if not found or proxy_bypass(host.host or ""):
        return
    proxy = URL(found)
    configuration.proxy = str(proxy.with_user(None))
    if proxy.user:
        login = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        configuration.proxy_headers = {"Proxy-Authorization": f"Basic {login}"}


def _is_missing(file: str) -> bool:
    return not Path(file).is_file()


async def _configure(configuration: Configuration, kubeconfig: str | None, context: str | None) -> None:
    if kubeconfig is None and context is None:
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=configuration
        )
