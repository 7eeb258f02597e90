"""What a source's HTTP answers mean. Pure: a status and a body in, an `Answer` out."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from tidegate.adapters.prometheus.health import Trouble
from tidegate.core.model.answers import Failed, FailedReason, SeriesValue, Vector
from tidegate.core.model.raw_samples import Labels

MALFORMED: Final = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)
"""What reading JSON of another shape than Prometheus' raises."""
DATA_AWAY: Final = ("expanding series: ", "proxy Series()", "rpc error: code = ")
"""What an execution error says when not the query was at fault: data could not be read, as when a Thanos store is away."""
EVALUATED: Final = frozenset({FailedReason.BAD_QUERY, FailedReason.PARTIAL})
"""Refusals that only a source that evaluated the query can give."""
SHOWN: Final = 200
"""Characters of a source's own words that go into a message."""


class NoAnswer(Exception):  # noqa: N818  (the opposite of an answer, not an error of ours)
    """What the source said is no answer to the query; `failed` says why."""

    def __init__(self, failed: Failed, trouble: Trouble = Trouble.NONE) -> None:
        super().__init__(failed.message)
        self.failed = failed
        self.trouble = trouble


class Wanted(NamedTuple):
    """What a query must be answered with."""

    kinds: frozenset[str]
    """`resultType`s of Prometheus' HTTP API."""
    otherwise: str
    """What to say of any other."""
    limit: int
    """Bytes of the answer, decompressed."""
    smaller: str
    """How to get an answer within the limit."""


INSTANT: Final = Wanted(
    frozenset({"vector", "scalar"}),
    "the query must return an instant vector or a scalar",
    8 * 1024 * 1024,  # tens of thousands of series; 64 are asked for at most
    "aggregate in the query",
)
SAMPLES: Final = Wanted(
    frozenset({"matrix"}),
    "a query for raw samples must be a selector with a range",
    8 * 1024 * 1024,  # some 400,000 samples of counters: 100 pods with 100 series each for 10 minutes
    "ask for fewer series (a metric with fewer labels, a narrower selector) or over a shorter window",
)


def checked(status: int, content_type: str, body: bytes, wanted: Wanted) -> dict[str, Any]:
    """The answer's JSON, if it is a success of a wanted kind.

    Raises: NoAnswer.
    """
    payload = _json(body)
    if status != 200 or payload is None or payload.get("status") != "success":
        failed = _refusal(status, content_type, payload, body)
        raise NoAnswer(failed, Trouble.NONE if failed.reason in EVALUATED else Trouble.DOUBTFUL)
    data = payload.get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind not in wanted.kinds or not isinstance(result, list):
        trouble = Trouble.DOUBTFUL if kind is None else Trouble.NONE
        raise NoAnswer(_bad(f"{wanted.otherwise}, not {kind or 'nothing'}"), trouble)
    return payload


def vector(result: list[Any], warnings: tuple[str, ...] = ()) -> Vector:
    """The values of a checked answer's `result`: a list of series, or a scalar's `[time, "value"]`.

    Raises: NoAnswer.
    """
    try:
        if len(result) == 2 and not isinstance(result[0], dict):
            return Vector((SeriesValue((), float(result[1])),), warnings)
        return Vector(tuple(_series(item) for item in result), warnings)
    except MALFORMED as error:
        raise NoAnswer(_bad(f"a series without a number: {type(error).__name__}: {error}")) from error


def labels(item: dict[str, Any]) -> Labels:
    """A series' label pairs, sorted, without the metric's name. Raises one of `MALFORMED`."""
    return tuple(sorted((key, str(value)) for key, value in item["metric"].items() if key != "__name__"))


def _series(item: dict[str, Any]) -> SeriesValue:
    if "value" not in item and "histogram" in item:
        message = "the query gives a native histogram: ask for histogram_quantile() or _count() of it"
        raise NoAnswer(_bad(message))
    return SeriesValue(labels(item), float(item["value"][1]))


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _refusal(status: int, content_type: str, payload: dict[str, Any] | None, body: bytes) -> Failed:
    said = _said(payload, body)
    kind = (payload or {}).get("errorType") or ""
    if 300 <= status < 400:
        return _bad(f"{status}: redirects are not followed; name the final address in the source's url")
    if status in {401, 403}:
        return Failed(FailedReason.DENIED, f"{status}: {said}")
    if status == 429:
        return Failed(FailedReason.ERROR, f"{status}: {said}")
    if kind in {"bad_data", "execution"} and status in {200, 400, 422}:
        away = any(words in str((payload or {}).get("error")) for words in DATA_AWAY)
        return Failed(FailedReason.PARTIAL if away else FailedReason.BAD_QUERY, said)
    if kind in {"timeout", "canceled"} or status in {408, 504}:
        return Failed(FailedReason.TIMEOUT, f"{status}: {said}")
    if status >= 500:
        return Failed(FailedReason.ERROR, f"{status}: {said}")
    if payload is None:
        return _bad(f"{status}: not JSON but {content_type or 'something without a content type'}: {said}")
    return _bad(f"{status}: {said}")


def _said(payload: dict[str, Any] | None, body: bytes) -> str:
    error = (payload or {}).get("error")
    text = str(error) if error else " ".join(body[: 4 * SHOWN].decode(errors="replace").split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _bad(message: str) -> Failed:
    return Failed(FailedReason.BAD_ANSWER, message)
