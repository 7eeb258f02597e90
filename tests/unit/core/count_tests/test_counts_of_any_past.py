"""Whatever was scraped, and however often one looks: the same windows, and what the processes counted."""

from __future__ import annotations

import math

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.core.count_tests.sampled import STEP, Key, Store, pending, series
from tidegate.core.model.raw_samples import RawSeries
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.counter_increase import FEW, LARGE, LOOKBACK, SMALL_DROP
from tidegate.core.statistics.windows import Window

SCRAPE = 15.0


@st.composite
def stores(draw: st.DrawFn) -> Store:
    """Pods of both arms that come, go, die and are not scraped for a while, over forty minutes."""
    found: dict[Key, list[RawSeries]] = {(arm, part): [] for arm in ArmName for part in ("bad", "total")}
    for arm in ArmName:
        for pod in range(draw(st.integers(1, 3))):
            begin = draw(st.sampled_from([-900, -20, 0, 70, 400]))
            gap = draw(st.sampled_from([(0, 0), (100, 160), (200, 620), (-400, 700), (-400, 30)]))
            dies = draw(st.sampled_from([math.inf, 95, 300, 800]))
            share = draw(st.sampled_from([0, 0.02, 1]))
            total = bad = 0
            samples, errors = [], []
            at = begin + draw(st.integers(0, 14))
            pace = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
            while at < 2400:
                if at - SCRAPE < dies <= at:
                    total = bad = 0
                more = pace[len(samples) % len(pace)]
                total, bad = total + more, bad + round(more * share)
                if not gap[0] <= at < gap[1]:
                    samples.append((float(at), float(total)))
                    if bad:
                        errors.append((float(at), float(bad)))
                at += int(SCRAPE)
            found[arm, "total"].append(series(f"{arm}-{pod}", *samples))
            found[arm, "bad"].append(series(f"{arm}-{pod}", *errors))
    return Store(found)


def counted_at(store: Store, instants: list[float]) -> list[Window]:
    """The windows as an operator counts them that looks at these instants."""
    found: list[Window] = []
    for now in instants:
        closed = store.closed(pending(now, STEP * len(found)))
        assume(isinstance(closed, tuple))  # a process that died unseen may have counted more bad requests than requests
        assert isinstance(closed, tuple)
        found += closed
    return found


@settings(max_examples=60, deadline=None)
@given(stores(), st.lists(st.integers(1, 400), max_size=12))
def test_however_often_one_looks_the_same_windows_are_counted(store: Store, waits: list[int]) -> None:
    at, instants = 0, []
    for wait in waits:
        at += wait
        instants.append(float(at))
    seldom = counted_at(store, [*(one for one in instants if one < 2400), 2400.0])
    often = counted_at(store, [float(at) for at in range(10, 2401, 10)])
    assert seldom == often


@settings(max_examples=30, deadline=None)
@given(stores())
def test_what_was_counted_is_what_the_processes_say(store: Store) -> None:
    """Where the source knew anything at the start, all that was scraped since is counted, and once."""
    all_ = [one for several in store.series.values() for one in several]
    assume(any(-LOOKBACK < at <= 0 for one in all_ for at, _ in one.samples))
    windows = counted_at(store, [2400.0])
    for arm in ArmName:
        expected = 0.0
        for one in store.series[arm, "total"]:
            last = next((value for at, value in reversed(one.samples) if at <= 0), 0.0)
            for at, value in one.samples:
                if 0 < at <= STEP * len(windows):
                    # A small drop of a counter that is not small is taken for another replica's.
                    assume(value >= last or last < LARGE or value < min(SMALL_DROP * last, last - FEW))
                    expected += value - last if value >= last else value
                    last = value
        assert sum(one.candidate if arm is ArmName.CANDIDATE else one.baseline for one in windows) == expected
