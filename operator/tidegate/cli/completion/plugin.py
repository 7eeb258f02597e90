"""`kubectl_complete-tidegate`: kubectl calls it to complete `kubectl tidegate ...`.

It is given the words so far, the last of which is the one to complete, and answers with one candidate a line and a last
line `:N` (Cobra's directive): 4 keeps the shell from offering files instead.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Final

from tidegate.cli.completion.candidates import SEPARATOR, candidates_to

NO_FILES: Final = 4
"""The candidates are all there is: files are among them where files are wanted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the candidates. Always 0: there is nobody to tell of an error."""
    given = list(sys.argv[1:] if argv is None else argv)
    print("".join(f"{one}\n" for one in _found(given)) + f":{NO_FILES}")
    return 0


def _found(given: Sequence[str]) -> list[str]:
    words = [*given] or [""]
    line = " ".join(["tidegate", *(shlex.quote(word) for word in words[:-1]), words[-1]])
    os.environ |= {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": SEPARATOR, "COMP_LINE": line}
    os.environ |= {"COMP_POINT": str(len(line.encode())), "COMP_TYPE": "", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    out = io.StringIO()
    with contextlib.suppress(SystemExit):
        candidates_to(out)
    return [one for one in out.getvalue().split(SEPARATOR) if one]
