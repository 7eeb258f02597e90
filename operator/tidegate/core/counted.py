"""Lines that are tests on counts: what they have gathered in this run, carried on by the windows closed in this tick."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tidegate.api.metric import Metric
from tidegate.api.run_status import EvidenceStatus
from tidegate.api.threshold import Regression, Threshold
from tidegate.core import grid, targets
from tidegate.core.counters import CHUNK, LAG, Pending, closed_windows, raw_questions, step_of
from tidegate.core.draft import Draft
from tidegate.core.evidence import split
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.gathered import NONE, Compared, Conclusion, Limited, Suspicion, crossing, mirrored, together
from tidegate.core.findings import Context, Finding, State, without_value
from tidegate.core.instants import instant
from tidegate.core.observed import Question
from tidegate.core.proofs import Lately, Proof, of_limit, of_regression, of_split
from tidegate.core.questions import Asking
from tidegate.core.targets import Standing

WARM_UP = 180.0
"""Seconds of traffic left out of a comparison unless the metric says otherwise: cold pods fail more."""

SETTLING = 30.0
"""Seconds after a weight was changed until every worker of a gateway routes by it."""

SCRAPE = 16.0
"""Seconds until the scrape after a window's end, at most."""

REMEMBERED = 4
"""Decimals of what is kept: far finer than any decision, and a third of the bytes."""


