"""What a preset is made of: a query with gaps, and the parameters that fill them.

A gap is written `<name>`: neither the operator's variables (`$pods`) nor PromQL have such a form. A gap stands for a
label's name, a metric's name or a part of a string; a parameter's form admits nothing that could end a string, so that
a value never becomes PromQL of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.api.rollout.metric_kinds import Measured
from tidegate.api.rollout.metric_kinds.kind import MetricModel
from tidegate.api.values.scalars import Unit


@dataclass(frozen=True)
class Form:
    """The values a parameter may have."""

    pattern: str
    """Of the whole value."""
    words: str
    """The same for people, after "is not"."""


LABEL: Final = Form(r"[a-zA-Z_][a-zA-Z0-9_]*", "the name of a label: letters, digits and '_'")
METRIC: Final = Form(r"[a-zA-Z_:][a-zA-Z0-9_:]*", "the name of a metric: letters, digits, '_' and ':'")
SHARE: Final = Form(r"0\.(?=[0-9]*[1-9])[0-9]{1,6}", "a share between 0 and 1, such as '0.95'")


def one_of(*values: str) -> Form:
    """Exactly these values."""
    return Form("|".join(values), f"one of {', '.join(values)}")


@dataclass(frozen=True)
class Parameter:
    """A gap of a query."""

    name: str
    form: Form
    says: str
    """What it is for."""
    default: str | None = None
    """`None`: it required."""


QUANTILE: Final = Parameter("quantile", SHARE, "the quantile, from 0 to 1", "0.99")

MIRRORED: Final = (
    "Requests that a route mirrors to an arm's Service count as that arm's, and no user sees their answers. In a step with `mirror` "
    "that is what its limits judge; other mirrors belong to a Service of their own, with other pods behind it (`tidegate lint` warns "
    "where it sees the route)."
)
"""What most systems' numbers have in common."""
NOT_MIRRORED: Final = (
    "Whether the sender counts the copies that a route mirrors has not been tested: judge a step with `mirror` by what the pods "
    "count (`istio/…`, `http/…`)."
)
RETRIED: Final = (
    "Statuses are those of final responses: where the route retries, an error that a retry hides is not among them (`tidegate lint` "
    "warns where it sees the route)."
)
"""Of proxies that retry, and count what came of it."""

Query: TypeAlias = MetricModel | str
"""One kind of metric, a text for a `query`; with gaps."""


@dataclass(frozen=True)
class Preset:
    """One query about one arm."""

    name: str
    """With its system's: `istio/error-rate`."""
    says: str
    """What it measures."""
    query: Query
    unit: Unit
    parameters: tuple[Parameter, ...] = ()

    @property
    def measured(self) -> Measured:
        """The metric's part that it stands for."""
        return Measured.of(self.query)


@dataclass(frozen=True)
class System:
    """Something whose metrics tell the arms apart."""

    name: str
    """What its presets' names begin with."""
    title: str
    scraped: str
    """What Prometheus must scrape, and how its labels must come in."""
    arms: str
    """The labels that distinguish the arms."""
    mind: tuple[str, ...]
    """What the numbers leave out, and where they mislead."""
    sources: tuple[str, ...]
    """Where the names of metrics and labels are from."""
    presets: tuple[Preset, ...]


@dataclass(frozen=True)
class Absent:
    """Something whose metrics do not tell the arms apart, so that there is no preset."""

    names: tuple[str, ...]
    """What people would write before the `/`."""
    title: str
    why: str
    instead: str
    sources: tuple[str, ...]
