from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from lab.binaries.gateways import CONTOUR, ENVOY_GATEWAY, ISTIOD, GatewayProgram
from lab.binaries.module_files import ModuleFiles
from tests.gateways import __main__ as command
from tests.gateways.needed import SEEN_TO, needs
from tidegate.adapters.routers import ROUTERS

if TYPE_CHECKING:
    from pathlib import Path


def test_where_no_network_namespace_may_be_made_the_tests_are_skipped_with_a_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gateways", "contour"])
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main() == 0
    said = capsys.readouterr().out
    assert said.startswith("SKIPPED: the tests on contour need a network namespace")
    assert "Operation not permitted" in said
    refusing.unlink()
    assert command.main() == 0
    assert "unshare is not installed" in capsys.readouterr().out


def test_an_unknown_gateway_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gateways", "nginx"])
    with pytest.raises(SystemExit) as raised:
        command.main()
    assert raised.value.code
    assert "no such gateway: nginx" in capsys.readouterr().err


def test_what_the_command_has_seen_to_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SEEN_TO, "contour,istiod")
    assert needs("contour") == needs("istiod") == []
    assert needs("envoy-gateway")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("HTTPProxy", {"Contour": CONTOUR}),
        ("TCPRoute", {"Contour": CONTOUR}),
        ("HTTPRoute", {"Contour": CONTOUR, "istiod": ISTIOD, "Envoy Gateway": ENVOY_GATEWAY}),
        ("GRPCRoute", {"istiod": ISTIOD}),
        ("VirtualService", {"istiod": ISTIOD}),
    ],
)
def test_the_table_names_the_controllers_that_are_tested(kind: str, names: dict[str, GatewayProgram]) -> None:
    tested = next(row.facts.tested for row in ROUTERS if row.kind == kind)
    for name, program in names.items():
        assert f"{name} {_said(program.files)}" in tested


def _said(files: ModuleFiles) -> str:
    """A release, or the commit of a version that is none."""
    return files.version.removeprefix("v").rpartition("-")[2]
