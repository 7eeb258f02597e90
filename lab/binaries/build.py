"""From a go.mod to programs in the cache folder: built aside, moved into place in one rename."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.binaries import cache, toolchain
from lab.binaries.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.binaries.progress import Progress
    from lab.binaries.recipes import Recipe

    _Make = Callable[[toolchain.Go, Recipe, Path, Progress], Path]

_TAIL_LINES = 15


def place(recipe: Recipe) -> Path:
    """Where the result of a recipe is, or will be."""
    return cache.folder() / f"{recipe.name}-{recipe.key}"


def programs(recipe: Recipe, progress: Progress) -> Path:
    """The folder with a recipe's programs, built first when it is not there. MissingProgramError, BuildError."""
    return _once(recipe, progress, _compile)


def files(recipe: Recipe, inside: str, progress: Progress) -> Path:
    """A copy of the folder `inside` of the one module a recipe requires, checked against its go.sum."""

    def download(go: toolchain.Go, recipe: Recipe, work: Path, progress: Progress) -> Path:
        with progress.phase(f"{recipe.title}: downloading"):
            answer = _run(go, ["mod", "download", "-json", recipe.module], work, recipe)
        module = Path(json.loads(answer)["Dir"])
        return shutil.copytree(module / inside, work / "out", copy_function=shutil.copyfile)

    return _once(recipe, progress, download)


def _once(recipe: Recipe, progress: Progress, make: _Make) -> Path:
    target = place(recipe)
    if target.is_dir():
        return target
    with cache.only_one(recipe.name, progress.say):
        if not target.is_dir():
            work = cache.folder() / f"{recipe.name}.partial"
            shutil.rmtree(work, ignore_errors=True)  # of a builder that was killed
            shutil.copytree(recipe.source, work)
            make(toolchain.go(progress), recipe, work, progress).rename(target)
            shutil.rmtree(work, ignore_errors=True)
    return target


def _compile(go: toolchain.Go, recipe: Recipe, work: Path, progress: Progress) -> Path:
    with progress.phase(f"{recipe.title}: downloading sources"):
        _run(go, ["list", "-deps", "tool"], work, recipe)  # loads just what the build will
    with progress.phase(
        f"{recipe.title}: compiling, once (about {recipe.minutes:g} min on 2 cores when Go's cache is cold)"
    ):
        _run(go, ["build", *recipe.flags, "-o", "out/", "tool"], work, recipe)
    out = work / "out"
    for ours, theirs in recipe.programs.items():
        (out / theirs).rename(out / ours)
    return out


def _run(go: toolchain.Go, arguments: list[str], work: Path, recipe: Recipe) -> str:
    log = cache.folder() / f"{recipe.name}.log"
    with log.open("w") as errors:
        done = subprocess.run(
            [go.program, *arguments],
            cwd=work,
            env=go.environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
        )
    if done.returncode:
        tail = "\n".join(log.read_text().splitlines()[-_TAIL_LINES:])
        raise BuildError(
            f"{recipe.title}: `go {arguments[0]}` failed; all of its output is in {log}. It ended with:\n{tail}"
        )
    return done.stdout
