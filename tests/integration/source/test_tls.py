"""TLS to a source: the API server stands for one, for it speaks HTTPS with a certificate of its own authority."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from lab.control_plane import ControlPlane
from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.core.model.answers import Failed, FailedReason, Query

UP = Query("default", "up")


def address_of(cluster: ControlPlane, folder: Path) -> tuple[str, Path]:
    """The API server's URL, and a file with its authority's certificate."""
    found = yaml.safe_load(Path(cluster.kubeconfig).read_text())["clusters"][0]["cluster"]
    if "certificate-authority" in found:
        return found["server"], Path(found["certificate-authority"])
    file = folder / "ca.crt"
    file.write_bytes(base64.b64decode(found["certificate-authority-data"]))
    return found["server"], file


async def failed(source: PrometheusSource) -> Failed:
    found = await source.sample(UP, timeout=10)
    source.close()
    assert isinstance(found, Failed)
    return found


async def test_a_server_of_the_authority_named_is_spoken_with(cluster: ControlPlane, tmp_path: Path) -> None:
    url, ca_file = address_of(cluster, tmp_path)
    found = await failed(PrometheusSource("default", SourceAddress(url, ca_file=ca_file)))
    assert found.reason in {FailedReason.DENIED, FailedReason.BAD_ANSWER}, "it answers, though it is no Prometheus"


async def test_a_server_of_another_authority_is_not_spoken_with(cluster: ControlPlane, tmp_path: Path) -> None:
    url, _ = address_of(cluster, tmp_path)
    found = await failed(PrometheusSource("default", SourceAddress(url)))
    assert (found.reason, found.source_down) == (FailedReason.REFUSED, True)
    assert "CERTIFICATE_VERIFY_FAILED" in found.message
