"""Limits that are tests on counts, in one tick: what to ask, the windows closed by the answers, and the finding."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.responses import Response
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.count_tests.counts import Wanted, closed_windows
from tidegate.core.count_tests.factory import CountTest, count_test_of
from tidegate.core.count_tests.open_windows import CHUNK, LAG, OpenWindows, raw_queries, step_of
from tidegate.core.count_tests.past import TRIES, past_blocks, past_queries
from tidegate.core.count_tests.protocol import Closed
from tidegate.core.count_tests.regression import RegressionTest
from tidegate.core.count_tests.state import packed, unpacked
from tidegate.core.metrics import digest as asked_digest
from tidegate.core.metrics.asking import Asking
from tidegate.core.model import cadence
from tidegate.core.model.answers import Failed, Query
from tidegate.core.model.finding import UNANSWERED, Context, Finding, State, without_value
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.windows import Counted
from tidegate.core.tick.arms import comparable
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.evaluating import Evaluating

CATCHING_UP = 1.0
"""Seconds between two queries while there is more to catch up on than one of them brings."""

SHORT = 300.0
"""Seconds that are caught up on at once where an hour may be more than the source can answer."""

AHEAD = 3
"""Windows that a grid may lie in the future before it is laid anew."""

SCRAPE = 16.0
"""Seconds until the scrape after a window's end, at most."""


