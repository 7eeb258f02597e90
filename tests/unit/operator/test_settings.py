from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from tidegate.runtime.settings import Settings, SettingsError
from tidegate.runtime.settings_file import load

WHOLE = """
sources:
  default:
    url: https://prometheus.monitoring:9090/prefix/
    bearerTokenFile: TOKEN
    caFile: CA
    headers: {X-Scope-OrgID: a}
    timeout: 5s
    concurrency: 4
    partialResponses: Trust
  other:
    url: http://thanos
    basicAuth: {username: me, passwordFile: TOKEN}
namespaces: [shop]
freezes:
- {name: year-end, from: "2026-12-18T17:00:00Z", to: "2027-01-04T06:00:00Z", reason: books, namespaces: [shop]}
ignoredAnnotations: [example.com/checksum]
listen: ":9000"
logs: {format: json, level: debug}
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load(file)


def test_every_key_is_read(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2")
    settings = loaded(tmp_path, WHOLE.replace("TOKEN", str(token)).replace("CA", certifi.where(), 1))
    source = settings.sources["default"]
    assert source.url == "https://prometheus.monitoring:9090/prefix"
    assert source.bearer_token_file == token
    assert (source.timeout.seconds, source.concurrency) == (5, 4)
    assert source.partial_responses == "Trust"
    assert settings.sources["other"].basic_auth is not None
    assert settings.sources["other"].partial_responses == "Refuse"
    assert settings.namespaces == ("shop",)
    assert [one.name for one in settings.freezes] == ["year-end"]
    assert (settings.listen, settings.logs.level) == (":9000", "debug")


@pytest.mark.parametrize("text", ["", "{}", "# nothing but words\n"])
def test_an_empty_file_is_all_defaults(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == Settings() == load(None)


@pytest.mark.parametrize(
    ("case", "text", "words"),
    [
        ("a key misspelt", "souces: {}", "souces: unknown key"),
        ("a key misspelt deep inside", "sources: {default: {url: http://a, caFiel: /x}}", "sources.default.caFiel: unknown key"),
        ("no url", "sources: {default: {}}", "sources.default.url"),
        ("another scheme", "sources: {default: {url: ftp://a}}", "http://"),
        ("a password in the url", "sources: {default: {url: 'http://me:hunter2@a'}}", "passwordFile"),
        ("a query in the url", "sources: {default: {url: 'http://a/?x=1'}}", "path"),
        ("two ways in", "sources: {default: {url: http://a, bearerTokenFile: /t, basicAuth: {username: a, passwordFile: /p}}}", "not both"),
        ("a key without its certificate", "sources: {default: {url: http://a, clientKeyFile: /k}}", "clientCertFile"),
        ("a time-out of nothing", "sources: {default: {url: http://a, timeout: 0s}}", "sources.default.timeout"),
        ("partial answers tolerated", "sources: {default: {url: http://a, partialResponses: Warn}}", "sources.default.partialResponses: write 'Refuse' or 'Trust'"),
        ("a freeze that ends before it begins", "freezes: [{name: a, from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z', reason: b}]", "freezes.0: 'to' must be later than 'from'"),
        ("a freeze without a reason", "freezes: [{name: a, from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z'}]", "freezes.0.reason: is required"),
        ("a selector that selects by nothing", "freezes: [{name: a, from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z', reason: b, namespaceSelector: {matchExpressions: [{key: a, operator: In}]}}]", "operator In needs values"),
        ("no threads", "sources: {default: {url: http://a, concurrency: 0}}", "concurrency"),
        ("an address without a port", "listen: localhost", "0.0.0.0:8080"),
        ("a level nobody knows", "logs: {level: loud}", "logs.level"),
        ("a scheme with its slashes", "notifications: {schemes: ['slack://']}", "notifications.schemes.0: write it like slack or https"),
        ("a host with a scheme", "notifications: {hosts: ['https://a.example.org']}", "notifications.hosts.0: write the name of a host"),
        ("a host with a port", "notifications: {internalHosts: ['a.svc/x']}", "notifications.internalHosts.0"),
        ("a star in the middle", "notifications: {hosts: ['a.*.org']}", "notifications.hosts.0"),
        ("a link without a scheme", "notifications: {link: 'rollouts/{name}'}", "notifications.link: write it like https://"),
        ("a link with another variable", "notifications: {link: 'https://a/{run}'}", "notifications.link"),
        ("a cluster of two lines", 'notifications: {cluster: "a\\nb"}', "notifications.cluster: must be on one line"),
        ("a list", "- a", "keys and values"),
        ("no YAML", "a: [", "config.yaml:1: is not YAML"),
        ("a text for a list", "namespaces: shop", "namespaces: must be a list, such as [shop, bank]"),
        ("less than none", "sources: {default: {url: http://a, concurrency: -1}}", "sources.default.concurrency: the minimum is 1"),
        ("too many threads", "sources: {default: {url: http://a, concurrency: 999}}", "sources.default.concurrency: the maximum is 256"),
        ("half a thread", "sources: {default: {url: http://a, concurrency: 1.5}}", "sources.default.concurrency: must be a whole number"),
        ("two times the sources", "sources: {}\nsources: {}", "config.yaml:2: is not YAML: 'sources' is written twice"),
        ("one source twice", "sources: {a: {url: http://a}, a: {url: http://b}}", "'a' is written twice"),
        ("a source with a space", "sources: {Bad Name: {url: http://a}}", "sources.Bad Name: write lower-case letters, digits and '-'"),
        ("a namespace with a space", "namespaces: [nosuch, Bad NS]", "namespaces.1: write lower-case letters, digits and '-'"),
        ("a namespace that is a number", "namespaces: [5]", "namespaces.0: must be a string; write it in quotes"),
        ("a source that is a url", "sources: {default: http://a}", "sources.default: must have keys and values"),
        ("sources in a list", "sources: [{url: http://a}]", "sources: must have keys and values"),
        ("a header on two lines", 'sources: {default: {url: http://a, headers: {X-A: "hunter2\\r\\nX-B: c"}}}', "sources.default.headers.X-A: must be on one line"),
        ("a header named on two lines", 'sources: {default: {url: http://a, headers: {"X-A\\r\\nX-B": c}}}', "is not a valid header name"),
        ("an empty name of a header", 'sources: {default: {url: http://a, headers: {"": c}}}', "is not a valid header name"),
        ("a number for a header", "sources: {default: {url: http://a, headers: {X-A: 5}}}", "sources.default.headers.X-A: must be a string; write it in quotes"),
        ("a token that is not there", "sources: {default: {url: http://a, bearerTokenFile: /nope}}", "sources.default.bearerTokenFile: /nope cannot be read: No such file or directory"),
        ("a folder for a token", "sources: {default: {url: http://a, bearerTokenFile: /tmp}}", "sources.default.bearerTokenFile: /tmp cannot be read: Is a directory"),
        ("a password that is not there", "sources: {default: {url: http://a, basicAuth: {username: a, passwordFile: /nope}}}", "sources.default.basicAuth.passwordFile: /nope cannot be read"),
        ("a certificate that is not there", "sources: {default: {url: http://a, clientCertFile: /nope, clientKeyFile: /nope2}}", "sources.default.clientKeyFile: /nope2 cannot be read"),
        ("a CA that is none", "sources: {default: {url: http://a, caFile: /etc/hostname}}", "sources.default.caFile: /etc/hostname contains no certificate (PEM)"),
        ("a client certificate that is none", "sources: {default: {url: http://a, clientCertFile: /etc/hostname}}", "sources.default.clientCertFile: /etc/hostname contains no certificate (PEM) and its key"),
        ("basicAuth without a user", "sources: {default: {url: http://a, basicAuth: {passwordFile: /p}}}", "sources.default.basicAuth.username: is required"),
        ("a name in capitals", "ignoredAnnotations: a", "ignoredAnnotations: must be a list"),
        ("deep brackets", "a: " + "[" * 5000 + "]" * 5000, "is nested too deeply"),
        ("itself inside", "a: &a [*a]", "contains itself"),
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