@dataclass(frozen=True)
class Test:
    """One line on one metric, in one tick."""

    draft: Draft
    line: Threshold
    metric: Metric
    asks: Asking

    def questions(self) -> list[Question]:
        """What must be asked to carry the test on; nothing while no window can be closed, or nothing can be compared."""
        if not self._at_work:
            return []
        return raw_questions(self.metric, self.asks, self._pending(self._gathered()))

    def finding(self, context: Context) -> Finding:
        """The line judged by all that was counted up to now; what it has gathered is kept in the draft's run."""
        if self.draft.run.traffic_since is None:
            words = f"{self.line.identity}: the candidate has had no traffic yet"
            return Finding(self.line, State.TOO_FEW, words, sampled=False)
        before = self._gathered()
        if not self._at_work:
            found = self._judged(before)
            broken = found.state is State.BREACHED
            return found if broken else replace(found, state=State.NOT_COMPARABLE, sampled=False)
        pending = self._pending(before)
        key = (self.line.identity, pending)
        once = self.draft.seen.asked.once
        windows = once(key, lambda: closed_windows(self.draft, self.metric, self.asks, pending))
        if not isinstance(windows, tuple):
            self._keep(before)
            silent = without_value(self.line, windows, context)
            assert silent is not None  # noqa: S101  (a value would have been windows)
            worse = self._judged(before)
            return worse if worse.state is State.BREACHED and silent.answered else silent
        after = once((*key, "after"), lambda: self._after(before, windows))
        self._keep(after)
        if self.draft.seen.attended:
            self._wake(after, windows)
        found = once((*key, "judged"), lambda: self._judged(after))
        return found if pending.ripe else replace(found, sampled=False)

    @property
    def _at_work(self) -> bool:
        """There is something to count, and both arms to compare where that is asked for."""
        alone = self.line.relative or self.line.split is not None
        return self.draft.run.traffic_since is not None and not (alone and self.draft.run.weight >= 100)

    def _gathered(self) -> EvidenceStatus:
        """What the line had gathered when this tick began, however often the tick decides."""
        asked = self._digest()
        return self.draft.seen.asked.once((self.line.identity, asked), lambda: self._remembered(asked))

    def _remembered(self, asked: str) -> EvidenceStatus:
        """What the line has gathered; nothing for a line, a limit or a question that is new."""
        step = step_of(self.metric, self.draft.interval)
        found = next((one for one in self.draft.run.evidence if one.name == self.line.identity), None)
        if found is None or found.asked != asked:
            return EvidenceStatus(name=self.line.identity, asked=asked, start=instant(self.draft.now), step=step)
        if found.step == step:
            return found
        begin = found.start.timestamp() + found.windows * found.step
        return found.model_copy(update={"start": instant(begin), "step": step, "windows": 0})

    def _digest(self) -> str:
        test = self.line.regression or self.line.split
        asked = self.metric.model_dump_json(include={"ratio", "latency", "warm_up"})
        return hashlib.sha256(f"{test.model_dump_json() if test else ''} {asked}".encode()).hexdigest()[:8]

    def _pending(self, gathered: EvidenceStatus) -> Pending:
        begin = gathered.start.timestamp() + gathered.windows * gathered.step
        chunk = math.inf if self.draft.seen.attended else max(CHUNK, 4 * gathered.step)
        return Pending(begin, gathered.step, self.draft.now, chunk)

    def _keep(self, gathered: EvidenceStatus) -> None:
        known = self.draft.run.evidence
        if gathered not in known:
            others = tuple(one for one in known if one.name != gathered.name)
            self.draft.update_run(evidence=(*others, gathered))

    def _after(self, before: EvidenceStatus, windows: tuple[Window, ...]) -> EvidenceStatus:
        """What has been gathered after further windows."""
        after = before.model_copy(update={"windows": before.windows + len(windows)})
        if self.line.split is not None:
            return self._split_after(before, after, windows)
        test = self.line.regression or Regression()
        warm = self._warm(before, windows)
        compared = _compared(test, before).after(warm)
        counts = together([Window(*before.counts), *(warm if test.limit is None else windows)])
        first = _compared(test, before) if test.limit is None else _limited(test, self.metric, before)[0]
        seen = warm if test.limit is None else windows
        begin = self._pending(before).begin + (len(windows) - len(seen)) * before.step
        suspicion = _suspicion(before, begin)
        for place, (growth, window) in enumerate(zip(first.growths(seen), seen, strict=True), start=1):
            suspicion = suspicion.after(growth, window, begin + place * before.step)
        changes: dict[str, object] = {
            "suspect": (
                round(suspicion.since, 3),
                round(suspicion.height, REMEMBERED),
                *_numbers(suspicion.counts),
            ),
            "counts": _numbers(counts),
            "relative": _rounded(compared.logs),
            "compared": compared.counted,
            "profile": _rounded((*compared.profile, compared.null)),
        }
        if test.limit is not None:
            candidate, baseline = _limited(test, self.metric, before)
            candidate, baseline = candidate.after(windows), baseline.after(mirrored(windows))
            changes |= {
                "absolute": _rounded(candidate.logs),
                "baseline": _rounded(baseline.logs),
                "limited": candidate.counted,
            }
        return after.model_copy(update=changes)

    def _warm(self, before: EvidenceStatus, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        """The windows that begin after the warm-up."""
        since = self.draft.run.traffic_since
        warm_up = self.metric.warm_up.seconds if self.metric.warm_up is not None else WARM_UP
        until = (since.timestamp() if since is not None else self.draft.now) + warm_up
        return windows[_beginning_before(until, self._pending(before), len(windows)) :]

    def _split_after(
        self, before: EvidenceStatus, after: EvidenceStatus, windows: tuple[Window, ...]
    ) -> EvidenceStatus:
        """Each weight is a segment of its own; windows that saw it change, or saw somebody else's, belong to none."""
        weight, since, earlier = before.split or (0.0, 0.0, 0.0)
        counts = Window(*before.counts)
        if weight != self.draft.run.weight or not self.draft.step.reached or _elsewhere(self.draft):
            earlier += split.log_evidence(weight / 100, counts.baseline, counts.candidate)
            weight, since, counts = self.draft.run.weight, self.draft.now + SETTLING, NONE
        settled = windows[_beginning_before(since, self._pending(before), len(windows)) :]
        counts = together([counts, *settled])
        return after.model_copy(
            update={
                "counts": _numbers(counts),
                "split": (weight, round(since, 3), round(earlier, REMEMBERED)),
            }
        )

    def _judged(self, gathered: EvidenceStatus) -> Finding:
        return self._proof(gathered).finding(self.line, self.metric)

    def _proof(self, gathered: EvidenceStatus) -> Proof:
        counts = Window(*gathered.counts)
        if self.line.split is not None:
            weight, _, earlier = gathered.split or (0.0, 0.0, 0.0)
            return of_split(self.line.split, counts, weight, earlier)
        test = self.line.regression or Regression()
        alpha = (1 - test.confidence.ratio) / max(self._sharing(), 1)
        compared = _compared(test, gathered)
        suspicion = _suspicion(gathered, self.draft.now)
        lately = Lately(instant(suspicion.since), suspicion.counts)
        if test.limit is None:
            return of_regression(test, compared, counts, alpha, lately)
        candidate, baseline = _limited(test, self.metric, gathered)
        shared = baseline.conclusion(alpha, counts) is Conclusion.REGRESSED
        shared = shared and compared.conclusion(alpha) is not Conclusion.REGRESSED
        return of_limit(test, candidate, counts, alpha, lately, shared=shared)

    def _sharing(self) -> int:
        """How many lines share the chance of a false stop: every `regression` of the Rollout, in whatever step."""
        spec = self.draft.spec
        lines = [*spec.guards, *spec.thresholds, *(line for s in spec.steps for line in (*s.guards, *s.thresholds))]
        return len({line.identity for line in lines if line.regression is not None})

    def _wake(self, after: EvidenceStatus, windows: tuple[Window, ...]) -> None:
        """When another conclusion could follow if all goes on as in the last window. Only a simulator jumps to it."""
        if len(windows) < 2 or not _alike(windows[-2], windows[-1]):
            self._wake_after(after, 2)
        elif self.line.regression is not None:
            test, last = self.line.regression, windows[-1:]
            tests: list[tuple[Compared | Limited, Sequence[Window]]] = [(_compared(test, after), last)]
            if test.limit is not None:
                candidate, baseline = _limited(test, self.metric, after)
                tests += [(candidate, last), (baseline, mirrored(last))]
            level = math.log(max(self._sharing(), 1) / (1 - test.confidence.ratio))
            when = min(crossing(one.logs, one.counted, one.growths(seen)[0], level) for one, seen in tests)
            if math.isfinite(when):
                self._wake_after(after, when)

    def _wake_after(self, gathered: EvidenceStatus, windows: float) -> None:
        """Wakes when so many more windows can be closed."""
        closed = self._pending(gathered).begin + windows * gathered.step + min(LAG, gathered.step) + SCRAPE
        draft = self.draft
        draft.wakes.append(grid.at_or_after(draft.seen.rollout.uid, draft.interval, max(closed, draft.now + 1.0)))


def _suspicion(gathered: EvidenceStatus, begin: float) -> Suspicion:
    if not gathered.suspect:
        return Suspicion(begin, NONE)
    since, height, *counts = gathered.suspect
    return Suspicion(since, Window(*counts), height)


def _numbers(counts: Window) -> tuple[float, float, float, float]:
    return counts.baseline, counts.baseline_bad, counts.candidate, counts.candidate_bad


def forget_others(draft: Draft, lines: Iterable[Threshold]) -> None:
    """Drops what was gathered for lines that are no longer in force."""
    names = {line.identity for line in lines if line.counted}
    kept = tuple(one for one in draft.run.evidence if one.name in names)
    if kept != draft.run.evidence:
        draft.update_run(evidence=kept)


def _elsewhere(draft: Draft) -> bool:
    """Whether somebody else's numbers are on the route: the requests then follow those."""
    return targets.standing(draft, draft.weight) in {Standing.LESS, Standing.MORE}


def _compared(test: Regression, gathered: EvidenceStatus) -> Compared:
    if not gathered.relative:
        return Compared(test.margin.ratio)
    profile, null = gathered.profile[:-1], gathered.profile[-1]
    return Compared(test.margin.ratio, gathered.relative, gathered.compared, profile, null)


def _limited(test: Regression, metric: Metric, gathered: EvidenceStatus) -> tuple[Limited, Limited]:
    """The candidate's test against the limit, and the baseline's."""
    limit = test.limit.in_unit(metric.effective_unit) if test.limit is not None else 0.0
    return (
        Limited(limit, gathered.absolute, gathered.limited),
        Limited(limit, gathered.baseline, gathered.limited),
    )


def _beginning_before(until: float, pending: Pending, windows: int) -> int:
    """How many of the next windows begin before an instant (epoch seconds)."""
    return sum(pending.begin + place * pending.step < until for place in range(windows))


def _rounded(numbers: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(number, REMEMBERED) for number in numbers)


def _alike(one: Window, other: Window) -> bool:
    pairs = (
        (one.baseline, other.baseline),
        (one.baseline_bad, other.baseline_bad),
        (one.candidate, other.candidate),
        (one.candidate_bad, other.candidate_bad),
    )
    return all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in pairs)
