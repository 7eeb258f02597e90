"""Completion: in bash by its own script, and in kubectl's protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.cli.main import main
from tidegate.cli.parser import COMMANDS

ROOT = Path(__file__).parents[3]


PLUGIN = "import sys; from tidegate.cli.completion import names, plugin; names.PATIENCE = 60; sys.exit(plugin.main())"
"""With more patience than a person has, for a busy machine."""


def offered(*words: str, kubeconfig: Path = Path("/nowhere")) -> list[str]:
    """As kubectl asks: in a process of its own, because argcomplete takes descriptors 8 and 9."""
    env = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(ROOT / "operator")}
    command = [sys.executable, "-c", PLUGIN, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)  # noqa: S603
    *found, directive = done.stdout.splitlines()
    assert directive == ":4"
    return found


def test_kubectl_is_offered_the_commands() -> None:
    assert offered("") == list(COMMANDS)
    assert offered("sta") == ["status"]


def test_kubectl_is_offered_options_and_their_values() -> None:
    assert offered("status", "--wa") == ["--watch", "--wait"]
    assert offered("get", "-o", "") == ["wide", "json", "yaml", "name"]
    assert "--timeout" in offered("abort", "web", "--")


def test_without_a_cluster_there_are_no_names_and_no_error() -> None:
    assert offered("status", "we") == []
    assert offered("status", "-n", "we") == []
    assert offered("status", "--context", "") == []


def test_the_contexts_are_those_of_the_kubeconfig(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: shop\n"
        "contexts: [{name: shop, context: {cluster: a, user: a}}, {name: bank, context: {cluster: a, user: a}}]\n"
        "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: a, user: {}}]\n"
    )
    assert offered("get", "--kubeconfig", str(file), "--context", "b") == ["bank"]
    assert offered("get", "--context", "", kubeconfig=file) == ["shop", "bank"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script_for_both_names(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_ARGCOMPLETE" in script
    assert "kubectl-tidegate" in script


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    program = tmp_path / "tidegate"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tidegate.cli "$@"\n')
    program.chmod(0o755)
    asked = (
        'eval "$(tidegate completion bash)"; COMP_LINE="tidegate hist"; COMP_POINT=13; COMP_WORDBREAKS=" "; '
        '_python_argcomplete tidegate; printf "%s\n" "${COMPREPLY[@]}"'
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, env=env, check=True)  # noqa: S603, S607
    assert done.stdout.split() == ["history"]


def test_an_ordinary_start_does_not_load_argcomplete() -> None:
    code = "import sys; from tidegate.cli.main import main\ntry: main(['get', '--help'])\nfinally: print('argcomplete' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.endswith("False\n")
