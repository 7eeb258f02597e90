"""`tidegate convert` on a text, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.cli.main import main

Object = dict[str, Any]


@dataclass(frozen=True)
class Result:
    code: int
    text: str
    said: str

    @property
    def objects(self) -> list[Object]:
        return list(yaml.safe_load_all(self.text))

    @property
    def spec(self) -> Object:
        spec: Object = self.objects[0]["spec"]
        return spec

    def comment(self, words: str) -> str:
        """The line below the comment that has these words; an error when there is no such comment."""
        lines = self.text.splitlines()
        for number, line in enumerate(lines):
            if line.lstrip().startswith("# ") and not line.lstrip().startswith("#   "):
                end = next(
                    (at for at in range(number + 1, len(lines)) if not lines[at].lstrip().startswith("#   ")), None
                )
                whole = " ".join(one.lstrip().lstrip("#").strip() for one in lines[number:end])
                if words in whole:
                    return next(one.strip() for one in lines[number:] if not one.lstrip().startswith("#"))
        raise AssertionError(f"no comment says {words!r}:\n{self.text}")

    @property
    def comments(self) -> list[str]:
        return re.findall(r"^ *# (todo|changed|no equal): ", self.text, re.MULTILINE)


class Converter:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "given.yaml"
        self._capsys = capsys

    def __call__(self, text: str) -> Result:
        self._file.write_text(text)
        code = main(["convert", str(self._file)])
        said = self._capsys.readouterr()
        return Result(code, said.out, said.err)
