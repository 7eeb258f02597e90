from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from tidegate.cli.main import main
from tidegate.cli.parser import COMMANDS


def test_help_names_every_command_and_loads_none_of_what_they_need() -> None:
    code = "import sys; from tidegate.cli.main import main\ntry: main(['--help'])\nfinally: print(sorted({'pydantic', 'yaml', 'kubernetes', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stdout.endswith("[]\n")


def test_the_operator_loads_no_package_it_does_not_use_and_a_table_still_does() -> None:
    code = (
        "import sys; from tidegate.cli.main import main\ntry: main(['operator', '--help'])\nfinally: "
        "print({'structlog', 'rich', 'pygments'} & set(sys.modules)); import rich.table; print(rich.table.Table.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.endswith("{'structlog'}\nTable\n")


def test_requests_guesses_no_encodings_and_says_nothing_of_it() -> None:
    """A text without an encoding is UTF-8 to it: what a source of metrics writes is JSON."""
    code = (
        "import sys; from tidegate.cli.main import main\ntry: main(['operator', '--help'])\nfinally: "
        "import requests; answer = requests.Response(); answer._content = 'a day at 30 \\u00b0C'.encode(); print(ascii(answer.text), "
        "{'requests', 'chardet', 'charset_normalizer'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.endswith("'a day at 30 \\xb0C' {'requests'}\n")
    assert not done.stderr


def test_a_requests_that_cannot_do_without_guessing_is_not_installed() -> None:
    """Up to 2.31 it fails to import where what guesses encodings is hidden from it, and the operator would not start."""
    read = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert "requests>=2.32.2" in read["project"]["dependencies"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert capsys.readouterr().out.startswith("usage: ")


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"tidegate {version('tidegate')}\n"


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["lint"], ["abort"]])
def test_wrong_use_is_exit_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    assert capsys.readouterr().err.startswith("usage: ")


def test_as_a_kubectl_plugin_it_names_itself_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/kubectl-tidegate", "lint", "--help"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert capsys.readouterr().out.startswith("usage: kubectl tidegate lint ")


def test_crd_prints_what_it_would_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crd"]) == 0
    printed = capsys.readouterr().out
    assert main(["crd", "--output", str(tmp_path / "new")]) == 0
    written = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    kinds = ("rollouts", "rolloutcommands", "metrictemplates", "clustermetrictemplates")
    assert set(written) == {f"{kind}.tidegate.dev.yaml" for kind in kinds}
    assert all(text in printed for text in written.values())


def test_crd_into_a_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "taken"
    file.touch()
    assert main(["crd", "--output", str(file)]) == 2
    assert capsys.readouterr().err == f"tidegate: cannot write to {file}: File exists\n"


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "tidegate.cli", "crd"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, b"")


def test_the_operators_configuration_is_checked_before_anything_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tidegate.yaml"
    file.write_text("source: {}\n")
    assert main(["operator", "--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"tidegate: {file}: source")
    assert said.count("\n") == 1
