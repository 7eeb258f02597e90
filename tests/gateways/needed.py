"""What a gateway's tests need: a network namespace of their own, and the controller, built.

Under `python -m tests.gateways`, which sees to both, they fail where something is missing; anywhere else they are skipped and say why.
"""

from __future__ import annotations

import os
import socket

import pytest

from lab.binaries.gateways import GATEWAYS
from tests.gateways.cluster import OURS

SEEN_TO = "TIDEGATE_GATEWAYS"
"""Environment variable: names of the gateways that `python -m tests.gateways` has built."""


def in_namespace() -> bool:
    """Whether 10.77.0.1 is an address of this machine."""
    with socket.socket() as one:
        try:
            one.bind((OURS, 0))
        except OSError:
            return False
    return True


def needs(name: str) -> list[pytest.MarkDecorator]:
    """The marks of the tests of a gateway."""
    if name in os.environ.get(SEEN_TO, "").split(","):
        return []
    return [
        pytest.mark.skipif(not in_namespace(), reason=f"needs a network namespace: python -m tests.gateways {name}"),
        pytest.mark.skipif(not GATEWAYS[name].place.is_file(), reason=f"not built: python -m tests.gateways {name}"),
    ]