@dataclass(frozen=True)
class CountedLimit:
    """One limit on one metric, in one tick."""

    draft: Evaluating
    limit: Threshold
    metric: Metric
    asks: Asking

    def queries(self) -> list[Query]:
        """What must be asked to carry the test on; nothing while no window can be closed, or nothing can be compared."""
        if not self._at_work:
            return []
        return raw_queries(self.metric, self.asks, self._pending(self._gathered()), self._arms)

    def _past(self, trial: CountTest) -> tuple[Query, ...]:
        """The queries for the dispersion of the baseline's errors before the run, where that is not known yet."""
        if not isinstance(trial, RegressionTest) or trial.tries >= TRIES:
            return ()
        return past_queries(self.metric, self.asks, trial.start, self.draft.now)

    def finding(self, context: Context) -> Finding:
        """The limit judged by all that was counted up to now; what it has gathered is kept in the draft's run."""
        if self.draft.run.traffic_since is None:
            words = f"{self.limit.identity}: the candidate has had no traffic yet"
            return Finding(self.limit, State.TOO_FEW_REQUESTS, words, sampled=False)
        before = self._gathered()
        if not self._at_work:
            found = self._judged(self._trial(before))
            if found.state is State.BREACHED:
                return found
            words = f"{found.message}; not compared now: {context.incomparable}"
            return replace(found, state=State.NOT_COMPARABLE, message=words, sampled=False)
        pending = self._pending(before)
        key = (self.limit.identity, pending)
        once = self.draft.seen.asked.once
        windows = once(key, lambda: closed_windows(self.draft, self.metric, self.asks, pending, self._wanted(before)))
        if not isinstance(windows, tuple):
            self._keep(before)
            silent = without_value(self.limit, windows, context)
            assert silent is not None  # noqa: S101  (a value would have been windows)
            worse = self._judged(self._trial(before))
            return worse if worse.state is State.BREACHED and silent.answered else silent
        begun = self._with_past(self._trial(before)) if windows else self._trial(before)
        if begun is None:
            self._keep(before)
            return Finding(self.limit, State.OPEN, "")
        trial, after = once((*key, "after"), lambda: self._after(begun, before, windows))
        self._keep(after)
        if not self.draft.seen.pace.every_point:
            self._wake(after, trial, windows)
        found = once((*key, "judged"), lambda: self._judged(trial))
        if pending.offset and found.state is not State.BREACHED:
            self.draft.wakes.append(self.draft.now + CATCHING_UP)
            words = f"{self.limit.identity}: catching up on what was missed, counted up to {instant(pending.begin):%H:%M:%S} UTC"
            return replace(found, state=State.TOO_FEW_REQUESTS, message=words, sampled=False)
        return found if pending.ripe else replace(found, sampled=False)

    @property
    def _traffic_since(self) -> float:
        """Epoch seconds; minus infinity where that is not known, or an instant to come."""
        since = self.draft.run.traffic_since.timestamp() if self.draft.run.traffic_since is not None else -math.inf
        return since if since <= self.draft.now else -math.inf

    @property
    def _at_work(self) -> bool:
        """There is something to count, and both arms to compare where that is asked for."""
        return self.draft.run.traffic_since is not None and (
            len(self._arms) == 1 or comparable(self.draft, self.limit.cohort)
        )

    @property
    def _arms(self) -> tuple[ArmName, ...]:
        """The arms that it cannot do without."""
        return tuple(ArmName) if self.limit.relative or self.limit.split is not None else (ArmName.CANDIDATE,)

    def _wanted(self, gathered: EvidenceStatus) -> Wanted:
        baseline, _, candidate, _ = _totals(gathered)
        served = ((ArmName.BASELINE, baseline), (ArmName.CANDIDATE, candidate))
        return Wanted(self._arms, tuple(arm for arm, requests in served if requests > 0))

    def _trial(self, gathered: EvidenceStatus) -> CountTest:
        return count_test_of(self.draft, self.limit, self.metric, gathered)

    def _judged(self, trial: CountTest) -> Finding:
        return trial.result().finding(self.limit, self.metric)

    def _gathered(self) -> EvidenceStatus:
        """What the limit had gathered when this tick began, however often the tick decides."""
        asked = self._digest()
        return self.draft.seen.asked.once((self.limit.identity, asked), lambda: self._remembered(asked))

    def _remembered(self, asked: str) -> EvidenceStatus:
        """What the limit has gathered; nothing for a limit or a query that is new."""
        step = step_of(self.metric, self.draft.interval)
        known = self.draft.run.evidence
        found = next((one for one in known if (one.name, one.asked) == (self.limit.identity, asked)), None)
        if found is None or self._has_led_to_a_step_back(found):
            return EvidenceStatus(name=self.limit.identity, asked=asked, start=instant(self.draft.now), step=step)
        if found.windows and (
            not found.state or unpacked(found.state) is None
        ):  # of another version: all is counted anew
            return found.model_copy(update={"step": step, "windows": 0, "state": ""})
        begin = found.start.timestamp() + found.windows * found.step
        if begin < self._traffic_since - step:  # somebody's hand: there was no traffic to count
            return found.model_copy(update={"start": instant(self.draft.now), "step": step, "windows": 0})
        # Our clock was ahead when it began. Where anything was counted it is the source's that is ahead: it had samples from there.
        if begin > self.draft.now + AHEAD * step and not found.windows and not any(_totals(found)):
            return found.model_copy(update={"start": instant(self.draft.now), "step": step, "windows": 0})
        if found.step == step:
            return found
        return found.model_copy(update={"start": instant(begin), "step": step, "windows": 0})

    def _has_led_to_a_step_back(self, gathered: EvidenceStatus) -> bool:
        """Whether it was gathered before the run stepped back: it has had its effect, and the limit is tested anew."""
        since = self.draft.run.traffic_since
        steps_back = self.limit.on_breach is Response.STEP_BACK
        return steps_back and since is not None and gathered.start < since

    def _digest(self) -> str:
        return digest(self.limit, self.metric)

    def _pending(self, gathered: EvidenceStatus) -> OpenWindows:
        begin = gathered.start.timestamp() + gathered.windows * gathered.step
        chunk = max(self._chunk, 4 * gathered.step, self.draft.seen.pace.watched(self.draft.interval))
        return OpenWindows(begin, gathered.step, self.draft.now, chunk)

    @property
    def _chunk(self) -> float:
        """Seconds to ask for at once; while the source gives no answer every other time a few: it may be too much that was asked."""
        known = self.draft.memory.status.missing_data
        refused = any(one.message.startswith(f"{self.metric.name}: {UNANSWERED}") for one in known)
        return SHORT if refused and int(self.draft.now / self.draft.interval) % 2 else CHUNK

    def _keep(self, gathered: EvidenceStatus) -> None:
        known = self.draft.run.evidence
        if gathered not in known:
            key = (gathered.name, gathered.asked)
            others = tuple(one for one in known if (one.name, one.asked) != key)
            self.draft.update_run(evidence=(*others, gathered))

    def _with_past(self, trial: CountTest) -> CountTest | None:
        """The test, with the baseline's past once that is answered; `None` while it is not."""
        asked = self._past(trial)
        if not asked or not isinstance(trial, RegressionTest):
            return trial
        match past_blocks(self.draft, self.metric, asked):
            case dict() as blocks:
                return replace(trial.learning(blocks, self._gathered().step), tries=TRIES)
            case Failed():
                return replace(trial, tries=trial.tries + 1)
            case _:
                return None

    def _after(
        self, trial: CountTest, before: EvidenceStatus, windows: tuple[Mapping[str, Counted], ...]
    ) -> tuple[CountTest, EvidenceStatus]:
        """The test after further windows, and what status keeps of it."""
        begin = self._pending(before).begin
        for window in windows:
            trial = trial.after(Closed(window, begin, begin + before.step))
            begin += before.step
        changes = {"windows": before.windows + len(windows), "state": packed(trial.state())}
        return trial, before.model_copy(update=changes)

    def _wake(self, after: EvidenceStatus, trial: CountTest, windows: tuple[Mapping[str, Counted], ...]) -> None:
        """When something else could be shown if all goes on as in the last window: points of the grid are left out until then."""
        stationary = len(windows) > 1 and _alike(windows[-2], windows[-1])
        ahead = trial.ahead(windows[-1]) if stationary else 2.0
        if math.isfinite(ahead):
            closed = self._pending(after).begin + ahead * after.step + min(LAG, after.step) + SCRAPE
            draft = self.draft
            draft.wakes.append(
                cadence.at_or_after(draft.seen.rollout.uid, draft.interval, max(closed, draft.now + 1.0))
            )


