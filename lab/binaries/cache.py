"""The folder outside the tree where built programs are kept, and the lock that lets only one builder in."""

from __future__ import annotations

import fcntl
import os
import pwd
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE = "TIDEGATE_CACHE"


def folder() -> Path:
    """TIDEGATE_CACHE, else XDG_CACHE_HOME/tidegate, else ~/.cache/tidegate, else (no home) one under the temp folder."""
    if chosen := os.environ.get(VARIABLE):
        path = Path(chosen).absolute()
    elif xdg := os.environ.get("XDG_CACHE_HOME"):
        path = Path(xdg) / "tidegate"
    elif (home := writable_home()) is not None:
        path = home / ".cache" / "tidegate"
    else:
        path = Path(tempfile.gettempdir()) / f"tidegate-{os.getuid()}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def writable_home() -> Path | None:
    """The home folder; None when there is none one may write to (some containers)."""
    named = os.environ.get("HOME")
    if not named:
        try:
            named = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    home = Path(named)
    return home if home.is_dir() and os.access(home, os.W_OK) else None


@contextmanager
def only_one(name: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock `name` in the cache folder; says so once through `waiting` when another process has it.

    The kernel drops the lock with the process, so a killed builder blocks nobody.
    """
    with (folder() / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting(f"{name}: another process is at it, waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
