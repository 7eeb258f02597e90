"""`python -m lab build | up | demo`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import platform
import sys

from lab import binaries

STORIES = ("approvals", "cohorts")
"""Names in `lab.demo.STORIES`."""

# `up` and `demo` are imported when asked for: `build` is to work with as little as possible.


def main() -> int:
    """The exit code: 0, 1 when a program is missing or cannot be built, 130 on Ctrl-C."""
    arguments = _parser().parse_args()
    if platform.system() != "Linux":
        print("The lab runs on Linux only: each pod is given a loopback address of its own, 127.x.y.z", file=sys.stderr)
        return 1
    try:
        match arguments.command:
            case "build":
                return _build()
            case "up":
                return _up()
            case _:
                return _demo(arguments.story)
    except (binaries.MissingProgramError, binaries.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="A real control plane as local processes.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what is not there yet: minutes the first time, then at once")
    commands.add_parser("up", help="start everything and keep it until Ctrl-C")
    demo = commands.add_parser("demo", help="a good candidate is promoted, a bad one reverted")
    demo.add_argument("--story", default="", choices=["", *STORIES], help="another story instead")
    return parser


def _build() -> int:
    for name, path in binaries.all_programs().items():
        print(f"{name:24} {path}")
    return 0


def _up() -> int:
    binaries.all_programs()
    asyncio.run(importlib.import_module("lab.up").up())
    return 0


def _demo(story: str) -> int:
    binaries.all_programs()
    return importlib.import_module("lab.demo").main(story) or 0


if __name__ == "__main__":
    sys.exit(main())
