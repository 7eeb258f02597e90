"""What sources say beside their answers: about the query, or that parts of their data were missing.

The warnings are worded as Prometheus 3, Thanos, Cortex and VictoriaMetrics word them.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.adapters.fake_server import ONE, answers, error, running, success
from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.adapters.prometheus.answers import NoAnswer
from tidegate.adapters.prometheus.partial import heeded
from tidegate.core.model.answers import Failed, FailedReason, Matrix, Query, SeriesValue, Vector
from tidegate.runtime.configured import source_address
from tidegate.runtime.settings import Source

UP = Query("default", "up")
RAW = Query("default", "up[7m]", part="raw-total")
MIXED = 'PromQL warning: encountered a mix of histograms and floats for metric name "seconds" (1:6)'
BUCKET = 'PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:25)'
NOT_A_COUNTER = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: (1:6)"
AWAY = "receive series from Addr: 10.0.0.7:10901 LabelSets: {replica=1}: rpc error: code = Unavailable"

ABOUT_THE_QUERY = [
    MIXED,
    NOT_A_COUNTER,
    f"remote query warning (10.0.0.7:10901): {MIXED}, {NOT_A_COUNTER}",
    "4 more warning annotations omitted",
]
ABOUT_DATA = [
    AWAY,
    'remote_read: error sending request: Post "http://10.0.0.7/read": connection refused',
    "remote query error (10.0.0.7:10901): rpc error: code = Unavailable",
    f"remote query warning (10.0.0.7:10901): {AWAY}",
    "results truncated due to limit",
    "Query result may contain partial data.",
    "promql warning: in words no Prometheus uses",
]


def beside(warnings: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return ONE | {"warnings": warnings} | more


def refused(payload: dict[str, Any]) -> str:
    with pytest.raises(NoAnswer) as caught:
        heeded(payload, trusted=False)
    assert caught.value.failed.reason is FailedReason.PARTIAL
    return caught.value.failed.message


async def sampled(payload: object, query: Query = UP, *, trust: bool = False, status: int = 200) -> object:
    async with running(answers(status, payload)) as fake:
        source = PrometheusSource("default", SourceAddress(fake.url, trust_partial=trust))
        try:
            found = await source.sample(query, timeout=5)
        finally:
            source.close()
    (asked,) = fake.asked
    assert asked.parameters["partial_response"] == ["true" if trust else "false"]
    return found


@pytest.mark.parametrize("warning", ABOUT_THE_QUERY)
def test_warnings_about_the_query_do_not_make_an_answer_partial(warning: str) -> None:
    heeded(beside([warning]), trusted=False)


@pytest.mark.parametrize("warning", ABOUT_DATA)
def test_every_other_warning_makes_it_partial_in_the_sources_words(warning: str) -> None:
    assert refused(beside([MIXED, warning])) == f"data may be missing: {warning}"


@pytest.mark.parametrize("warning", ABOUT_DATA)
def test_who_trusts_partial_answers_gets_the_warning_with_the_answer(warning: str) -> None:
    assert heeded(beside([MIXED, warning]), trusted=True) == (warning, MIXED)


def test_the_mark_of_a_partial_answer_counts_like_a_warning() -> None:
    assert "isPartial" in refused(ONE | {"isPartial": True})
    assert heeded(ONE | {"isPartial": True}, trusted=True) == ("the answer is marked with isPartial",)
    assert heeded(ONE | {"isPartial": False}, trusted=False) == ()


def test_infos_are_not_kept_wherever_they_stand() -> None:
    assert heeded(beside([NOT_A_COUNTER, BUCKET], infos=[NOT_A_COUNTER]), trusted=False) == (BUCKET,)


def test_three_warnings_of_two_hundred_characters_are_kept() -> None:
    kept = heeded(beside([f"PromQL warning: {n} {'x' * 1000}" for n in range(11)]), trusted=False)
    assert [len(warning) for warning in kept] == [200, 200, 200]
    assert kept[0].endswith("x…")


def test_a_refusal_quotes_no_more_than_that_either() -> None:
    assert len(refused(beside([f"{n} {'x' * 1000}" for n in range(11)]))) < 700


@pytest.mark.parametrize("warnings", [None, [], "many", 3])
def test_no_list_of_warnings_is_no_warning(warnings: object) -> None:
    assert heeded(beside(warnings), trusted=False) == ()


async def test_a_vector_has_the_warnings_beside_it() -> None:
    found = await sampled(beside([BUCKET]))
    assert isinstance(found, Vector)
    assert found == Vector((SeriesValue((("job", "a"),), 1.0),))
    assert found.warnings == (BUCKET,)


async def test_a_scalar_has_the_warnings_beside_it() -> None:
    found = await sampled(success("scalar", [1, "2"]) | {"warnings": [BUCKET]})
    assert isinstance(found, Vector)
    assert found.warnings == (BUCKET,)


async def test_raw_samples_have_the_warnings_beside_them() -> None:
    found = await sampled(success("matrix", []) | {"warnings": [BUCKET]}, RAW)
    assert isinstance(found, Matrix)
    assert found.warnings == (BUCKET,)


@pytest.mark.parametrize("query", [UP, RAW])
async def test_a_partial_answer_is_none(query: Query) -> None:
    body = beside([AWAY]) if query is UP else success("matrix", []) | {"warnings": [AWAY]}
    assert await sampled(body, query) == Failed(FailedReason.PARTIAL, f"data may be missing: {AWAY}")


async def test_a_partial_answer_is_one_where_the_administrator_trusts_it() -> None:
    found = await sampled(beside([AWAY]), trust=True)
    assert isinstance(found, Vector)
    assert found.warnings == (AWAY,)


async def test_a_partial_answer_is_no_data_and_does_not_mean_that_the_source_is_down() -> None:
    found = await sampled(error("execution", f"expanding series: proxy Series(): {AWAY}"), status=422)
    assert isinstance(found, Failed)
    assert not found.source_down


async def test_partial_answers_do_not_count_against_the_source() -> None:
    async with running(answers(200, beside([AWAY]))) as fake:
        source = PrometheusSource("default", SourceAddress(fake.url))
        for _ in range(7):
            found = await source.sample(UP, timeout=5)
            assert found == Failed(FailedReason.PARTIAL, f"data may be missing: {AWAY}")
        source.close()
    assert len(fake.asked) == 7


@pytest.mark.parametrize(("setting", "trusted"), [({}, False), ({"partialResponses": "Refuse"}, False), ({"partialResponses": "Trust"}, True)])  # fmt: skip
def test_the_setting_reaches_the_source(setting: dict[str, str], trusted: bool) -> None:  # noqa: FBT001
    assert source_address(Source.model_validate({"url": "http://thanos", **setting})).trust_partial is trusted
