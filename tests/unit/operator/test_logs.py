from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from tidegate.runtime.logs import QUIETED, configure


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure("json", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*QUIETED, "kopf._core.reactor.running"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_json_line(out: io.StringIO) -> None:
    structlog.get_logger("tidegate").info("step begins", rollout="shop/web", weight=10)
    (line,) = lines(out)
    assert (line["event"], line["rollout"], line["weight"]) == ("step begins", "shop/web", 10)
    assert (line["level"], line["logger"]) == ("info", "tidegate")
    assert str(line["timestamp"]).endswith("Z")


def test_what_libraries_log_takes_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("kopf.objects").warning("stream of %s ended", "pods")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("stream of pods ended", "warning", "kopf.objects")


@pytest.mark.parametrize("name", QUIETED)
def test_the_chatter_of_libraries_is_held_back(out: io.StringIO, name: str) -> None:
    logging.getLogger(f"{name}.deep.inside").info("starting the watch-stream")
    assert lines(out) == []


def test_less_than_the_level_is_not_logged(out: io.StringIO) -> None:
    structlog.get_logger("tidegate").debug("nothing")
    assert lines(out) == []


def test_an_exception_comes_with_its_traceback_on_the_same_line(out: io.StringIO) -> None:
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("tidegate").exception("tick failed")
    (line,) = lines(out)
    assert "broken" in json.dumps(line["exception"])


def test_secrets_are_hidden_whoever_logs_them(out: io.StringIO) -> None:
    structlog.get_logger("tidegate").info("asking", bearer_token="hunter2", header="Bearer abcdefghijkl")
    logging.getLogger("urllib3").warning("sent Authorization: Basic aHVudGVyMjpodW50ZXIy")
    assert "hunter2" not in out.getvalue()
    assert "abcdefghijkl" not in out.getvalue()
    assert "aHVudGVyMjpodW50ZXIy" not in out.getvalue()


def test_a_person_reads_no_json() -> None:
    stream = io.StringIO()
    handlers = list(logging.getLogger().handlers)
    configure("console", "info", stream)
    structlog.get_logger("tidegate").info("step begins", weight=10)
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()
    assert "step begins" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
