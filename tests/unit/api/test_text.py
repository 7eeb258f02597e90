"""What others wrote is shown as what it is, wherever it comes out."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import structlog
from pydantic import BaseModel
from pydantic.functional_serializers import PlainSerializer

from tests.unit.api.manifests import good
from tidegate.api.commands import RolloutCommandStatus
from tidegate.api.rollout import run_status, status
from tidegate.api.rollout.status import Condition, RolloutStatus
from tidegate.api.validation import check_command, check_rollout
from tidegate.api.values.text import ONE_LINE, printable
from tidegate.core.metrics.samples import labelled
from tidegate.runtime.logs import configure

FORGED = "\x1b[2J\x1b[Hcheckout: Succeeded\r\n  all is well\x1b[8m\x9b31m\u202edrowssap\u2028\ud800\x7f\ufeff"
LOGGED = FORGED.replace("\ud800", "")  # pytest keeps what is logged, and could not write it
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff\ufeff]")


def test_what_does_more_than_to_be_read_is_escaped() -> None:
    assert printable("a\nb\tc") == "a\\nb\\tc"
    assert printable("\x1b[31mred") == "\\x1b[31mred"
    assert printable("\u202ecod.exe") == "\\u202ecod.exe"
    assert UNSAFE.search(printable(FORGED)) is None


@pytest.mark.parametrize("text", ["", "5% → revert", "größer, 日本語, emoji 👩‍🚀", "no\xa0break", "C:\\new", "a\\nb"])
def test_text_that_can_be_read_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_it_is_escaped_once() -> None:
    assert printable(printable(FORGED)) == printable(FORGED)


def test_every_control_character_is_escaped_and_refused_alike() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0xFEFF):
        assert printable(chr(code)) != chr(code), hex(code)
        _, problems = check_rollout(good({"revision": f"v{chr(code)}1"}))
        assert [problem.path for problem in problems] == ["spec.revision"], hex(code)


@pytest.mark.parametrize("field", ["reason", "requester", "run"])
def test_a_command_has_no_forged_lines(field: str) -> None:
    command = {"kind": "RolloutCommand", "metadata": {"name": "x"}, "spec": {"rollout": "web", "action": "Pause"}}
    command["spec"] |= {field: "fine\nforged"}  # type: ignore[operator]
    assert [str(problem) for problem in check_command(command)[1]] == [
        f"spec.{field}: 'fine\\nforged' is not plain text on one line: no line breaks or control characters"
    ]


@pytest.mark.parametrize(
    "path", ["revision", "guards.0.name", "traffic.0.rules.0", "prometheus"], ids=["revision", "line", "rule", "source"]
)
def test_free_text_of_a_rollout_is_on_one_line(path: str) -> None:
    value: object = {"source": "a\x1bb"} if path == "prometheus" else "a\x1bb"
    _, problems = check_rollout(good({path: value}))
    assert len(problems) == 1
    assert "plain text on one line" in problems[0].message


def test_the_pattern_stands_in_the_schema() -> None:
    assert ONE_LINE.startswith("^[^") and ONE_LINE.endswith("]*$")  # noqa: PT018


def models(module: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401
    for one in vars(module).values():
        if isinstance(one, type) and issubclass(one, BaseModel) and one is not BaseModel:
            yield one


def test_every_message_of_a_status_is_escaped_when_it_is_written() -> None:
    for model in {*models(status), *models(run_status), RolloutCommandStatus}:
        for name in {"message", "evidence"} & model.model_fields.keys():
            field = model.model_fields[name]
            if "tuple" in str(field.annotation):
                continue
            metadata = (*field.metadata, *get_args(field.annotation))
            assert any(isinstance(one, PlainSerializer) for one in metadata), f"{model.__name__}.{name}: make it Words"


def test_a_status_is_written_without_what_its_messages_quote() -> None:
    condition = Condition(
        type="Ready",
        status="True",
        reason="Idle",
        message=FORGED,
        last_transition_time=datetime(2026, 1, 1, tzinfo=UTC),
    )
    written = RolloutStatus(message=FORGED, conditions=(condition,)).model_copy(update={"message": FORGED})
    assert UNSAFE.search(written.model_dump_json()) is None
    assert UNSAFE.search(json.dumps(written.model_dump(mode="json"), ensure_ascii=False)) is None


def test_labels_are_quoted_as_promql_does() -> None:
    assert labelled((("path", 'a"b\\c'),)) == '{path="a\\"b\\\\c"}'
    assert labelled((("path", "a\nb"),)) == '{path="a\\nb"}'
    assert UNSAFE.search(labelled((("path", FORGED),))) is None


@pytest.fixture(params=["json", "console"])
def logged(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out = io.StringIO()
    configure(request.param, "info", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_log_line_is_one_line_whatever_was_logged(logged: io.StringIO) -> None:
    structlog.get_logger("tidegate").info(LOGGED, reason=LOGGED, deep={"a": [LOGGED, ValueError(LOGGED)]})
    logging.getLogger("aiohttp.access").warning("said %s", LOGGED)
    lines = logged.getvalue().removesuffix("\n").split("\n")
    assert len(lines) == 2
    assert all(UNSAFE.search(line) is None for line in lines)


def test_a_traceback_forges_nothing(logged: io.StringIO) -> None:
    try:
        _raise(LOGGED)
    except ValueError:
        structlog.get_logger("tidegate").exception("tick failed")
    assert all(UNSAFE.search(line) is None for line in logged.getvalue().split("\n"))
    _, *traceback = logged.getvalue().splitlines()
    assert all(line.startswith("    ") for line in traceback)


def _raise(message: str) -> None:
    raise ValueError(message)
