"""The samples hold what the integration tests say they hold."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.presets.recorded import SAMPLES, recordings
from tidegate.api.presets import registry

NAMES = sorted(path.stem for path in SAMPLES.glob("*.prom"))


def test_every_system_has_a_sample() -> None:
    assert {system.name for system in registry.SYSTEMS} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_in_the_exposition_format_and_its_counters_only_grow(name: str) -> None:
    for recording in recordings(name):
        first, second = (values(text) for text in recording.scrapes)
        assert set(first) == set(second)
        assert first
        assert all(second[series] >= value for series, value in first.items())


def values(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples), "a series stands there twice"
    return found
