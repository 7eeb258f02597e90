"""What the Dockerfile makes, without a container engine: its pip commands carried out, its entrypoint run.

The commands are read from the Dockerfile, so that a change there is tested here. The file system is read-only in the
sense that every attempt of the process to write, create, rename or remove a file is refused, as a read-only mount would.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab.binaries import cache
from tests.integration.install.tools import ROOT

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text()
NOBODY: Final = 65532
SEALED: Final = Path(__file__).parent / "sealed"
"""Holds a `sitecustomize.py`, which refuses what a read-only file system would."""


def entrypoint() -> list[str]:
    """The command of a container, without its arguments."""
    (found,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)
    return [str(part) for part in json.loads(found)]


def environment() -> dict[str, str]:
    """The variables of the final stage."""
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    (found,) = re.findall(r"^ENV (.*)$", final, re.MULTILINE)
    return dict(part.split("=", 1) for part in shlex.split(found))


@contextmanager
def app() -> Iterator[Path]:
    """The folder that the image has as /app, readable by everybody and writable by nobody."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = Path(folder) / "app"
        shutil.copytree(_wheels(), made)
        _install(made)
        for path in [made, *made.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield made
        for path in [made, *made.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)


def python() -> str:
    """An interpreter that another user may start; this one's where there is none of its version."""
    ours = Path(sys.executable).resolve()
    if all(part.stat().st_mode & 0o001 for part in (ours, *ours.parents)):
        return str(ours)
    other = shutil.which(f"python3.{sys.version_info.minor}", path=os.defpath)
    return other or str(ours)


def _wheels() -> Path:
    """The locked dependencies as the build stage installs them; kept, because they take a quarter of a minute."""
    arguments = _run_line("requirements/operator.txt")
    locked = (ROOT / "requirements" / "operator.txt").read_bytes() + " ".join(arguments).encode()
    key = hashlib.sha256(locked + sys.version.encode()).hexdigest()[:16]
    target = cache.folder() / f"wheels-{key}"
    with cache.only_one("wheels", lambda _: None):
        if not target.is_dir():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            _pip([str(partial) if one == "/app" else one for one in arguments])
            partial.rename(target)
    return target


def _install(made: Path) -> None:
    """The program itself, made a wheel and compiled as the build stage does it."""
    with tempfile.TemporaryDirectory() as folder:
        wheel, install = (_run_line(part) for part in ("--no-build-isolation", "/wheels/*.whl"))
        _pip([folder if one == "/wheels" else one for one in wheel])
        (built,) = Path(folder).glob("*.whl")
        places = {"/app": str(made), "/wheels/*.whl": str(built)}
        _pip([places.get(one, one) for one in install])
    compiled = [str(made) if one == "/app" else one for one in _run_line("compileall", program="python")]
    subprocess.run([sys.executable, *compiled], check=True)


def _run_line(part: str, program: str = "pip") -> list[str]:
    """The arguments of the one command of the Dockerfile that has `part` in it."""
    lines = re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines()
    commands = [one.strip() for line in lines if line.startswith("RUN ") for one in line[4:].split("&&")]
    (found,) = (one for one in commands if part in one and one.startswith(program))
    return shlex.split(found)[1:]


def _pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)
