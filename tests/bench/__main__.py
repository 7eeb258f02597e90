"""`python -m tests.bench [revert] [rest] [ticks] [--counts 1,50] [--intervals 1,10] [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from lab import binaries
from tests.bench import report
from tests.bench.measure import PARTS, Wanted, measure, quick
from tests.bench.stage import progress


def main() -> int:
    arguments = _parser().parse_args()
    wanted = _wanted(arguments)
    try:
        binaries.all_programs()
        found = asyncio.run(quick() if arguments.quick else measure(wanted))
    except (binaries.MissingProgramError, binaries.BuildError) as error:
        progress(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    report.show(found.tables)
    output: Path | None = arguments.output or (report.PAGE if wanted == Wanted() and not arguments.quick else None)
    if output is not None:
        output.parent.mkdir(exist_ok=True)
        output.write_text(report.page(found.machine, found.busy, found.tables, found.ours))
        progress("written: " + output.name)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures, taken from outside.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--counts", type=_numbers, help="Rollouts breaching at once, such as 1,50")
    parser.add_argument("--intervals", type=_numbers, help="seconds between questions, such as 1,10")
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it works")
    parser.add_argument(
        "--output", type=Path, help="the page to write; by default docs/benchmarks.md, after a whole run"
    )
    return parser


def _wanted(arguments: argparse.Namespace) -> Wanted:
    if unknown := set(arguments.parts) - set(PARTS):
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    chosen = {"parts": tuple(arguments.parts), "counts": arguments.counts, "intervals": arguments.intervals}
    return replace(Wanted(), **{name: value for name, value in chosen.items() if value})


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
