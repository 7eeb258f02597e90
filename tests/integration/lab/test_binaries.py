"""Where the programs come from."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from lab import binaries
from lab.binaries import cache, recipes, toolchain

if TYPE_CHECKING:
    from pathlib import Path


def test_the_envtest_folder_comes_first_for_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etcd").touch(mode=0o755)
    built = binaries.program("kube-controller-manager")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries.program("etcd") == tmp_path / "etcd"
    assert binaries.program("kube-controller-manager") == built


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "here"))
    assert cache.folder() == tmp_path / "here"


@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_without_a_home_there_still_is_a_cache_folder(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TIDEGATE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert cache.folder().is_relative_to(tmp_path)


def test_other_flags_give_another_folder() -> None:
    recipe = recipes.CONTROL_PLANE
    assert recipe.key != recipes.Recipe(**{**vars(recipe), "flags": ()}).key


def test_a_second_builder_waits_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    with (tmp_path / "thing.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        said: list[str] = []

        def release(line: str) -> None:
            said.append(line)
            fcntl.flock(other, fcntl.LOCK_UN)

        with cache.only_one("thing", release):
            assert said == ["thing: another process is at it, waiting"]


def test_an_unknown_program_is_named() -> None:
    with pytest.raises(binaries.MissingProgramError, match="kubelet is no program of the lab"):
        binaries.program("kubelet")


def fake_go(folder: Path, script: str) -> None:
    folder.mkdir()
    program = folder / "go"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_build_that_fails_names_its_log_and_leaves_nothing_to_be_mistaken_for_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(
        tmp_path / "bin",
        'test "$1" = version && echo go version go1.26.0 linux/amd64 && exit; echo no space >&2; exit 1',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(binaries.BuildError, match=r"(?s)`go list` failed; .*/cache/control-plane\.log.*no space"):
        binaries.program("etcd")
    assert binaries.present("etcd") is None


def test_without_go_and_without_the_locked_requirements_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", "echo go version go1.19.8 linux/amd64")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(toolchain, "_LOCKED", tmp_path / "go.txt")
    with pytest.raises(binaries.MissingProgramError, match=r"Go 1\.26 or newer is needed to build the lab"):
        binaries.program("etcd")
