"""The generated files of the chart, and how generated files are written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from charts.generate import dashboard, readme, routers, values_schema
from tidegate.api.crd import export

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "tidegate"


def chart() -> dict[Path, str]:
    """The text of each generated file of the chart."""
    crds = {CHART / "files" / "crds" / name: export.as_yaml(crd) for name, crd in export.crds().items()}
    return crds | {
        CHART / "README.md": readme.as_markdown(yaml.safe_load((CHART / "values.yaml").read_text())),
        CHART / "values.schema.json": values_schema.as_json(),
        CHART / "files" / "routers.yaml": routers.as_yaml(),
        CHART / "files" / "dashboard.json": dashboard.as_json(),
    }


def write(files: Mapping[Path, str]) -> None:
    """Writes them, and names each."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
