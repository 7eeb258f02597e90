"""`tidegate crd`: the CustomResourceDefinitions, to a folder or to standard output."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.api.crd import export
from tidegate.cli.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("--output", type=Path, metavar="DIR", help="write one file per kind into DIR (default: print)")


def run(arguments: argparse.Namespace) -> int:
    """Writes them, or prints them as one YAML stream."""
    files = {name: export.as_yaml(crd) for name, crd in export.crds().items()}
    if arguments.output is None:
        print("---\n".join(files.values()), end="")
        return 0
    folder = Path(arguments.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            print(folder / name)
    except OSError as error:
        raise CommandError(f"cannot write to {folder}: {error.strerror}") from error
    return 0
