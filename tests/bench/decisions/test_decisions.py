"""That the part runs and that its arithmetic is right. What holds is asked of the whole part, which fails by itself."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.bench.decisions import bars, real, section
from tests.bench.decisions.bars import Bar
from tests.bench.decisions.cells import HARMS, HEALTHY, SLOW
from tests.bench.decisions.decided import decided
from tests.bench.decisions.peer_rules import Argo, Flagger, high, rank_z
from tests.bench.decisions.race import MARGIN, RULES, Figures, Stop, race
from tests.bench.decisions.real import REAL, drive
from tests.bench.decisions.service import Service, increase, seconds
from tests.bench.decisions.shop_cells import KINDS
from tests.bench.decisions.tidegate_rules import Evidence, Plain
from tests.bench.decisions.traffic import DAY, Cell, Minute, clumped, minutes, poisson, seeded
from tidegate.api.rollout.status import Clock
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.count_tests.segment import Segment
from tidegate.core.judging.duration import clocks_after, sustained_state
from tidegate.core.judging.shared_incident import share_of_look
from tidegate.core.model.finding import Finding, SeriesFinding, State
from tidegate.core.statistics import change_point
from tidegate.core.statistics.accumulators import NONE, Compared, Limited, Suspicion
from tidegate.core.statistics.windows import Window

LEVEL = math.log(20)


def a_minute(number: int, bad: float, requests: float = 30, baseline_bad: float = 0) -> Minute:
    return Minute(number, Window(570, baseline_bad, requests, bad), 30, 0)


def stopped_at(rule: Plain | Argo | Flagger, bad: list[float]) -> int | None:
    for number, one in enumerate(bad):
        if rule.look(a_minute(number, one), Evidence()):
            return number
    return None


def test_a_few_rollouts_fill_every_table(tmp_path: Path) -> None:
    hours = [one for one in REAL if one.cell.minutes < DAY]
    few = {"10 % errors", "2 times the duration", "2 times the duration after 2 h"}
    some = {
        kind: [cell for cell in cells if cell.fault is None or cell.fault.name in few][-4:]
        for kind, cells in KINDS.items()
    }
    found = decided(rollouts=3, real_rollouts=1, real_cells=hours, shops=some)

    assert set(found.healthy) == {cell.name for cell in HEALTHY}
    assert set(found.harms) == {cell.name for cell in HARMS}
    for table in section.tables(found):
        assert table.rows, table.title
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
    for one in found.driven:
        assert not one.unexpected, "the product asks what the stand-in knows"
        assert one.queries
        assert one.figures.stops or one.cell.cell.healthy, f"{one.cell.rule} finds {one.cell.cell.name}"

    page = tmp_path / "page.md"
    page.write_text("# Benchmarks\n\n## Before\n\ntext\n\n## After\n\ntext\n")
    section.write(page, section.section(found))
    once = page.read_text()
    assert once.count(f"## {section.TITLE}") == 1
    section.write(page, section.section(found))
    assert page.read_text() == once, "the section takes its own place"


def test_rollouts_of_the_operator_are_the_same_in_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    outage = REAL[-1]
    (here,) = drive([outage], rollouts=2)
    monkeypatch.setattr(real, "CHUNK", 1)
    (there,) = drive([outage], rollouts=2)

    assert len(here.figures.stops) == 2
    assert here == there


def test_the_same_seed_gives_the_same_figures() -> None:
    cell = Cell("5 times", SLOW, ratio=5, healthy=False)

    assert race(cell, rollouts=5) == race(cell, rollouts=5)
    assert race(cell, rollouts=5) != race(cell, rollouts=5, seed=1)


def test_two_hundred_rollouts_keep_to_the_confidence_and_find_what_is_bad() -> None:
    healthy = race(Cell("healthy", SLOW, base=0.009), rollouts=200)
    bad = race(Cell("20 times", SLOW, ratio=20, healthy=False), rollouts=200)

    for rule in ("`regression` (margin)", "`regression` (limit)", "Recommended"):
        assert healthy[rule].stopped <= 0.05, rule
        assert bad[rule].stopped == 1, rule
    assert set(bad) == set(RULES)


@pytest.mark.parametrize("mean", [0.15, 3.0, 11.9, 12.1, 600.0, 114_000.0])
def test_counts_have_the_mean_and_the_variance_of_a_poisson_process(mean: float) -> None:
    chance, draws = seeded(7), 20_000
    counts = [poisson(mean, chance) for _ in range(draws)]

    average = sum(counts) / draws
    variance = sum((one - average) ** 2 for one in counts) / draws
    assert average == pytest.approx(mean, abs=5 * math.sqrt(mean / draws))
    assert variance == pytest.approx(mean, rel=5 * math.sqrt((2 + 1 / mean) / draws))


def test_a_harm_lasts_from_its_onset_and_an_outage_is_all_bad() -> None:
    cell = Cell("late", 10, ratio=math.inf, worse_from=5, minutes=8, healthy=False)
    seen = [one.window for one in minutes(cell, seeded(1), seeded(2))]

    assert all(one.candidate_bad < one.candidate / 2 for one in seen[:5])
    assert all(one.candidate_bad == one.candidate > 0 for one in seen[5:])


def test_plain_limits_last_as_the_product_lets_them_last() -> None:
    line = Threshold.model_validate({"metric": "errors", "max": "1%"})
    chance = seeded(3)
    for _ in range(200):
        bad = [float(chance.random() < 0.7) for _ in range(30)]
        clocks: tuple[Clock, ...] = ()
        expected = None
        for number, one in enumerate(bad):
            state = State.BREACHED if one else State.OK
            series = SeriesFinding("", state, one)
            finding = Finding(line, state, "", series, (series,))
            clocks = clocks_after(clocks, finding, 60.0 * number, 120.0)
            if sustained_state(finding, clocks, 300.0) is State.BREACHED:
                expected = number
                break
        assert stopped_at(Plain(0.01, window=1, lasting=5), bad) == expected


def test_a_limit_both_arms_break_is_no_plain_breach() -> None:
    rule = Plain(0.01, window=1, lasting=0)

    assert not rule.look(a_minute(0, bad=1, baseline_bad=19), Evidence())
    assert not any(rule.look(a_minute(number, bad=1, baseline_bad=1), Evidence()) for number in (1, 2)), (
        "a moment later"
    )
    assert rule.look(a_minute(3, bad=1, baseline_bad=1), Evidence())


def test_the_tests_go_on_as_the_product_lets_them_go_on() -> None:
    chance, evidence = seeded(5), Evidence()
    windows = [Window(570, float(poisson(3, chance)), 30, float(poisson(0.7, chance))) for _ in range(120)]
    warm = Segment(Compared(0.2, most=change_point.MOST), Suspicion(0.0, NONE))
    limited, other = Segment(Compared(0.2), Suspicion(0.0, NONE), Limited(0.01)), Limited(0.01)
    for number, window in enumerate(windows):
        evidence.see(Minute(number, window, 30, 0))

        turned = Window(window.candidate, window.candidate_bad, window.baseline, window.baseline_bad)
        other = other.after([turned], limited.dispersion.factor)
        carry_on = warm.warming_up if number < 3 else warm.after
        warm, limited = carry_on(window, 60.0 * number, 60.0), limited.after(window, 60.0 * number, 60.0)
        assert evidence.worse == (warm.evidence >= LEVEL)
        assert evidence.candidate_beyond == (limited.evidence >= LEVEL)
        assert evidence.baseline_beyond == (other.evidence >= LEVEL)
    assert evidence.worse
    assert evidence.candidate_beyond
    assert not evidence.baseline_beyond


def test_argo_bears_so_many_failures_in_all_and_a_success_takes_none_back() -> None:
    failing_every_other = [1.0, 0.0, 0.0] * 5  # each is seen by the windows of two looks

    assert stopped_at(Argo(0), failing_every_other) == 0
    assert stopped_at(Argo(3), failing_every_other) == 4


def test_flagger_rolls_back_at_the_tick_after_the_last_failed_check() -> None:
    assert stopped_at(Flagger(2), [1.0, 0.0, 1.0, 0.0]) == 3
    assert stopped_at(Flagger(2), [1.0, 0.0, 1.0]) is None


def test_ranks_are_compared_as_in_textbooks() -> None:
    assert rank_z([4, 5, 6], [1, 2, 3]) == pytest.approx((9 - 4.5 - 0.5) / math.sqrt(9 / 12 * 7))
    assert rank_z([1, 2], [1, 2]) == 0
    # One tie of two among five: the variance is 6 / 12 * (6 - 6 / 20).
    assert rank_z([2, 3], [1, 1, 2]) == pytest.approx((5.5 - 3 - 0.5) / math.sqrt(0.5 * (6 - 12 / 20)))


def test_kayenta_calls_high_what_is_far_above_and_not_what_is_equal() -> None:
    low = [0.005 + 0.0001 * place for place in range(30)]

    assert high([5 * one for one in low], low)
    assert not high(low, list(reversed(low)))
    assert not high(low, [5 * one for one in low])
    assert high([1.0] * 10, [0.0] * 10), "an outage"


def test_a_bar_that_does_not_hold_is_named() -> None:
    assert bars.broken([Bar("one", "1 %", held=True), Bar("two", "9 %", held=False)]) == ["two: 9 %"]


def test_a_false_stop_too_many_breaks_a_bar() -> None:
    figures = {cell.name: {rule: Figures(100) for rule in RULES} for cell in (*HEALTHY, *HARMS)}
    before = {bar.name: bar.held for bar in bars.bars(figures, figures, 0.001)}
    figures[HEALTHY[0].name][MARGIN].stops = [Stop(1, 30, 5)] * 6
    after = {bar.name: bar.held for bar in bars.bars(figures, figures, 0.001)}

    assert [name for name in before if before[name] and not after[name]] == [next(iter(before))]


def test_a_mix_of_faults_is_all_of_one_place() -> None:
    named = {mix.what: mix for mix in bars.mixes()}
    front = named["Fault at the front, 10/s, from the start"]
    late = named["Fault in a component, after 2 h"]

    assert [(len(mix.cells), mix.binding) for mix in named.values()] == [
        (7, True),
        (7, False),
        (7, True),
        *[(5, False)] * 3,
    ]
    assert {"5 times the errors, 10/s", "2 times the duration, 10/s"} < {cell.name for cell in front.cells}
    assert all(cell.onset for cell in late.cells)

    found = {cell.name: {"rule": Figures(44, [Stop(8, 1, 1)] * 42)} for cell in front.cells}
    assert front.holds(front.figures({"a place": found}, "rule"))
    found[front.cells[0].name]["rule"].stops.pop()
    assert not front.holds(front.figures({"a place": found}, "rule"))
    found = {cell.name: {"rule": Figures(44, [Stop(9, 1, 1)] * 44)} for cell in front.cells}
    assert not front.holds(front.figures({"a place": found}, "rule"))


def test_a_mix_is_measured_against_what_the_informed_test_finds() -> None:
    mix = next(mix for mix in bars.mixes() if mix.what == "Fault in a component, from the start")
    assert 0.9 < mix.within_reach < 0.98
    for more, held in ((0.002, True), (-0.002, False)):
        stops = [Stop(8, 1, 1)] * round(10_000 * (mix.least * mix.within_reach + more))
        assert mix.holds(Figures(10_000, stops)) is held


def test_increase_is_extrapolated_as_prometheus_does() -> None:
    scraped = [(15.0 * place, 10.0 * place + 100) for place in range(1, 9)]

    assert increase(scraped, end=120.0, reach=120.0) == pytest.approx(80.0)
    assert increase([(60.0, 5.0), (75.0, 5.0)], end=80.0, reach=120.0) == 0
    assert seconds("1m30s") == 90


def grown(cell: Cell, hours: int) -> list[tuple[float, float]]:
    """Requests and bad ones of the candidate in each minute, by the scraped counters."""
    service, found = Service(cell, "grown", 0.0, lambda: cell.share), []
    for minute in range(hours * 60 + 10):
        before = service.total("checkout-canary")
        service.advance(60.0 * (minute + 1) - 600)
        after = service.total("checkout-canary")
        found.append((after[0] - before[0], after[1] - before[1]))
    return found


def test_a_service_behind_the_api_has_the_traffic_of_the_tables() -> None:
    wave = grown(Cell("wave", 10, wave=True), hours=23)
    crest, trough = sum(n for n, _ in wave[330:390]), sum(n for n, _ in wave[1050:1110])
    assert crest == pytest.approx(60 * 600 * 1.8, rel=0.05)
    assert trough == pytest.approx(60 * 600 * 0.2, rel=0.1)

    steady, noisy = ([bad for _, bad in grown(Cell("noise", 100, noise=noise), hours=4)[10:]] for noise in (0.0, 0.3))
    mean = 60 * 100 * 0.005
    assert sum(noisy) / len(noisy) == pytest.approx(mean, rel=0.1)
    spread = [sum((one - mean) ** 2 for one in counts) / len(counts) for counts in (steady, noisy)]
    assert spread == pytest.approx([mean, mean + (0.3 * mean) ** 2], rel=0.35)

    late = grown(Cell("late", 10, ratio=5, worse_from=60, healthy=False), hours=2)
    assert sum(bad for _, bad in late[70:130]) == pytest.approx(60 * 600 * 0.025, rel=0.1)


@pytest.mark.parametrize(("clump", "rate", "share"), [(1.0, 4.0, 0.5), (4.0, 4.0, 0.5), (8.0, 10.0, 0.05)])
def test_an_incident_of_eight_hours_is_held_to_its_end(clump: float, rate: float, share: float) -> None:
    """40 % errors in both arms, looked at every few minutes: the chances of all looks add up, and their errors are clustered.

    With one window's level of 5 % at each look, and errors taken for independent, 0, 7 and 17 of 20 such runs were reverted.
    """
    stopped = 0
    for number in range(20):
        chance, rule = seeded(f"{clump}/{number}"), Plain(0.2, window=2, lasting=2)
        for minute in range(8 * 60):
            counts: list[float] = []
            for each in (60 * rate * (1 - share), 60 * rate * share):
                bad = clumped(each * 0.4, clump, chance)
                counts += [bad + poisson(each * 0.6, chance), bad]
            if rule.look(Minute(minute, Window(*counts), 0, 0), Evidence()):
                stopped += 1
                break
    assert stopped <= 1


def test_the_chances_of_all_looks_add_up_to_one() -> None:
    assert sum(share_of_look(number) for number in range(1, 100_000)) == pytest.approx(1, abs=1e-4)
