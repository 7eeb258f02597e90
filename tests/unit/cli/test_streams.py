"""No traceback, whatever standard output is and whatever is typed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.cli.main import main

ROOT = Path(__file__).parents[3]
FULL = Path("/dev/full")
COMMANDS = (
    ["crd"],
    ["preset"],
    ["preset", "http/error-rate"],
    ["plan", "examples/complete.yaml"],
    ["lint", "examples"],
    ["lint", "--format", "json", "examples"],
    ["simulate", "examples/minimal.yaml"],
    ["--help"],
    ["--version"],
)


def run(arguments: list[str], out: object = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tidegate.cli", *arguments]
    return subprocess.run(  # noqa: S603
        command, stdout=out, stderr=subprocess.PIPE, cwd=ROOT, env={**os.environ, **environment}, check=False
    )  # type: ignore[call-overload]


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with FULL.open("wb") as full:
        done = run(arguments, full)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert done.stderr.splitlines()[-1] == b"tidegate: cannot write to standard output: No space left on device"
    assert done.returncode == 2


@pytest.mark.parametrize("arguments", [COMMANDS[0], COMMANDS[3], COMMANDS[5]], ids=" ".join)
def test_a_closed_standard_output_takes_nothing_and_the_exit_code_stays(arguments: list[str]) -> None:
    line = f"{sys.executable} -m tidegate.cli {' '.join(arguments)} >&-"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, cwd=ROOT, check=False)  # noqa: S603
    assert (done.returncode, done.stdout, b"Traceback" in done.stderr) == (0, b"", False)


def test_a_closed_standard_error_is_fine_too() -> None:
    line = f"{sys.executable} -m tidegate.cli lint /nope 2>&-"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, cwd=ROOT, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("arguments", [COMMANDS[0], COMMANDS[3], COMMANDS[4], COMMANDS[6]], ids=" ".join)
def test_any_encoding_has_something_to_show(arguments: list[str], encoding: str) -> None:
    done = run(arguments, PYTHONIOENCODING=encoding)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert done.stdout.decode(encoding) or arguments == ["lint", "examples"]
    if encoding == "ascii" and arguments[0] == "plan":
        assert b"checkout -> checkout-canary" in done.stdout


def test_the_c_locale_is_fine() -> None:
    done = run(["plan", "examples/complete.yaml"], LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("columns", ["banana", "1"])
def test_any_width_is_fine(columns: str) -> None:
    assert run(["plan", "examples/complete.yaml"], COLUMNS=columns).returncode == 0


def kubeconfig_of(folder: Path) -> Path:
    """Of a cluster that nobody reaches."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize("command", ["lint", "plan", "simulate"])
@pytest.mark.parametrize(
    "text",
    [
        f"a: {DEEP}\n",
        f"apiVersion: tidegate.dev/v1alpha1\nkind: Rollout\nmetadata: {{name: web}}\nspec: {DEEP}\n",
        "a: &a [*a]\n",
        "\x00",
        "- \ud83d",
        "!!python/object/apply:os.system [ls]\n",
        "? {a: b}\n: c\n",
        "? [a]\n: c\n",
        "a: !!binary x\n",
        "a: !!timestamp nonsense\n",
        "a: 2026-02-31\n",
        "a: 1:99:99\n",
        "a: !!int nonsense\n",
        "a: !!float nonsense\n",
        "<<: 5\n",
        "<<: [5]\n",
        "a: *nobody\n",
        "%YAML 9.9\n---\na: b\n",
        "a: .inf\n",
        "kind: [Rollout]\n",
        "kind: Rollout\napiVersion: tidegate.dev/v1alpha1\nspec: .nan\n",
        "kind: Rollout\napiVersion: tidegate.dev/v1alpha1\nspec: {interval: .inf, steps: [{weight: .nan}]}\n",
        "kind: Rollout\napiVersion: tidegate.dev/v1alpha1\nmetadata: []\nspec: [1]\n",
        "kind: List\napiVersion: v1\nitems: {}\n",
        "kind: List\napiVersion: v1\nitems: [1, null, [2]]\n",
    ],
)
def test_no_file_gives_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, text: str) -> None:
    file = tmp_path / "web.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert main([command, str(file)]) in {1, 2}
    assert capsys.readouterr().err


