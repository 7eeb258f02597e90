"""What docs/report.md shows is what is written. `TIDEGATE_WRITE_DOCS=1` writes both anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.unit.report.test_reports import reported
from tidegate.api.report import Report

DOCS = Path(__file__).parents[3] / "docs"
SHOWN = re.compile(r"(?<=^```markdown\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def test_the_report_shown_is_the_one_that_is_written(tmp_path: Path) -> None:
    whole = reported(tmp_path, "three-phase-production", "one-percent", "md").split("\n## Timeline")[0]
    wanted = "\n".join(line for line in whole.split("\n") if not line.startswith("![")).rstrip() + "\n"
    page = DOCS / "report.md"
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        page.write_text(SHOWN.sub(lambda _: wanted, page.read_text(), count=1))
    found = SHOWN.search(page.read_text())
    assert found is not None
    assert found[0] == wanted


def test_the_picture_is_the_one_that_is_drawn(tmp_path: Path) -> None:
    reported(tmp_path, "long-progressive", "breach", "md")
    drawn = (tmp_path / "report.svg").read_text()
    if os.environ.get("TIDEGATE_WRITE_DOCS"):
        (DOCS / "report.svg").write_text(drawn)
    assert (DOCS / "report.svg").read_text() == drawn


def test_every_field_is_explained() -> None:
    page = (DOCS / "report.md").read_text()
    for name, field in Report.model_fields.items():
        assert f"`{field.alias or name}`" in page, name
