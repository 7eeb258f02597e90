"""`tidegate preset`: the built-in queries."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Final

from tidegate.api.presets import registry
from tidegate.api.presets.preset import Preset, System
from tidegate.api.presets.words import default, queries, wrapped
from tidegate.cli.errors import CommandError
from tidegate.cli.tables import Table, plain, show

COLUMNS: Final = ("preset", "unit", "what it measures", "parameters")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which one, if one."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="name of a preset, such as istio/error-rate; by default all are listed"
    )


def run(arguments: argparse.Namespace) -> int:
    """0; 2 when there is no preset of that name."""
    if arguments.name is None:
        show(Table("Presets, for `preset` of a metric", COLUMNS, tuple(_rows())), sys.stdout)
        return 0
    for system in registry.SYSTEMS:
        for preset in system.presets:
            if preset.name == arguments.name:
                print("\n".join(_in_words(system, preset)))
                return 0
    raise CommandError(registry.unknown(arguments.name))


def _rows() -> Iterator[tuple[str, ...]]:
    for preset in registry.PRESETS.values():
        yield preset.name, preset.unit.value, preset.says, ", ".join(one.name for one in preset.parameters)


def _in_words(system: System, preset: Preset) -> Iterator[str]:
    yield f"{preset.name}: {preset.says} (unit {preset.unit})"
    for field, text in queries(preset):
        yield from ("", field, f"  {text}")
    if preset.parameters:
        rows = tuple((f"<{one.name}>", default(one), one.says) for one in preset.parameters)
        yield from ("", plain(Table("", ("parameter", "default", "meaning"), rows)).rstrip())
    yield from ("", wrapped(f"Scrape targets: {system.scraped}", 100))
    yield wrapped(f"How the arms are distinguished: {system.arms}", 100)
    yield from ("", *(wrapped(one, 100, "- ") for one in system.mind))