def rollout(tmp_path: Path, **changes: object) -> str:
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump(good({path.replace("__", "."): value for path, value in changes.items()})))
    return str(file)


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1969-01-01T00:00:00+14:00"])
def test_a_plan_at_the_end_of_time_is_a_plan(tmp_path: Path, start: str) -> None:
    assert main(["plan", rollout(tmp_path), "--start", start]) == 0


@pytest.mark.parametrize("after", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z"])
def test_a_gate_at_the_end_of_time_is_planned_and_simulated(tmp_path: Path, after: str) -> None:
    file = rollout(tmp_path, steps__0__gate={"after": after})
    assert main(["plan", file]) == 0
    assert main(["plan", file, "--start", "2026-01-01T00:00:00Z"]) == 0
    assert main(["simulate", file]) == 0


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_world_at_the_end_of_time_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], start: str) -> None:
    (tmp_path / "world.yaml").write_text(f"start: {start}\n")
    assert main(["simulate", rollout(tmp_path), "--world", str(tmp_path / "world.yaml")]) == 2
    assert "start: must be from the year 1970 to 9000" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "ledger/../..", "Ledger", "a b", "x" * 254, "ledger?watch=1", "\x1b[2J"])
@pytest.mark.parametrize("command", ["status", "abort", "pause", "resume", "retry"])
def test_what_is_no_name_never_becomes_a_part_of_a_url(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([command, name, "--kubeconfig", "/nope"])
    said = capsys.readouterr().err
    assert "argument NAME: " in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reason", "x" * 1025], "--reason: has more than 1024 characters"),
        (["--run", "x" * 64], "--run: has more than 63 characters"),
        (["--reason", "a\nb"], "--reason: 'a\\nb' is not plain text on one line"),
    ],
)
def test_a_command_too_long_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = kubeconfig_of(tmp_path)
    assert main(["pause", "web", "--kubeconfig", str(file), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_kubeconfig_that_is_not_there_is_told_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "web", "--kubeconfig", "/nope"]) == 2
    assert capsys.readouterr().err == "tidegate: /nope: there is no such kubeconfig\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a valid kubeconfig"),
        ("just words\n", "not a valid kubeconfig"),
        ("[]\n", "not a valid kubeconfig"),
        ("a: [\n", "not a valid kubeconfig: while parsing"),
        ("apiVersion: v1\nkind: Config\n", "Expected key current-context"),
        ("current-context: c\ncontexts: {}\n", "kubeconfig"),
        ("current-context: c\ncontexts: [c]\n", "kubeconfig"),
        ("CA /nope", "/nope"),
        ("CA /etc/hostname", "certificate-authority: /etc/hostname contains no certificate (PEM)"),
        (
            "CERT /etc/hostname",
            "client-certificate: /etc/hostname and /etc/hostname do not contain a certificate and its key (PEM)",
        ),
    ],
)
def test_a_kubeconfig_that_is_none_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = kubeconfig_of(tmp_path)
    if text.startswith("CA "):
        given = yaml.safe_load(file.read_text())
        given["clusters"][0]["cluster"]["certificate-authority"] = text.split()[1]
        text = yaml.safe_dump(given)
    elif text.startswith("CERT "):
        given = yaml.safe_load(file.read_text())
        given["users"][0]["user"] = {"client-certificate": text.split()[1], "client-key": text.split()[1]}
        text = yaml.safe_dump(given)
    file.write_text(text)
    assert main(["status", "web", "--kubeconfig", str(file)]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_value_that_looks_like_an_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["pause", "web", "--timeout", "-1s"])
    assert "argument --timeout: expected one argument (one that begins with '-' is written --timeout=...)" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("when", ["2026-11-26T05:40:00", "2026-11-26"])
def test_an_instant_says_its_time_zone(when: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plan", rollout(tmp_path), "--start", when])
    assert "must have a time zone" in capsys.readouterr().err
    assert main(["backtest", rollout(tmp_path), "--prometheus", "http://127.0.0.1:1", "--from", when]) == 2
    assert "must have a time zone" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    kubeconfig = kubeconfig_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "operator.yaml"
        port = taken.getsockname()[1]
        config.write_text(f"listen: 127.0.0.1:{port}\nsources: {{default: {{url: http://127.0.0.1:1}}}}\n")
        done = run(["operator", "--config", str(config), "--kubeconfig", str(kubeconfig)])
    assert done.returncode == 1
    said = done.stderr.decode().splitlines()[-1]
    assert (
        said
        == f"tidegate: cannot listen on 127.0.0.1:{port}: the port is taken; 'listen' in {config} names another address"
    )
