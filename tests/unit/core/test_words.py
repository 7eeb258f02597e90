"""Variables, windows, grid, checkpoints, gates, claims: small rules in small tables."""

from __future__ import annotations

import math

import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.status import StepBegin
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates.kind import Asked, GateContext
from tidegate.core.metrics import queries
from tidegate.core.metrics.asking import SHORTEST_WINDOW, Asking
from tidegate.core.metrics.variables import fill, promql_duration
from tidegate.core.model import cadence
from tidegate.core.model.claims import Claim, stronger
from tidegate.core.model.time_format import in_words, instant
from tidegate.core.model.world import ArmName
from tidegate.core.run.checkpoints import following, offsets, reached
from tidegate.core.tick.kept_spec import NO_SPEC as SPEC

VALUES = {"namespace": "shop", "workload": 'a"b\\c', "window": "30s", "pods": "x-[a-z0-9]{5}"}


@pytest.mark.parametrize(
    ("why", "promql", "wanted"),
    [
        ("a variable is filled in", 'up{namespace="$namespace"}', 'up{namespace="shop"}'),
        ("braces are allowed", "x[${window}]", "x[30s]"),
        ("values are escaped for strings", '{w="$workload"}', '{w="a\\"b\\\\c"}'),
        ("a doubled dollar is one", '{path=~"/x$$"}', '{path=~"/x$"}'),
        ("a doubled dollar hides a name", "$$namespace", "$namespace"),
        ("durations stand bare", "rate(x[$window])", "rate(x[30s])"),
    ],
)
def test_variables(why: str, promql: str, wanted: str) -> None:
    assert fill(promql, VALUES) == wanted, why


def test_an_unknown_variable_is_named_with_the_ones_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown variable \$nonsense; there are \$namespace"):
        fill("$nonsense", VALUES)


@pytest.mark.parametrize(("seconds", "wanted"), [(30, "30s"), (0.2, "1s"), (1.5, "1500ms"), (3600, "3600s")])
def test_a_promql_duration_is_whole_milliseconds_of_a_second_and_up(seconds: float, wanted: str) -> None:
    assert promql_duration(seconds) == wanted


@pytest.mark.parametrize(
    ("why", "traffic", "wanted"),
    [
        ("no longer than the candidate has had traffic", 30.0, 30.0),
        ("no longer than the metric says", 3600.0, 120.0),
        ("never so short that no two scrapes lie in it", 0.0, SHORTEST_WINDOW),
    ],
)
def test_the_window(why: str, traffic: float, wanted: float) -> None:
    assert asking(traffic).window(Metric.model_validate({"name": "m", "query": "q", "window": "2m"})) == wanted, why


def test_a_ratio_asks_increases_of_both_counters_by_its_groups() -> None:
    ratio = {"bad": 'r{w="$workload",code=~"5.."}', "total": 'r{w="$workload"}', "by": ["segment"]}
    metric = Metric.model_validate({"name": "m", "ratio": ratio, "window": "2m"})
    assert [one.promql for one in queries(metric, ArmName.CANDIDATE, asking(60))] == [
        'sum by (segment) (increase(r{w="b",code=~"5.."}[60s]))',
        'sum by (segment) (increase(r{w="b"}[60s]))',
    ]


def asking(traffic: float) -> Asking:
    names = {ArmName.BASELINE: "a", ArmName.CANDIDATE: "b"}
    return Asking("default", "shop", "checkout", "canary", 0.0, traffic, names, names, names)


def step(**fields: object) -> Step:
    return Step.model_validate({"name": "s", "weight": 1, **fields})


@pytest.mark.parametrize(
    ("why", "fields", "wanted"),
    [
        ("the end is always one", {"duration": "1h"}, (3600,)),
        ("a step without a duration is judged at once", {}, (0,)),
        ("instants are sorted", {"duration": "1h", "checkpoints": [{"at": "30m"}, {"at": "15m"}]}, (900, 1800, 3600)),
        (
            "every counts on from the entry before",
            {"duration": "1h", "checkpoints": [{"at": "10m"}, {"every": "20m"}]},
            (600, 1800, 3000, 3600),
        ),
        (
            "until ends a series",
            {"duration": "3h", "checkpoints": [{"every": "30m", "until": "1h"}, {"every": "1h"}]},
            (1800, 3600, 7200, 10800),
        ),
        ("what lies beyond the end is left out", {"duration": "10m", "checkpoints": [{"at": "1h"}]}, (600,)),
        (
            "the same instant twice is one",
            {"duration": "1h", "checkpoints": [{"at": "30m"}, {"at": "30m"}]},
            (1800, 3600),
        ),
    ],
)
def test_checkpoints(why: str, fields: dict[str, object], wanted: tuple[float, ...]) -> None:
    assert offsets(step(**fields)) == wanted, why


