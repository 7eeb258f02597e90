"""Requests of both arms, window by window, from raw samples: what the samples add up to, or why that cannot be told.

The counts of a closed window (core/count_tests/open_windows.py) are a pure function of the samples, so that a restarted operator counts the
same window the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from tidegate.api.rollout.metrics import Metric
from tidegate.api.status_budget import MAX_SERIES, SEGMENT_LABELS
from tidegate.core.count_tests.open_windows import TOLERANCE, OpenWindows, raw_query
from tidegate.core.count_tests.source_clock import Silent, late, source_now
from tidegate.core.metrics import counters, kind_of
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.latency_histograms import no_bucket
from tidegate.core.metrics.samples import labelled, too_many
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Failed, Matrix, Query, Vector
from tidegate.core.model.raw_samples import Labels, RawSeries
from tidegate.core.model.samples import NoData
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.counter_increase import (
    LOOKBACK,
    Edges,
    counted,
    last_before,
    newest,
    strangers,
)
from tidegate.core.statistics.windows import Counted, Sums, Window
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.evaluating import Evaluating

SKEW = 0.01
FEWEST = 3.0
"""A window may show a hundredth of its requests, or 3, more bad ones than requests, or fewer than none: clients that are not
locked while they are scraped give one counter a little before the other."""

Key: TypeAlias = tuple[ArmName, str]
"""Whose counter, and of what."""


@dataclass(frozen=True)
class Wanted:
    """What a test must know of the arms."""

    arms: Collection[ArmName] = (ArmName.CANDIDATE,)
    """Those it cannot do without; what is not told of another one counts as no requests."""
    served: Collection[ArmName] = ()
    """Those that have had requests: their counters must be there."""


def closed_windows(
    draft: Evaluating, metric: Metric, asks: Asking, pending: OpenWindows, wanted: Wanted | None = None
) -> tuple[Mapping[str, Counted], ...] | Silent:
    """The counts of the windows that are closed by now, by segment, or why they cannot be told."""
    wanted = wanted or Wanted()
    if not pending.ripe:
        return ()
    found = _found(draft, metric, asks, pending, wanted.arms)
    if not isinstance(found, dict):
        return found
    last = newest(one for all_ in found.values() for one in all_)
    now = source_now(draft, metric, asks, pending, last, doubtful=bool(_missing(metric, pending, found, wanted)))
    if not isinstance(now, int | float):
        return now
    missing = _missing(metric, pending, found, wanted, now)
    if missing:
        return NoData(missing)
    edges = Edges(pending.begin, pending.step, pending.closed(last, now))
    if not edges.windows:
        return late(draft, metric, asks, pending, last)
    new = {key: all_ for key, all_ in found.items() if strangers(all_, edges)}
    known = _known(draft, metric, asks, pending, new, wanted.arms)
    if not isinstance(known, dict):
        return known
    untold = {arm for arm, _ in new.keys() - known.keys()}
    found = {(arm, part): () if arm in untold else all_ for (arm, part), all_ in found.items()}
    return _by_segment(metric, found, known, edges, wanted.arms)


def _by_segment(
    metric: Metric,
    found: dict[Key, tuple[RawSeries, ...]],
    known: dict[Key, dict[Labels, float]],
    edges: Edges,
    arms: Collection[ArmName],
) -> tuple[Mapping[str, Counted], ...] | NoData:
    """The counts of each window, by segment; segments without requests are left out of a window."""
    unknown = _unknown(found, known, edges)
    segments = _segments(metric, found)
    if len(segments) > MAX_SERIES:
        return too_many(metric, f"{len(segments):,} groups", "choose coarser labels")

    def counts(series: Mapping[Key, Sequence[RawSeries]], *, replicas: bool) -> dict[Key, tuple[float, ...]]:
        return {
            key: counted(all_, edges, known.get(key), unknown=unknown, replicas=replicas)
            for key, all_ in series.items()
        }

    try:
        by_segment = {
            labels: _windows(partial(counts, series), edges.windows, arms) for labels, series in segments.items()
        }
    except ValueError as error:
        return NoData(f"{metric.name}: {error}: are the two counters of the same requests?")
    return tuple(
        {labels: windows[place] for labels, windows in by_segment.items() if not metric.by or not windows[place].empty}
        for place in range(edges.windows)
    )


def _segments(
    metric: Metric, found: Mapping[Key, tuple[RawSeries, ...]]
) -> dict[str, Mapping[Key, Sequence[RawSeries]]]:
    """The series of each segment, by its labels; all in one where the metric has no `by`."""
    if not metric.by:
        return {"": found}
    parted: dict[str, dict[Key, list[RawSeries]]] = {}
    for key, all_ in found.items():
        for one in all_:
            labels = segment_of(one.labels, metric.by)
            parted.setdefault(labels, {every: [] for every in found})[key].append(one)
    return dict(sorted(parted.items()))


def segment_of(labels: Labels, by: Sequence[str]) -> str:
    """The labels of a series' segment, as PromQL writes them; one that is missing is left out, as PromQL does."""
    return labelled(tuple((name, value) for name, value in labels if name in by), SEGMENT_LABELS)


