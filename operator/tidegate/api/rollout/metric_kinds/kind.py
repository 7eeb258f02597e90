"""What a kind of metric says of itself: its PromQL, its unit, and whether it counts requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, ClassVar, Final, Protocol, Self

from pydantic import Field

from tidegate.api.model import Rule
from tidegate.api.values.scalars import Unit

PromQL = Annotated[str, Field(min_length=1, max_length=4096)]
LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class MetricModel(Protocol):
    """One kind of metric, as a person writes it."""

    unit: ClassVar[Unit | None]
    """The unit of all its values; `None` where the metric says it."""
    share: ClassVar[bool]
    """Its values are shares of requests: from 0 to 1, and evaluated by the tests on counts too."""

    @property
    def by(self) -> tuple[str, ...]:
        """Labels that make one series each."""
        ...

    @property
    def texts(self) -> Mapping[str, str]:
        """Its PromQL texts by field."""
        ...

    def faults(self) -> Iterator[tuple[str, str]]:
        """Fields with numbers that make no sense, and why; what the schema refuses is not among them."""
        ...

    def rewritten(self, change: Callable[[str], str]) -> Self:
        """The same with every text changed."""
        ...


NATIVE_NEEDS_HISTOGRAM: Final = Rule(
    "!has(self.native) || !self.native || has(self.histogram)",
    "'native' is only allowed with 'histogram'",
    ".native",
    lambda self: not self.native or self.histogram is not None,
)
"""For a model with `native` and `histogram`."""
