"""What it was measured on: enough to compare, nothing that says whose it is."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from lab.stack import Lab

LIBRARIES = ("tidegate", "kopf", "kubernetes", "aiohttp", "prometheus-api-client", "pydantic")


async def description(lab: Lab) -> list[tuple[str, str]]:
    kubernetes = (await lab.api.request("GET", "/version"))["gitVersion"]
    return [
        ("Cores", f"{os.cpu_count()} ({_model()})"),
        ("Memory", f"{_memory():.0f} GiB"),
        ("Kernel", ".".join(re.findall(r"\d+", platform.release())[:2])),
        ("Python", platform.python_version()),
        ("Kubernetes", str(kubernetes)),
        ("Libraries", ", ".join(f"{name} {version(name)}" for name in LIBRARIES)),
    ]


def busy() -> float:
    """Processes that want a core, on average over the last minute, whoever started them."""
    return os.getloadavg()[0]


def _model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> float:
    found = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) / 2**20 if found else 0.0