def _totals(gathered: EvidenceStatus) -> tuple[float, float, float, float]:
    """Requests of the baseline and bad ones among them, then those of the candidate, in all segments."""
    state = unpacked(gathered.state) if gathered.state else None
    return state.totals if state is not None else (0.0, 0.0, 0.0, 0.0)


def catching_up(draft: TickContext) -> bool:
    """Whether a test has more to catch up on than one query brings."""
    return any(
        draft.now - one.start.timestamp() - one.windows * one.step > max(CHUNK, 4 * one.step) + one.step
        for one in draft.run.evidence
    )


def digest(limit: Threshold, metric: Metric) -> str:
    """Of a test and its query: another one begins again, and two limits of one name do not mix."""
    test = limit.regression or limit.split
    asked = f"{asked_digest(metric, 16)} {metric.warm_up}"
    return hashlib.sha256(f"{test.model_dump_json() if test else ''} {asked}".encode()).hexdigest()[:8]


def forget_others(draft: Evaluating, limits: Iterable[tuple[Threshold, Metric]]) -> None:
    """Drops what was gathered for limits that are no longer in force."""
    keys = {(limit.identity, digest(limit, metric)) for limit, metric in limits}
    kept = tuple(one for one in draft.run.evidence if (one.name, one.asked) in keys)
    if kept != draft.run.evidence:
        draft.update_run(evidence=kept)


def _alike(one: Mapping[str, Counted], other: Mapping[str, Counted]) -> bool:
    return one.keys() == other.keys() and all(_same(window, other[labels]) for labels, window in one.items())


def _same(one: Counted, other: Counted) -> bool:
    return type(one) is type(other) and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in zip(astuple(one), astuple(other), strict=True)
    )
