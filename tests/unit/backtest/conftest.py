from __future__ import annotations

import pytest

from tests.unit.backtest.said import Said


@pytest.fixture
def tidegate(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)
