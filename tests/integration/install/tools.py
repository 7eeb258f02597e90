"""helm, kustomize, kubeconform and promtool, as a user calls them."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from lab import binaries
from lab.stack import Lab

ROOT: Final = Path(__file__).parents[3]
CHART: Final = ROOT / "charts" / "tidegate"
RELEASE: Final = "tidegate"


class ToolError(AssertionError):
    """A tool ended with an exit code other than 0; the message is what it said."""


async def run(name: str, *arguments: str | Path, stdin: str = "", kubeconfig: Path | None = None) -> str:
    """What a tool prints to standard output. Raises: ToolError, with its standard error."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "HELM_CACHE_HOME": home, "HELM_CONFIG_HOME": home}
        if kubeconfig is not None:
            environment["KUBECONFIG"] = str(kubeconfig)
        process = await asyncio.create_subprocess_exec(
            binaries.program(name),
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate(stdin.encode())
    if process.returncode:
        raise ToolError(f"{name} {' '.join(map(str, arguments))}\n{complained.decode()}\n{said.decode()}")
    return said.decode()


async def template(*options: str, namespace: str = RELEASE, values: dict[str, Any] | None = None) -> list[Any]:
    """The objects that `helm template` makes of the chart; the same values are rendered once."""
    given = yaml.safe_dump(values or {})
    key = (*options, namespace, given)
    if key not in _RENDERED:
        command = ("template", RELEASE, CHART, "-n", namespace, "-f", "-", *options)
        _RENDERED[key] = await run("helm", *command, stdin=given)
    return [item for item in yaml.load_all(_RENDERED[key], Loader=yaml.CSafeLoader) if item]


_RENDERED: Final[dict[tuple[str, ...], str]] = {}
"""By options, namespace and values."""


async def helm(lab: Lab, *arguments: str | Path, values: dict[str, Any] | None = None) -> str:
    """`helm ...` as the administrator of the lab."""
    given: Sequence[str] = () if values is None else ("-f", "-")
    return await run("helm", *arguments, *given, stdin=yaml.safe_dump(values or {}), kubeconfig=lab.kubeconfig)
