"""What came of a simulated world: its timeline, its end, and whether that is what was expected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tidegate.api.reasons import Reason
from tidegate.api.rollout.target_weights import cohorts_of
from tidegate.core.model.jobs import Job
from tidegate.core.model.time_format import in_words
from tidegate.simulation.script import RESOLVED, Expectation, ExpectedEvent
from tidegate.simulation.scripted import Scripted


@dataclass(frozen=True)
class Line:
    """One line of the timeline."""

    time: float
    """Epoch seconds."""
    after: float
    """Seconds since the start."""
    weight: str
    """The candidate's share from here on, when it changed."""
    what: str
    why: str


@dataclass(frozen=True)
class Sent:
    """One message to one receiver."""

    after: float
    """Seconds since the start."""
    receiver: str
    event: str
    title: str
    text: str
    resolved: bool


@dataclass(frozen=True)
class Outcome:
    """See the module."""

    lines: tuple[Line, ...]
    outcome: str
    """The last run's outcome; `Running` when it has not ended, `None` when none began."""
    reason: str
    message: str
    step: str
    ended_after: float | None
    """Seconds from the start to the last run's end."""
    shares: tuple[float, ...]
    """The candidate's share after each change of the first route, percent."""
    cohorts: dict[str, tuple[float, ...]]
    """The candidate's share of each cohort each time it was another, percent."""
    seconds: float
    ticks: int
    messages: tuple[Sent, ...] = ()
    """What `spec.notifications` would have sent."""
    pods: tuple[int, ...] = ()
    """The numbers of pods to which the operator scaled the candidate, in order."""
    jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By CronJob, what became of the Jobs made from it, in order."""

    @classmethod
    def of(cls, scripted: Scripted) -> Outcome:
        """What came of it."""
        status = scripted.status
        history = status.get("history") or []
        running = status.get("run")
        last = history[0] if history and not running else {}
        ended = [line.after for line in _lines(scripted) if line.what == last.get("outcome")]
        return cls(
            lines=tuple(_lines(scripted)),
            outcome="Running" if running else str(last.get("outcome", "None")),
            reason=str(last.get("reason", "")),
            message=str(last.get("message") or status.get("message", "")),
            step=str((status.get("step") or {}).get("name", "")),
            ended_after=ended[-1] if ended else None,
            shares=tuple(scripted.shares()),
            cohorts={name: _changes(scripted.shares(name)) for name in cohorts_of(scripted.spec)},
            seconds=scripted.clock.now() - scripted.begin,
            ticks=scripted.runner.ticks,
            messages=tuple(
                Sent(round(time - scripted.begin, 3), to, one.event, one.title, one.text, one.resolved)
                for time, to, one in scripted.cluster.messages
            ),
            pods=tuple(replicas for _, _, replicas in scripted.cluster.scalings),
            jobs=_jobs(scripted),
        )

    @property
    def words(self) -> str:
        """The end in a sentence."""
        match self.outcome:
            case "Running":
                return f"The run has not ended: step {self.step}: {self.message}"
            case "None":
                return f"No run began: {self.message}"
            case _:
                return f"{self.outcome} ({self.reason}) after {in_words(self.ended_after or 0.0)}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return asdict(self)


def _jobs(scripted: Scripted) -> Mapping[str, tuple[str, ...]]:
    """What became of every Job that was created, by its CronJob."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for job in scripted.cluster.created_jobs:
        seen = scripted.cluster.job(job.name)
        found[job.cron_job].append(str(seen.state) if isinstance(seen, Job) else "Deleted")
    return {name: tuple(states) for name, states in found.items()}


def _lines(scripted: Scripted) -> Iterator[Line]:
    """Decisions and changes of weight, in the order in which they happened: a run begins before its writes, others are told after."""
    happened = [
        (time, 1 if reason == Reason.RUN_STARTED else 3, "", reason, message)
        for time, _, reason, message in scripted.cluster.events
    ]
    shares = [scripted.shares(), *(scripted.shares(cohort) for cohort in cohorts_of(scripted.spec))]
    names = ("", *cohorts_of(scripted.spec))
    told = iter(zip(*shares, strict=True))
    found = scripted.cluster.history[: scripted.found]
    for write in scripted.writes():
        at_once = zip(names, next(told), strict=True)
        share = ", ".join(f"{name} {one:g}%".strip() for name, one in at_once)
        copied = max(write.mirrors.values(), default=0)
        share += f", {copied}% mirrored" if copied else ""
        order, what = (0, "route found") if write in found else (2, "route written")
        happened.append((write.time, order, share, what, write.manager))
    for time, _, share, what, why in sorted(happened, key=lambda one: one[:2]):
        yield Line(time, round(time - scripted.begin, 3), share, what, why)


