"""The same tests as in tests/contract, on the real adapters."""

from __future__ import annotations

from tests.contract.test_jobs import *  # noqa: F403
