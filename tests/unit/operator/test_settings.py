from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.settings import Settings, SettingsError, load

WHOLE = """
sources:
  default:
    url: https://prometheus.monitoring:9090/prefix/
    bearerTokenFile: /run/token
    caFile: /run/ca.crt
    headers: {X-Scope-OrgID: a}
    timeout: 5s
    concurrency: 4
    partialResponses: Trust
  other:
    url: http://thanos
    basicAuth: {username: me, passwordFile: /run/password}
namespaces: [shop]
ignoredAnnotations: [example.com/checksum]
listen: ":9000"
logs: {format: json, level: debug}
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load(file)


def test_every_key_is_read(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WHOLE)
    source = settings.sources["default"]
    assert source.url == "https://prometheus.monitoring:9090/prefix"
    assert source.bearer_token_file == Path("/run/token")
    assert (source.timeout.seconds, source.concurrency) == (5, 4)
    assert source.partial_responses == "Trust"
    assert settings.sources["other"].basic_auth is not None
    assert settings.sources["other"].partial_responses == "Refuse"
    assert settings.namespaces == ("shop",)
    assert (settings.listen, settings.logs.level) == (":9000", "debug")


@pytest.mark.parametrize("text", ["", "{}", "# nothing but words\n"])
def test_an_empty_file_is_all_defaults(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == Settings() == load(None)


@pytest.mark.parametrize(
    ("case", "text", "words"),
    [
        ("a key misspelt", "souces: {}", "souces: no such key"),
        ("a key misspelt deep inside", "sources: {default: {url: http://a, caFiel: /x}}", "sources.default.caFiel: no such key"),
        ("no url", "sources: {default: {}}", "sources.default.url"),
        ("another scheme", "sources: {default: {url: ftp://a}}", "http://"),
        ("a password in the url", "sources: {default: {url: 'http://me:hunter2@a'}}", "passwordFile"),
        ("a query in the url", "sources: {default: {url: 'http://a/?x=1'}}", "path"),
        ("two ways in", "sources: {default: {url: http://a, bearerTokenFile: /t, basicAuth: {username: a, passwordFile: /p}}}", "not both"),
        ("a key without its certificate", "sources: {default: {url: http://a, clientKeyFile: /k}}", "clientCertFile"),
        ("a time-out of nothing", "sources: {default: {url: http://a, timeout: 0s}}", "sources.default.timeout"),
        ("partial answers borne", "sources: {default: {url: http://a, partialResponses: Warn}}", "sources.default.partialResponses: Input should be 'Refuse' or 'Trust'"),
        ("no threads", "sources: {default: {url: http://a, concurrency: 0}}", "concurrency"),
        ("an address without a port", "listen: localhost", "0.0.0.0:8080"),
        ("a level nobody knows", "logs: {level: loud}", "logs.level"),
        ("a list", "- a", "keys and values"),
        ("no YAML", "a: [", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file_and_key(tmp_path: Path, case: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert words in str(caught.value), case
    assert str(tmp_path / "config.yaml") in str(caught.value), case
    assert "hunter2" not in str(caught.value), case


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, "a: 1\nb: 2\n")
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.yaml: cannot be read"):
        load(tmp_path / "none.yaml")


def test_secrets_do_not_show_in_a_repr() -> None:
    settings = Settings.model_validate({"sources": {"a": {"url": "http://a", "headers": {"X-Key": "hunter2"}}}})
    assert "hunter2" not in repr(settings)
