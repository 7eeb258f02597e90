"""The part's own section of docs/benchmarks.md."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from tests.bench.decisions.bars import found_in, mixes
from tests.bench.decisions.bounds import bound
from tests.bench.decisions.cells import CLUMPED, COLD, NOISY, SLOW, SPIKED
from tests.bench.decisions.cost import PODS
from tests.bench.decisions.decided import Decided
from tests.bench.decisions.lines import OUTAGE_OF_ONE
from tests.bench.decisions.race import LIMITED, MARGIN, PLAIN, RULES, SEED, Figures
from tests.bench.decisions.shop_cells import FRONT_KINDS, KINDS, SHOP_KINDS
from tests.bench.decisions.shop_race import RECOMMENDED
from tests.bench.decisions.tidegate_rules import OUTAGE
from tests.bench.figures import Table

TITLE = "Decisions: false stops, and how soon harm is found"

_HOW = """\
Simulated by `python -m tests.bench decisions` with a fixed seed ({seed}), {rollouts:,} rollouts a cell: near 2 and
98 %, {near:.1f} percentage points either way are chance, around 50 % {middle:.1f}. A rollout lasts an hour unless noted otherwise and is evaluated once a minute; rates are requests
a second *to the candidate*, which has 5 % of the traffic, so 0.5/s belongs to a service with 10 a second. The error rate is
0.5 % and every rule tolerates 1 %, except `regression` by margin, which tolerates 20 % more than the baseline.

- **`max`, `for`**: `max: 1%` for 5 m over a window of 2 m. **`regression` (margin)**: `{{margin: 20%, confidence: 95%}}`, the
  first 3 minutes left out. **`regression` (limit)**: `{{limit: 1%}}`, reverting when the candidate is also shown worse than the
  baseline, the first of the three ways below. **Recommended**: `max: 20%` for 2 m against outages, and
  `regression` by margin against everything else.
