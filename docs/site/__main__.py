"""`python -m docs.site DIRECTORY | --generate`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from docs.site import reference
from docs.site.staging import ROOT, BrokenLinkError, NotASiteError, build


def main() -> int:
    """The exit code: 0, or 1 when a link is broken, the site cannot be built, or the directory holds something else."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="The documentation as a site.")
    parser.add_argument("directory", nargs="?", type=Path, help="where to write the site")
    parser.add_argument("--generate", action="store_true", help="write the pages of docs/reference anew instead")
    arguments = parser.parse_args()
    if arguments.generate:
        for name, text in reference.pages().items():
            (ROOT / "docs/reference" / name).write_text(text, encoding="utf-8")
        return 0
    if arguments.directory is None:
        parser.error("name the directory to write the site to")
    try:
        build(arguments.directory)
    except (BrokenLinkError, NotASiteError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments.directory}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
