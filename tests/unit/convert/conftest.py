from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.convert.converting import Converter


@pytest.fixture
def convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Converter:
    return Converter(tmp_path, capsys)