def _changes(shares: list[float]) -> tuple[float, ...]:
    """The shares without repetition."""
    return tuple(one for index, one in enumerate(shares) if not index or one != shares[index - 1])


def unmet(expected: Expectation, outcome: Outcome) -> list[str]:
    """The expectations that are not met, in words."""
    found = []
    for name, wanted, got in (
        ("outcome", expected.outcome, outcome.outcome),
        ("reason", expected.reason, outcome.reason),
        ("step", expected.step, outcome.step),
    ):
        if wanted is not None and wanted != got:
            found.append(f"{name}: expected {wanted}, got {got} ({outcome.message})")
    if expected.message is not None and expected.message not in outcome.message:
        found.append(f"message: expected {expected.message!r} in {outcome.message!r}")
    if expected.pods is not None and expected.pods != outcome.pods:
        found.append(f"pods: expected {list(expected.pods)}, got {list(outcome.pods)}")
    if expected.jobs is not None and _named(expected.jobs) != _named(outcome.jobs):
        found.append(f"jobs: expected {_in_words(expected.jobs)}, got {_in_words(outcome.jobs)}")
    if expected.messages is not None and _named(expected.messages) != (sent := _received(outcome.messages)):
        found.append(f"messages: expected {_in_words(expected.messages)}, got {_in_words(sent)}")
    return [
        *found,
        *_other_shares(expected, outcome),
        *_missed(expected.events, outcome.lines),
        *_untimely(expected, outcome.ended_after),
    ]


def _other_shares(expected: Expectation, outcome: Outcome) -> Iterator[str]:
    """The weights and cohorts that are not as expected."""
    weights = {"weights": (expected.weights, outcome.shares)} if expected.weights is not None else {}
    cohorts = {f"cohort {name}": (wanted, outcome.cohorts.get(name, ())) for name, wanted in expected.cohorts.items()}
    for what, (wanted, got) in (weights | cohorts).items():
        shares = [float(weight.percent) for weight in wanted]
        if shares != [round(share, 3) for share in got]:
            yield f"{what}: expected {shares}, got {list(got)}"


def _named(lists: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Those that are not empty: `[]` is written for none."""
    return {name: entries for name, entries in lists.items() if entries}


def _in_words(lists: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{name} {', '.join(entries)}" for name, entries in lists.items()) or "none"


def _received(messages: Sequence[Sent]) -> Mapping[str, tuple[str, ...]]:
    """By receiver, the events of its messages, in order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in messages:
        found[one.receiver].append(one.event + (RESOLVED if one.resolved else ""))
    return {name: tuple(events) for name, events in found.items()}


def _missed(expected: Sequence[ExpectedEvent], lines: Sequence[Line]) -> Iterator[str]:
    """The Events that are not in the timeline after the one expected before them."""
    left = iter(lines)
    for number, event in enumerate(expected):
        if not any(_is(event, line) for line in left):
            what = " ".join(filter(None, (event.reason, repr(event.message) if event.message else "")))
            bounds = [("not before", event.not_before), ("not after", event.not_after)]
            when = "".join(f", {words} {bound}" for words, bound in bounds if bound is not None)
            after = f" after {expected[number - 1].reason}" if number else ""
            got = [f"{in_words(line.after) or '0s'}: {line.why}" for line in lines if line.what == event.reason]
            yield f"events: expected {what}{when}{after}, got {'; '.join(got) or 'none'}"
            return


def _is(event: ExpectedEvent, line: Line) -> bool:
    early = event.not_before is not None and line.after < event.not_before.seconds
    late = event.not_after is not None and line.after > event.not_after.seconds
    return line.what == event.reason and event.message in line.why and not early and not late


def _untimely(expected: Expectation, ended: float | None) -> Iterator[str]:
    for name, bound, sign in (("notBefore", expected.not_before, 1), ("notAfter", expected.not_after, -1)):
        if bound is None:
            continue
        if ended is None:
            yield f"{name}: the run has not ended"
        elif sign * ended < sign * bound.seconds:
            yield f"{name}: expected {bound}, ended after {in_words(ended)}"
