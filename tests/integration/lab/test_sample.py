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
