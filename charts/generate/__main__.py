"""Writes every generated file anew: those of the chart, and `deploy/`, which is rendered from it."""

from __future__ import annotations

import sys

from charts.generate import deploy, files
from lab.binaries import BuildError, MissingProgramError


def main() -> int:
    """0 when all is written."""
    try:
        for write in (files.chart, deploy.files):  # in this order: the second renders what the first has written
            files.write(write())
    except (MissingProgramError, BuildError, deploy.RenderError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