def _windows(
    counts: Callable[..., dict[Key, tuple[float, ...]]], windows: int, arms: Collection[ArmName]
) -> tuple[Counted, ...]:
    """Both arms' requests by window.

    Where a drop in one counter was taken for a replica's and one in the other for a reset, a window may have more bad requests
    than requests: then all its drops are resets.

    Raises:
        ValueError: it still has.
    """
    told, strictly = counts(replicas=True), None
    found = []
    for place in range(windows):
        try:
            found.append(_window(told, place, ArmName))
        except ValueError:
            strictly = strictly or counts(replicas=False)
            found.append(_window(strictly, place, arms))
    return tuple(found)


def _window(counts: dict[Key, tuple[float, ...]], place: int, arms: Iterable[ArmName]) -> Counted:
    """One window; of an arm that is not in `arms`, counts that cannot be are taken for no requests."""
    if (ArmName.CANDIDATE, "sum") in counts:
        return Sums(*(counts[arm, part][place] for arm in ArmName for part in ("total", "sum")))
    total, bad = _requests(counts, ArmName.BASELINE, place)
    possible = 0 <= bad <= total or ArmName.BASELINE in set(arms)
    baseline = (total, bad) if possible else (0.0, 0.0)
    return Window(*baseline, *_requests(counts, ArmName.CANDIDATE, place))


def _found(
    draft: TickContext, metric: Metric, asks: Asking, pending: OpenWindows, arms: Collection[ArmName]
) -> dict[Key, tuple[RawSeries, ...]] | Silent:
    """The samples of all the counters. Of an arm that can be done without, all or none: half of one would be all bad, or all good."""
    found: dict[Key, tuple[RawSeries, ...]] = {}
    incomplete: set[tuple[ArmName, Labels]] = set()
    for arm in ArmName:
        answers = {
            part: draft.seen.asked.answer(raw_query(metric, arm, part, asks, pending)) for part in counters(metric)
        }
        if arm not in arms and any(isinstance(answer, Failed) for answer in answers.values()):
            answers = dict.fromkeys(answers, Matrix())
        for part, answer in answers.items():
            match answer:
                case Matrix() if (wrong := _of_other_kind(part, answer)) and arm in arms:
                    return NoData(f"{metric.name}: {wrong}")
                case Matrix():
                    found |= {(arm, name): series for name, series in _series(metric, part, answer).items()}
                    incomplete |= {(arm, labels) for labels in answer.incomplete}
                case Vector():
                    return NoData(f"{metric.name}: expected raw samples, got values")
                case _:
                    return answer
    # A process whose sum of durations has become NaN would be counted with requests that took no time.
    found = {
        key: tuple(one for one in series if (key[0], one.labels) not in incomplete) for key, series in found.items()
    }
    for arm in ArmName:
        mine = {key: series for key, series in found.items() if key[0] is arm}
        if arm not in arms and any(mine.values()) and _half_told(mine, arm):
            found |= dict.fromkeys(mine, ())
    return found


def _half_told(mine: Mapping[Key, tuple[RawSeries, ...]], arm: ArmName) -> bool:
    """A part without all, or requests without the bucket that tells the fast ones."""
    return not mine[arm, "total"] or ((arm, "fast") in mine and not mine[arm, "fast"])