- **Argo**: `failureLimit` failed measurements in total are tolerated, of `result >= 0.99` over 2 m. **Flagger**: 10 failed checks in
  all (its documentation's example) of `request-success-rate` at least 99 over 1 m. **Kayenta**: its judge's rank test on one
  point a minute, every 10 minutes over the last hour, against a fresh arm of the candidate's own size. These are their rules
  reimplemented from their sources, not the programs; each can be set up otherwise, and a looser limit would stop fewer."""

_REAL_HOW = """\
The same rules by the product itself: its tick on a virtual clock, its own Prometheus client, and counters scraped every 15 s
behind the HTTP API on loopback; interval 30 s. Minutes (median) are from the onset of the harm (of the traffic, for a healthy
one) to weight 0: a window is judged once it was scraped, up to a minute after its end; then median requests to the candidate."""


_SHOP_HOW = """\
Runs of three hours with more of the noise of a real service: clustered errors, rates and averages that wander from minute to minute
in each arm by itself, arms that are never quite alike, spikes of one minute, cold pods, traffic that moves, and incidents of both arms.
{runs} a row. **Errors**: `regression: {{margin: 20%, floor: 0.1%}}`. **Averages**: the same of an `average`, with `floor: 50ms`.
**Recommended**: both, sharing their chance of a false stop, and `max: {outage}` for 2 m."""
_FRONT_HOW = (
    "Half of the traffic each: 2/s at 0.1 % errors, 10/s at 0.5 %, in clusters of 4 unless the row states another size."
)
_COMPONENTS_HOW = """\
41 components of 0.1 to 50 requests a second, each a segment: one in ten idle, one in thirty failing always, the candidate with a
tenth to a half of each. A fault is in one component with at least a request a second. **Errors, pooled** takes all as one."""

_FAULTS_HOW = (
    "Median minutes from its onset. *Informed test*: the likelihood ratio's with one look at the same requests, the best of its level "
    "(Neyman and Pearson), given the component's rates and noise and when the fault begins; a sequential test must learn these, look "
    "every minute, and bear incidents of both arms. For durations it is a yardstick, no bound: it takes the lasting difference of the "
    "arms for noise."
)


def section(found: Decided) -> str:
    """The whole section, ending in a newline."""
    parts = [
        f"## {TITLE}",
        _HOW.format(
            seed=SEED,
            rollouts=found.rollouts,
            near=_chance(0.02, found.rollouts),
            middle=_chance(0.5, found.rollouts),
        ),
        *map(_markdown, tables(found)),
        _weak(found),
    ]
    return "\n\n".join(parts) + "\n"


def _chance(share: float, rollouts: int) -> float:
    """Percentage points by which 95 % of such figures differ from the share at most."""
    return 196 * math.sqrt(share * (1 - share) / rollouts)


def placed(page: str, new: str) -> str:
    """The page with the section in place of the one before, or at its end."""
    pattern = re.compile(rf"^## {re.escape(TITLE)}$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: new + "\n", page).rstrip() + "\n"
    return page.rstrip() + "\n\n" + new


def write(path: Path, new: str) -> None:
    path.write_text(placed(path.read_text() if path.exists() else "", new).lstrip())


def tables(found: Decided) -> list[Table]:
    """For the terminal."""
    shops, driven = _shops(found) if found.shops else [], [_real(found)] if found.driven else []
    return [_healthy(found), _harms(found), *shops, _attributed(found), *driven, _bars(found)]


def _healthy(found: Decided) -> Table:
    rows = [(cell, *(_percent(one.stopped) for one in figures.values())) for cell, figures in found.healthy.items()]
    return Table("Healthy candidates: stopped all the same", "", ("Rollout", *RULES), rows)


def _harms(found: Decided) -> Table:
    how = (
        "Found within an hour of its onset; median minutes until then; median requests to the candidate, and bad ones among "
        "them, until then. *Before*: stopped while it was still healthy, and so not found. Read it together with the table above: a "
        "rule that stops nearly every candidate finds every harm, and soon."
    )
    rows = [(cell, *map(_found, figures.values())) for cell, figures in found.harms.items()]
    return Table("Harm: found, and at what price", how, ("Candidate", *RULES), rows)


def _shops(found: Decided) -> list[Table]:
    """Of the runs in a shop."""
    aims: list[tuple[str, ...]] = [
        (mix.what, mix.aim, f"{100 * mix.within_reach:.0f} %", found_in(mix.figures(found.shops, RECOMMENDED)))
        for mix in mixes()
    ]
    return [
        *_of_shop(found, FRONT_KINDS, f"{100 * OUTAGE:g}%", _FRONT_HOW),
        *_of_shop(found, SHOP_KINDS, f"{100 * OUTAGE_OF_ONE:g}%", _COMPONENTS_HOW),
        Table("Faults together, and the aims", _AIMS_HOW, ("Faults", "Aim", "*Informed test*", "Found"), aims),
    ]


def _of_shop(found: Decided, kinds: tuple[str, str], outage: str, where: str) -> list[Table]:
    healthy, faults = (found.shops[kind] for kind in kinds)
    rules = list(next(iter(healthy.values())))
    runs = next(iter(healthy.values()))[rules[0]].rollouts
    how = f"{_SHOP_HOW.format(runs=runs, outage=outage)}\n{where}"
    quiet = [(cell, *(_percent(one.stopped) for one in figures.values())) for cell, figures in healthy.items()]
    ill = [
        (cell.name, *(_brief_found(one) for one in faults[cell.name].values()), bound(cell, SEED).words)
        for cell in KINDS[kinds[1]]
        if cell.name in faults
    ]
    return [
        Table(f"{kinds[0]}: stopped all the same", how, ("Noise", *rules), quiet),
        Table(f"{kinds[1]}: found within an hour", _FAULTS_HOW, ("Fault", *rules, "*Informed test*"), ill),
    ]


def _brief_found(figures: Figures) -> str:
    before = f" ({_percent(figures.too_early)} before)" if figures.early else ""
    return _brief(figures) + before


def _attributed(found: Decided) -> Table:
    how = (
        "A limit that both arms breach is an incident, and a revert would not fix it. Three ways to detect it, on the same "
        "rollouts: the share that is reverted (which for an incident is false), and the median minutes until then."
    )
    rules = list(next(iter(found.attributed.values())))
    named = {rule: rule + (" (the product)" if place == 0 else "") for place, rule in enumerate(rules)}
    rows = [(named[rule], *(_brief(figures[rule]) for figures in found.attributed.values())) for rule in rules]
    return Table("Whose fault a breach of `regression: {limit}` is", how, ("It reverts", *found.attributed), rows)


def _real(found: Decided) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            one.cell.rule,
            one.cell.cell.name,
            str(one.figures.rollouts),
            _priced(one.figures),
            _priced((found.healthy | found.harms)[one.cell.cell.name][one.cell.rule]),
            str(one.queries),
        )
        for one in found.driven
    ]
    columns = ("Rule", "Rollout", "Rollouts", "Reverted", "By the tables above", "Queries answered")
    return Table("The same through the product's own tick", _REAL_HOW, columns, rows)


_AIMS_HOW = (
    "All faults above that multiply the errors by five or more, or the duration by two or more, as many runs of each, by what is "
    "recommended. The aims were set for the replayed incidents of a real shop; those are not in this repository, and this mix of faults "
    "is another one: some of them are so small that no test of this level finds them within the hour, so the aims are shares of what "
    "the informed test finds."
)
_BARS_HOW = "The part fails when one does not."


def _bars(found: Decided) -> Table:
    rows: list[tuple[str, ...]] = [(bar.name, bar.figure, "yes" if bar.held else "**no**") for bar in found.bars]
    return Table("What must hold", _BARS_HOW, ("What", "Found", "Holds"), rows)


def _weak(found: Decided) -> str:
    noisy = [found.healthy[cell.name][MARGIN].stopped for cell in NOISY]
    clumped = found.healthy[CLUMPED[2].name][MARGIN].stopped
    spiked = [found.healthy[cell.name][MARGIN].stopped for cell in SPIKED]
    spiked_limit = [found.healthy[cell.name][LIMITED].stopped for cell in SPIKED]
    ranked = found.healthy[NOISY[-1].name]["Kayenta"].stopped
    cold = [found.healthy[cell.name][LIMITED].stopped for cell in COLD]
    slow, fast = f"{SLOW:g}/s", "10/s"
    late_limit = found.harms[f"5 times after 2 h, {fast}"][LIMITED]
    late = {rate: found.harms[f"5 times after 2 h, {rate}"][MARGIN] for rate in (slow, fast)}
    late_outage = found.harms[f"outage after 2 h, {fast}"][MARGIN]
    small = {
        (ratio, rate): _percent(found.harms[f"{ratio} times, {rate}"][MARGIN].stopped)
        for ratio in ("1.5", "2")
        for rate in (slow, fast)
    }
    ten = found.healthy["0.5/s, 0.9 % errors"][PLAIN].stopped
    segments = ", ".join(f"{1000 * taken:.1f} ms for {name}" for name, taken in found.by_segment.items())
    costs = ", ".join(f"{1000 * taken:.1f} ms for {name}" for name, taken in found.judgements.items())
    return f"""\
### Weak spots

- **Noisy arms and clustered errors.** Errors that are not independent are recognized from the baseline's past. Where the rates of two equal arms
  vary by 30 % from minute to minute, each by itself, {_percent(noisy[0])} of healthy rollouts are stopped at 10/s and
  {_percent(noisy[1])} at 100/s; where errors come in clumps of 8, {_percent(clumped)}. A rank test on the minutes' rates, such as
  Kayenta's, bears noisy arms too ({_percent(ranked)} at 100/s), and needs more time and a second fresh arm.
- **Spikes of one minute.** No single minute is enough for `regression` by margin: it stops {_percent(spiked[0])} of healthy rollouts
  in which one minute of a hundred has 30 % errors at {slow}, and {_percent(spiked[1])} at {fast}. `regression: {{limit}}` finds an
  outage in one minute, and stops {_percent(spiked_limit[1])} of them at {fast}.
- **Late onset.** A harm may begin at any time, and evidence is mixed over when; the later, the more of it is needed, and never
  a single minute's alone.
  Five times the errors after two hours: {_late(late[slow])} at {slow}, {_late(late[fast])} at {fast}; by
  `regression: {{limit}}`, {_late(late_limit)} at {fast}. An outage after two hours is {_late(late_outage)} at {fast}: a plain `max`,
  as in the recommended pair, finds it sooner.
- **Small ratios.** Within an hour, twice the errors are found in {small["2", slow]} of the rollouts at {slow} and in
  {small["2", fast]} at {fast}; one and a half times in {small["1.5", slow]} and {small["1.5", fast]}: a small difference takes
  many requests, by whatever test.
- **Cold pods and a limit.** `regression: {{limit}}` is not left out during warm-up, so that it finds an outage in the first
  minute; a candidate that is really beyond the limit for its first three minutes is stopped in {_percent(cold[0])} ({slow})
  and {_percent(cold[1])} ({fast}).
- **A plain limit near the usual rate.** `max: 1%` at a usual rate of 0.9 % stops {_percent(ten)} of healthy rollouts at
  {slow}: a plain limit belongs far above what is usual, as in the recommended pair.

Judging ten metrics once takes this much processor time, on this machine: {costs}; of eight segments each, {segments}. A whole tick in which a
window of ten metrics is counted from the raw samples of {PODS} pods an arm, judged against the baseline, and recorded takes
{1000 * found.tick:.1f} ms, what Prometheus and its answers' parsing take aside."""


def _late(figures: Figures) -> str:
    if not figures.stops:
        return "found in none"
    return f"found in {_percent(figures.stopped)}, after {figures.median(lambda stop: stop.minutes):.0f} min"


def _found(figures: Figures) -> str:
    before = f" ({_percent(figures.too_early)} before)" if figures.too_early >= 0.005 else ""
    if not figures.stops:
        return "none" + before
    minutes, requests, bad = (
        figures.median(of) for of in (lambda stop: stop.minutes, lambda stop: stop.requests, lambda stop: stop.bad)
    )
    return f"{_percent(figures.stopped)}{before}; {minutes:.0f} min; {requests:,.0f}, {bad:,.0f} bad"


def _brief(figures: Figures) -> str:
    if not figures.stops:
        return "none"
    return f"{_percent(figures.stopped)}; {figures.median(lambda stop: stop.minutes):.0f} min"


def _priced(figures: Figures) -> str:
    requests = f"; {figures.median(lambda stop: stop.requests):,.0f}" if figures.stops else ""
    return _brief(figures) + requests


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def _markdown(table: Table) -> str:
    lines = [f"### {table.title}", ""]
    lines += [table.how, ""] if table.how else []
    return "\n".join([*lines, _row(table.columns), _row(["---"] * len(table.columns)), *map(_row, table.rows)])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
