"""`tidegate completion`: what a shell evaluates to complete this program's arguments."""

from __future__ import annotations

import argparse
from typing import Final

from argcomplete.shell_integration import shellcode

SHELLS: Final = ("bash", "zsh", "fish")
PROGRAMS: Final = ("tidegate", "kubectl-tidegate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For which shell."""
    parser.add_argument("shell", choices=SHELLS, help='add to its start-up file: eval "$(tidegate completion bash)"')


def run(arguments: argparse.Namespace) -> int:
    """Prints it."""
    print(shellcode(PROGRAMS, shell=arguments.shell))
    return 0