def _missing(
    metric: Metric,
    pending: OpenWindows,
    found: Mapping[Key, tuple[RawSeries, ...]],
    wanted: Wanted,
    now: float | None = None,
) -> str:
    """What there must be and is not at `now` (epoch seconds; `None`: by our own clock); empty when all is there.

    Counters that were there and do not come any more: else nothing would be counted, and nothing speak against anybody.
    No window is passed over for it, so nothing is lost when they come back.
    """
    if any((arm, "fast") in found and found[arm, "total"] and not found[arm, "fast"] for arm in ArmName):
        return no_bucket(metric)
    for part in ("bad", "fast"):
        if any(found.get((arm, part)) and not found[arm, "total"] for arm in ArmName):
            return f"{metric.name}: the {part} requests have a counter, and all of them together have none"
    reach, now = min(metric.window.seconds, LOOKBACK), pending.now if now is None else now
    for arm in wanted.arms if not pending.offset else ():
        last = newest(found[arm, "total"])
        gone = arm in wanted.served if last is None else last < now - reach - TOLERANCE
        if gone:
            return f"{metric.name}: the newest sample of the {arm}'s counters is older than {promql_duration(reach)}"
    return ""


def _unknown(
    found: Mapping[Key, tuple[RawSeries, ...]], known: Mapping[Key, Mapping[Labels, float]], edges: Edges
) -> set[int]:
    """The windows before which the source had no data, as they would be told if each were counted by itself."""
    silent = set()
    for place in {place for all_ in found.values() for one in all_ if (place := _turning_up(one, edges)) is not None}:
        start = edges.start + place * edges.step
        if any(last_before(one, start) is not None for all_ in found.values() for one in all_):
            continue
        there = {key for key, all_ in found.items() if strangers(all_, Edges(start, edges.step, 1))}
        earlier = (one.samples[0][0] <= start for key in there for one in found[key] if one.samples)
        if not any(known.get(key) for key in there) and not any(earlier):
            silent.add(place)
    return silent


def _turning_up(one: RawSeries, edges: Edges) -> int | None:
    """The window of a series' first sample; `None` for one that was there before, or comes later."""
    place = edges.place(one.samples[0][0]) if one.samples else -1
    return place if 0 <= place < edges.windows else None


def _of_other_kind(part: str, answer: Matrix) -> str:
    """What is said of histograms where counters were asked for, or the other way round: else there would be no requests, for ever."""
    if part == "histogram":
        return "these are counters, not native histograms" if answer.series and not answer.histograms else ""
    other = answer.histograms and not answer.series
    return f"'{part}' gives native histograms: write 'histogram', with 'native: true'" if other else ""


def _series(metric: Metric, part: str, answer: Matrix) -> Mapping[str, tuple[RawSeries, ...]]:
    """The counters in an answer, by part."""
    if part != "histogram":
        return {part: answer.series}
    return kind_of(metric).of_histograms(metric, answer.histograms)


def _requests(counts: dict[Key, tuple[float, ...]], arm: ArmName, place: int) -> tuple[float, float]:
    """All the requests of a window, and the bad ones; more of them than requests only where the two counters cannot belong together."""
    total = counts[arm, "total"][place]
    bad = counts[arm, "bad"][place] if (arm, "bad") in counts else total - counts[arm, "fast"][place]
    within = min(max(bad, 0.0), total)
    return total, within if abs(bad - within) <= max(FEWEST, SKEW * total) else bad


def _known(
    draft: Evaluating,
    metric: Metric,
    asks: Asking,
    pending: OpenWindows,
    new: dict[Key, tuple[RawSeries, ...]],
    arms: Collection[ArmName],
) -> dict[Key, dict[Labels, float]] | Silent:
    """The last values of series that were away for longer than the look-back; asked only when there are any.

    A counter of an arm that can be done without is missing when there was no answer.

    Of a native histogram only its being there is asked for: its own buckets come as they are, the last ones of the source's
    answers would not. So one that is back counts from its first sample.
    """
    found = {}
    for (arm, part), series in new.items():
        selectors = counters(metric)
        histogram = "histogram" in selectors
        selector = asks.filled(selectors["histogram" if histogram else part], metric, arm) + pending.earlier
        last = f"last_over_time({selector})"
        text = f"histogram_count({last})" if histogram else last
        answer = draft.want(Query(asks.source, text, metric.name, arm, f"known-{part}"))
        match answer:
            case Failed() if arm not in arms:
                continue
            case Vector() if histogram:
                there = {one.labels for one in answer.series}
                found[arm, part] = {one.labels: one.samples[0][1] for one in series if one.labels in there}
            case Vector():
                found[arm, part] = {one.labels: one.value for one in answer.series}
            case Matrix():
                return NoData(f"{metric.name}: expected values, got raw samples")
            case _:
                return answer
    return found
