"""`python -m tests.bench [PART ...] [--counts 1,50] [--intervals 1,10] [--crowd 1000] [--rollouts 200] [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from lab import binaries
from tests.bench import report
from tests.bench.decisions import bars, section
from tests.bench.decisions.decided import Decided, decided
from tests.bench.decisions.race import ROLLOUTS
from tests.bench.measure import PARTS, Wanted, measure, quick
from tests.bench.stage import progress

DECISIONS = "decisions"
"""The part that needs no control plane: simulated rollouts."""
FEW = 20
"""Rollouts of a quick run."""


def main() -> int:
    arguments = _parser().parse_args()
    wanted = _wanted(arguments)
    try:
        if arguments.parts == [DECISIONS]:
            return _decisions_alone(arguments)
        binaries.all_programs()
        found = asyncio.run(quick() if arguments.quick else measure(wanted))
        judged = _decided(arguments) if not arguments.parts or DECISIONS in arguments.parts else None
    except (binaries.MissingProgramError, binaries.BuildError) as error:
        progress(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    report.show(found.tables)
    whole = wanted == Wanted() and arguments.rollouts is None and not arguments.parts and not arguments.quick
    output: Path | None = arguments.output or (report.PAGE if whole else None)
    if output is not None:
        output.parent.mkdir(exist_ok=True)
        decisions = section.section(judged) if judged is not None else ""
        output.write_text(report.page(found.machine, found.busy, found.tables, found.ours, decisions))
        progress("written: " + output.name)
    return 1 if judged is not None and _broken(judged) else 0


def _decisions_alone(arguments: argparse.Namespace) -> int:
    judged = _decided(arguments)
    output: Path | None = arguments.output or (report.PAGE if judged.rollouts == ROLLOUTS else None)
    if output is not None:
        section.write(output, section.section(judged))
        progress("written: " + output.name)
    return 1 if _broken(judged) else 0


def _decided(arguments: argparse.Namespace) -> Decided:
    judged = decided(FEW, real_rollouts=1) if arguments.quick else decided(arguments.rollouts or ROLLOUTS)
    report.show(section.tables(judged))
    return judged


def _broken(judged: Decided) -> bool:
    """Whether a bar is broken; says which."""
    for words in (broken := bars.broken(judged.bars)):
        progress(f"DOES NOT HOLD: {words}")
    return bool(broken)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures, taken from outside.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join((*PARTS, DECISIONS))}; all by default")
    parser.add_argument("--counts", type=_numbers, help="Rollouts breaching at once, such as 1,50")
    parser.add_argument("--intervals", type=_numbers, help="seconds between queries, such as 1,10")
    parser.add_argument(
        "--crowd", type=int, help="Rollouts released at once, in progress, with receivers and (thrice) at rest"
    )
    parser.add_argument("--rollouts", type=int, help=f"simulated in each cell of {DECISIONS}; by default {ROLLOUTS}")
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it works")
    parser.add_argument(
        "--output", type=Path, help="the page to write; by default docs/benchmarks.md, after a whole run"
    )
    return parser


def _wanted(arguments: argparse.Namespace) -> Wanted:
    if unknown := set(arguments.parts) - {*PARTS, DECISIONS}:
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join((*PARTS, DECISIONS))}")
    many = (arguments.crowd // 3, 3 * arguments.crowd) if arguments.crowd else None
    chosen = {
        "crowd": arguments.crowd,
        "told": arguments.crowd,
        "many": many,
        "parts": tuple(part for part in arguments.parts if part != DECISIONS),
        "counts": arguments.counts,
        "intervals": arguments.intervals,
    }
    return replace(Wanted(), **{name: value for name, value in chosen.items() if value})


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
