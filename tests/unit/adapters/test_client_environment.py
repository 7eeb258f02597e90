"""The environment's proxy is read once, when the connection is made up, and never at a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.adapters.kubernetes.configuration import load_configuration

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: one, user: one}}]
clusters: [{name: one, cluster: {server: "https://cluster.example.org:6443"}}]
users: [{name: one, user: {token: t}}]
"""


@pytest.mark.parametrize(
    ("environment", "proxy", "login"),
    [
        ({}, None, None),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128", None),
        ({"https_proxy": "http://me:pw@proxy:3128"}, "http://proxy:3128", "Basic bWU6cHc="),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "example.org"}, None, None),
        ({"http_proxy": "http://proxy:3128"}, None, None),
    ],
)
async def test_the_environments_proxy_is_taken_once(
    environment: dict[str, str],
    proxy: str | None,
    login: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    configuration = await load_configuration(str(file))
    assert (configuration.proxy or "").rstrip("/") == (proxy or "")
    assert (configuration.proxy_headers or {}).get("Proxy-Authorization") == login
    assert configuration.client_session_kwargs == {"trust_env": False}
