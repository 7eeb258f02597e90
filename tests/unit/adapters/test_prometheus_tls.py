"""One TLS context for a source: made once, made anew when a certificate is rotated, and told when it cannot be made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.adapters.prometheus.session import QuerySession
from tidegate.adapters.prometheus.tls import Certificates, CertificatesUnreadable
from tidegate.core.model.answers import Failed, FailedReason, Query


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copy(DEFAULT_CA_BUNDLE_PATH, tmp_path / "ca.crt"))


def test_the_context_is_made_once_for_all_sessions(bundle: Path) -> None:
    certificates = Certificates(bundle)
    sessions = [QuerySession(certificates) for _ in range(3)]
    adapters = [session.get_adapter("https://prometheus") for session in sessions]
    contexts = {id(adapter.context) for adapter in adapters}  # type: ignore[attr-defined]
    assert contexts == {id(certificates.context())}
    assert sessions[0].get_adapter("https://prometheus") is adapters[0], "and the connection is kept"
    for session in sessions:
        session.close()


def test_without_tls_no_certificate_is_read() -> None:
    session = QuerySession(Certificates(Path("/nowhere")))
    session.get_adapter("http://prometheus")
    session.close()


def test_a_bundle_that_was_rotated_is_read_anew(bundle: Path) -> None:
    certificates = Certificates(bundle)
    before = certificates.context()
    assert certificates.context() is before
    bundle.write_text(bundle.read_text() + "\n")
    after = certificates.context()
    assert after is not before
    assert certificates.context() is after


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ("", "contains no certificates"), ("x", "contains no certificates")]
)
def test_a_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CertificatesUnreadable, match=words) as caught:
        Certificates(file).context()
    assert str(file) in str(caught.value)


def test_a_client_certificate_that_cannot_be_shown_is_named(bundle: Path, tmp_path: Path) -> None:
    own = tmp_path / "tls.crt"
    own.write_text("nothing")
    with pytest.raises(CertificatesUnreadable, match="cannot be used"):
        Certificates(bundle, own).context()


async def test_a_query_says_which_certificate_is_missing(tmp_path: Path) -> None:
    source = PrometheusSource("default", SourceAddress("https://127.0.0.1:9", ca_file=tmp_path / "gone.crt"))
    answer = await source.sample(Query("default", "up"), timeout=5)
    source.close()
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.source_down) == (FailedReason.DENIED, True)
    assert "gone.crt" in answer.message
