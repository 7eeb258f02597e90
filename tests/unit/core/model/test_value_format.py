"""Values in their units, for people."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.values.scalars import Unit
from tidegate.core.model.value_format import digits, shown


@pytest.mark.parametrize(
    ("value", "count", "text"),
    [
        (99.6, 2, "100"),
        (100.0, 2, "100"),
        (3.14159, 3, "3.14"),
        (12345.0, 4, "12345"),
        (9999.96, 4, "10000"),
        (-1234567.2, 6, "-1234567"),
        (0.0, 2, "0"),
        (0.00012, 1, "0.0001"),
        (math.inf, 2, "inf"),
    ],
)
def test_so_many_digits_and_all_of_whole_numbers(value: float, count: int, text: str) -> None:
    assert digits(value, count) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.0, Unit.RATIO, "100%"),
        (150.0, Unit.RATIO, "15000%"),
        (12345.6, Unit.PERCENT, "12346%"),
        (86400.0, Unit.SECONDS, "86400s"),
        (0.99999, Unit.SECONDS, "1000ms"),
        (2**31, Unit.NONE, "2147483648"),
        (math.nan, Unit.NONE, "NaN"),
    ],
)
def test_large_values_have_no_exponent(value: float, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


@given(st.floats(-1e14, 1e14), st.integers(1, 6))
def test_no_exponent_above_one_and_never_off_by_more_than_the_last_digit(value: float, count: int) -> None:
    text = digits(value, count)
    assert abs(float(text) - value) <= abs(value) * 0.5 * 10 ** (1 - count) * (1 + 1e-9)
    assert "e" not in text or abs(value) < 1
