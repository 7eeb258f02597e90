"""The small value types of the API: durations, limits, weights.

Each keeps the text the user wrote (so it can be shown and stored again unchanged) and knows its number. They are
strings on the wire because structural schemas refuse number-or-string unions with fractions.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

DURATION_PATTERN = r"^([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$"
QUANTITY_PATTERN = r"^-?[0-9]{1,12}(\.[0-9]{1,9})?(%|ms|s|m)?$"
PERCENT_PATTERN = r"^[0-9]{1,6}(\.[0-9]{1,4})?%$"
COUNT_PATTERN = r"^([1-9][0-9]{0,3}|10000|(100|[1-9][0-9]?)%)$"
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
WEIGHT_PATTERN = r"^(100|[0-9]{1,2}(\.[0-9]{1,3})?)$"

_DURATION = re.compile(DURATION_PATTERN)
_SECONDS_IN = (86400.0, 3600.0, 60.0, 1.0, 0.001)


class Unit(StrEnum):
    """What a metric's numbers mean. A limit must be written in the same unit."""

    RATIO = "ratio"
    PERCENT = "percent"
    SECONDS = "seconds"
    NONE = "none"


class _Text(str):
    """A string with a checked form: a subclass says which, and how to say it right."""

    __slots__ = ()

    form: ClassVar[dict[str, Any]]
    """The structural schema; its `pattern` is what `parse` checks."""
    right: ClassVar[str]
    """What a wrong value is not, and what would be right."""
    integers: ClassVar[bool] = False
    """Whether a bare integer is taken as well."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """The value, checked.

        Raises:
            ValueError: it does not have the form; the message says what would be right.
        """
        text = str(value) if cls.integers and isinstance(value, int) and not isinstance(value, bool) else value
        fits = (
            isinstance(text, str) and 0 < len(text) <= cls.form["maxLength"] and re.fullmatch(cls.form["pattern"], text)
        )
        if not isinstance(text, str) or not fits:
            raise ValueError(f"{value!r} is not a valid {cls.right}")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(cls.form)


@lru_cache(maxsize=1024)
def _seconds(duration: str) -> float:
    """Seconds of a duration's text: each evaluation asks for the same few many times."""
    found = _DURATION.fullmatch(duration)
    parts = found.groups() if found else ()
    return sum(float(part.rstrip("dhms")) * size for part, size in zip(parts, _SECONDS_IN, strict=False) if part)


class Duration(_Text):
    """A length of time such as `1d`, `90m`, `1h30m`, `500ms`."""

    __slots__ = ()

    form: ClassVar[dict[str, Any]] = {"type": "string", "pattern": DURATION_PATTERN, "minLength": 2, "maxLength": 16}
    right: ClassVar[str] = "duration; write it like 30s, 90m, 1h30m or 2d (largest unit first)"

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return _seconds(self)


class Quantity(_Text):
    """A limit's number: an integer, or text such as `5%`, `200ms`, `0.2`. Whether it fits is for the metric's unit to say."""

    __slots__ = ()

    form: ClassVar[dict[str, Any]] = {
        "x-kubernetes-int-or-string": True,
        "pattern": QUANTITY_PATTERN,
        "minimum": -999_999_999_999,  # twelve digits, as in the pattern, which binds texts alone
        "maximum": 999_999_999_999,
        "maxLength": 24,
    }
    right: ClassVar[str] = "limit; write an integer, or a quoted number such as '0.2', '5%' or '200ms'"
    integers: ClassVar[bool] = True

    def in_unit(self, unit: Unit) -> float:
        """The number this limit stands for on a metric of `unit`.

        Returns: ratio 0-1 for `ratio`, 0-100 for `percent`, seconds for `seconds`, the plain number for `none`.

        Raises:
            ValueError: the text does not fit the unit; the message says what would.
        """
        number, suffix = self._split()
        match unit, suffix:
            case Unit.RATIO, "%":
                return float(number / 100)
            case Unit.RATIO, "" if abs(number) < 1:
                return float(number)
            case (Unit.PERCENT, "%") | (Unit.NONE, "") | (Unit.SECONDS, "s"):
                return float(number)
            case Unit.SECONDS, "ms":
                return float(number / 1000)
            case Unit.SECONDS, "m":
                return float(number * 60)
        raise ValueError(_misfit(self, number, suffix, unit))

    def _split(self) -> tuple[Decimal, str]:
        digits = self.rstrip("%ms")
        return Decimal(digits), self[len(digits) :]


class Percent(_Text):
    """A relative change such as `20%`."""

    __slots__ = ()

    form: ClassVar[dict[str, Any]] = {"type": "string", "pattern": PERCENT_PATTERN, "maxLength": 16}
    right: ClassVar[str] = "percentage; write it like '20%' or '2.5%'"

    @property
    def ratio(self) -> float:
        """The change as a ratio: 0.2 for `20%`."""
        return float(Decimal(self[:-1]) / 100)


class Count(_Text):
    """A number of pods: an integer, or a share such as `50%` of as many as there are."""

    __slots__ = ()

    form: ClassVar[dict[str, Any]] = {
        "x-kubernetes-int-or-string": True,
        "pattern": COUNT_PATTERN,
        "minimum": 1,
        "maximum": 10_000,
        "maxLength": 5,
    }
    right: ClassVar[str] = "number of pods; write an integer from 1 to 10000, or a share from '1%' to '100%'"
    integers: ClassVar[bool] = True

    def of(self, pods: int) -> int:
        """How many that is, at least 1: a share is of `pods`, rounded up."""
        return max(math.ceil(pods * int(self[:-1]) / 100), 1) if self.endswith("%") else int(self)


class Weight(_Text):
    """The candidate's share of traffic in percent, 0 to 100: an integer, or a quoted decimal such as `0.5`."""

    __slots__ = ()

    form: ClassVar[dict[str, Any]] = {
        "x-kubernetes-int-or-string": True,
        "pattern": WEIGHT_PATTERN,
        "minimum": 0,
        "maximum": 100,
        "maxLength": 7,
    }
    right: ClassVar[str] = "weight; write percent from 0 to 100, such as 5, or a quoted decimal such as '0.5'"
    integers: ClassVar[bool] = True

    @property
    def percent(self) -> Decimal:
        """The share in percent, exactly as written."""
        return Decimal(self)


def _misfit(text: str, number: Decimal, suffix: str, unit: Unit) -> str:
    """Why a limit does not fit a unit, and what would."""
    what = {"%": "a share", "": "a plain number"}.get(suffix, "a time")
    if unit is Unit.NONE:
        better, factor = ("ratio", Decimal("0.01")) if suffix == "%" else ("seconds", _SECONDS_OF[suffix])
        plain = f"{(number * factor).normalize():f}"
        return f"'{text}' is {what}, and this metric has no unit: give the metric 'unit: {better}', or write '{plain}'"
    if unit is Unit.RATIO and not suffix:
        return f"'{text}' is more than 100% of a ratio: {_WOULD_FIT[unit]}"
    return f"'{text}' is {what}, and this metric {_IS[unit]}: {_WOULD_FIT[unit]}"


_SECONDS_OF = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60)}
_IS = {Unit.RATIO: "is a ratio", Unit.PERCENT: "is in percent", Unit.SECONDS: "is in seconds"}
_WOULD_FIT = {
    Unit.RATIO: "write a share such as '1%' or '0.01'",
    Unit.PERCENT: "write percent points such as '80%'",
    Unit.SECONDS: "write a time such as '200ms' or '1.5s'",
}