def test_the_newest_checkpoint_without_a_verdict_is_due() -> None:
    one = step(duration="1h", checkpoints=[{"at": "15m"}, {"at": "30m"}])
    assert reached(one, 899, -1) is None
    assert reached(one, 900, -1) == 900
    assert reached(one, 1900, -1) == 1800
    assert reached(one, 1900, 1800) is None
    assert (following(one, 900), following(one, 3600)) == (1800, None)


@pytest.mark.parametrize(
    ("why", "gate", "now", "open_"),
    [
        ("without a gate it is open", None, 0, True),
        ("before its instant it is closed", {"after": "1970-01-01T00:01:40Z"}, 99, False),
        ("at its instant it is open", {"after": "1970-01-01T00:01:40Z"}, 100, True),
        ("it counts from another step", {"sinceStep": {"step": "first", "elapsed": "1m"}}, 109, False),
        ("until that has lasted", {"sinceStep": {"step": "first", "elapsed": "1m"}}, 110, True),
        ("a step that has not begun keeps it closed", {"sinceStep": {"step": "other", "elapsed": "1m"}}, 1e9, False),
        (
            "both must be true",
            {"after": "1970-01-01T00:03:20Z", "sinceStep": {"step": "first", "elapsed": "1m"}},
            150,
            False,
        ),
    ],
)
def test_gates(why: str, gate: object, now: float, open_: bool) -> None:  # noqa: FBT001
    begun = (StepBegin(name="first", time=instant(50)),)
    fields = {"gate": gate} if gate else {}
    one = step(**fields)
    in_force = gates.in_force(SPEC, one)
    assert (not gates.closed_parts(in_force, GateContext(now, gates.times(begun), one))) is open_, why


def test_the_grid_has_one_point_an_interval_shifted_by_uid() -> None:
    first = cadence.following("a", 30, 1000.0)
    assert 1000 < first <= 1030
    assert cadence.following("a", 30, first) == pytest.approx(first + 30)
    assert cadence.passed("a", 30, first - 1, first)
    assert not cadence.passed("a", 30, first, first + 29.9)
    assert cadence.at_or_after("a", 30, first) == pytest.approx(first)
    assert cadence.following("b", 30, 1000.0) != first


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.25, "0.25s"), (45, "45s"), (5400, "1h30m"), (90061, "1d1h1m1s"), (86400, "1d")]
)
def test_lengths_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def claim(name: str, *, active: bool = False, created: float = 1, things: str = "x") -> Claim:
    return Claim(name, f"uid-{name}", active, created, frozenset(things))


@pytest.mark.parametrize(
    ("why", "mine", "other", "wins"),
    [
        ("the older one", claim("me", created=2), claim("other", created=1), True),
        ("not the younger one", claim("me", created=1), claim("other", created=2), False),
        ("an active run before an older one", claim("me", created=1), claim("other", created=2, active=True), True),
        ("my active run before an older one", claim("me", created=2, active=True), claim("other", created=1), False),
        (
            "of two active runs the older",
            claim("me", created=2, active=True),
            claim("other", created=1, active=True),
            True,
        ),
        ("of two of one second the lesser uid, so that one of them works", claim("me"), claim("a"), True),
        ("and the other does not", claim("a"), claim("me"), False),
        ("nothing in common is no matter", claim("me", created=2), claim("other", things="y"), False),
    ],
)
def test_who_has_the_better_right(why: str, mine: Claim, other: Claim, wins: bool) -> None:  # noqa: FBT001
    assert (stronger(mine, [other]) is not None) is wins, why


@pytest.mark.parametrize(
    "after", ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59.9999Z", "0001-01-01T00:00:00+05:00"]
)
def test_a_gate_at_the_end_of_the_calendar_is_open_or_closed(after: str) -> None:
    one = step(gate={"after": after, "sinceStep": {"step": "first", "elapsed": "1d"}})
    in_force, context = gates.in_force(SPEC, one), GateContext(2 * 86400.0, {"first": 0.0}, one)
    assert (not gates.closed_parts(in_force, context)) is after.startswith("0001")
    opens = gates.opens([Asked(in_force, context.at(-math.inf))])
    assert opens >= 86400.0
    assert instant(opens).year <= 9999
