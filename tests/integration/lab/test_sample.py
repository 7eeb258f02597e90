"""The sample service misbehaves exactly as told."""

from __future__ import annotations

import pytest

from lab.sample import Service, Settings


def statuses(service: Service, count: int) -> list[int]:
    return [service.answer("GET", "/")[0] for _ in range(count)]


def test_without_settings_all_is_well() -> None:
    assert statuses(Service(Settings()), 5) == [200] * 5


def test_settings_are_read_from_an_environment() -> None:
    words = {"VERSION": "v7", "ERROR_RATE": "0.25", "ERRORS_AFTER_REQUESTS": "3", "READY": "false", "PATH": "/bin"}
    assert Settings.of(words) == Settings(version="v7", error_rate=0.25, errors_after_requests=3, ready=False)


def test_a_setting_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="half"):
        Settings.of({"ERROR_RATE": "half"})


def test_errors_begin_after_the_number_of_requests_told() -> None:
    assert statuses(Service(Settings(error_rate=1, errors_after_requests=3)), 5) == [200, 200, 200, 500, 500]


def test_errors_begin_at_the_age_told() -> None:
    service = Service(Settings(error_rate=1, errors_after_seconds=60))
    assert statuses(service, 1) == [200]
    service.started -= 61
    assert statuses(service, 1) == [500]


def test_control_changes_behaviour_from_then_on() -> None:
    service = Service(Settings(version="v2"))
    service.answer("POST", "/control?error_rate=1&latency=0.3")
    assert service.answer("GET", "/") == (500, "v2 failed\n", 0.3)


def test_asking_for_metrics_or_health_counts_as_no_request() -> None:
    service = Service(Settings(ready=False))
    assert service.answer("GET", "/healthz")[0] == 503
    assert service.answer("GET", "/metrics")[0] == 200
    assert not service.answers


def test_the_histogram_is_cumulative() -> None:
    service = Service(Settings(latency=0.15))
    statuses(service, 3)
    lines = dict(line.rsplit(" ", 1) for line in service.metrics().splitlines() if not line.startswith("#"))
    assert lines['http_requests_total{code="200"}'] == "3"
    assert lines['http_request_duration_seconds_bucket{le="0.1"}'] == "0"
    assert lines['http_request_duration_seconds_bucket{le="0.2"}'] == "3"
    assert lines['http_request_duration_seconds_bucket{le="5.0"}'] == "3"
    assert lines['http_request_duration_seconds_bucket{le="+Inf"}'] == "3"
    assert float(lines["http_request_duration_seconds_sum"]) == pytest.approx(0.45)


def series(service: Service) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in service.metrics().splitlines() if not line.startswith("#"))


def test_further_series_are_served_as_told_and_change_one_by_one() -> None:
    service = Service(Settings.of({"SERIES": 'stars=4.2;sold{of="tea"}=+3'}))
    service.answer("POST", "/control?series=stars%3D2.8")
    assert series(service)["stars"] == "2.8"
    statuses(service, 2)
    assert series(service)['sold{of="tea"}'] == "6.0"


def test_a_further_series_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="stars"):
        Settings.of({"SERIES": "stars=many"})


def test_requests_are_counted_by_the_labels_told_of_their_headers() -> None:
    service = Service(Settings.of({"LABELS": "segment=x-segment", "SERIES": "sold=+3"}))
    for segment in ("7", "7", 'a"b'):
        service.answer("GET", "/", {"x-segment": segment})
    found = series(service)
    assert found['http_requests_total{segment="7",code="200"}'] == "2"
    assert found['http_requests_total{segment="7",code="500"}'] == "0", "there before its first error"
    assert found['http_requests_total{segment="a\\"b",code="200"}'] == "1"
    assert found['http_request_duration_seconds_bucket{segment="7",le="+Inf"}'] == "2"
    assert found['sold{segment="7"}'] == "6.0"


def test_only_the_requests_told_err_and_are_late_until_told_otherwise() -> None:
    service = Service(Settings.of({"ONLY": "x-segment=7", "ERROR_RATE": "1", "LATENCY": "0.15"}))
    assert service.answer("GET", "/", {"x-segment": "7"}) == (500, "v1 failed\n", 0.15)
    assert service.answer("GET", "/", {"x-segment": "8"}) == (200, "v1 ok\n", 0.0)
    service.answer("POST", "/control?only=")
    assert service.answer("GET", "/", {"x-segment": "8"})[0] == 500
