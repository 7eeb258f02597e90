"""`python -m tests.gateways [contour] [istiod] [envoy-gateway]`: builds these controllers (by default all), tests Tidegate on each.

In a network namespace of its own. Where none may be made the tests are skipped: that is said, and is no error.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from lab import binaries
from lab.binaries.gateways import GATEWAYS, gateway
from lab.binaries.progress import Progress
from tests.gateways.cluster import OURS
from tests.gateways.needed import SEEN_TO

_NAMESPACE = ("unshare", "-Urn")
_INSIDE = f'ip link set lo up && ip addr add {OURS}/16 dev lo && exec "$@"'


def main() -> int:
    """The exit code: pytest's, 0 where no network namespace may be made, 1 when something cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateways", description="Tidegate on real gateways.")
    parser.add_argument("names", nargs="*", metavar="GATEWAY", help=", ".join(GATEWAYS))
    names = parser.parse_args().names or list(GATEWAYS)
    if unknown := [name for name in names if name not in GATEWAYS]:
        parser.error(f"no such gateway: {', '.join(unknown)}; there are {', '.join(GATEWAYS)}")
    if refused := _refused():
        print(f"SKIPPED: the tests on {', '.join(names)} need a network namespace of their own: {refused}")
        return 0
    try:
        binaries.all_programs()
        for name in names:
            gateway(name, Progress())
    except (binaries.MissingProgramError, binaries.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    files = [f"tests/gateways/test_{name.replace('-', '_')}.py" for name in names]
    command = [*_NAMESPACE, "sh", "-c", _INSIDE, "sh", sys.executable, "-m", "pytest", *files]
    return subprocess.run(command, env={**os.environ, SEEN_TO: ",".join(names)}, check=False).returncode


def _refused() -> str:
    """Why no network namespace can be made; empty where it can."""
    try:
        done = subprocess.run(
            [*_NAMESPACE, "sh", "-c", _INSIDE, "sh", "true"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"
    return "" if done.returncode == 0 else f"{' '.join(_NAMESPACE)} said: {done.stderr.strip() or done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
