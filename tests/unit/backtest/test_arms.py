from __future__ import annotations

import re

import pytest

from tests.unit.backtest.past import spec
from tidegate.core.metrics import queries
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed, as_of_then, asking, assumptions, changing, pods, pods_of

QUERY = 'sum(x{ns="$namespace",d="$workload",s="$service",pod=~"$pods",re=~"^a$$"}[$window]) > $elapsed'


def asked(assumed: Assumed, arm: ArmName, query: str = QUERY) -> str:
    made = as_of_then(spec(metrics=[{"name": "errors", "query": query, "unit": "ratio"}]), assumed)
    (query,) = queries(made.metrics[0], arm, asking(made, assumed, ("shop", "prod", "canary")))
    return query.promql


def test_the_candidates_own_history_is_asked_for_in_the_operators_words() -> None:
    assert asked(Assumed.CANDIDATE, ArmName.CANDIDATE) == (
        'sum(x{ns="prod",d="shop-canary",s="shop-canary",pod=~"shop-canary-[a-z0-9]+-[a-z0-9]{5}",re=~"^a$"}[120s]) > 30s'
    )


@pytest.mark.parametrize("arm", ArmName)
def test_a_candidate_that_behaves_as_the_baseline_is_asked_about_as_the_baseline(arm: ArmName) -> None:
    assert asked(Assumed.BASELINE, arm) == asked(Assumed.CANDIDATE, ArmName.BASELINE)


def test_a_dollar_sign_before_a_word_stays_one() -> None:
    assert asked(Assumed.BASELINE, ArmName.CANDIDATE, 'x{d="$workload",re="$$step"}') == 'x{d="shop",re="$step"}'


def test_the_pods_of_a_deployment_are_not_those_of_one_whose_name_begins_alike() -> None:
    assert re.fullmatch(pods_of("shop"), "shop-6d4b75cb6d-x2z9w")
    assert not re.fullmatch(pods_of("shop"), "shop-canary-6d4b75cb6d-x2z9w")


def test_every_pod_is_in_one_half() -> None:
    halves = pods(spec(), Assumed.HALVES)
    for last in "bcdfghjklmnpqrstvwxz2456789":
        matching = [arm for arm, regex in halves.items() if re.fullmatch(regex, f"shop-6d4b75cb6d-x2z9{last}")]
        assert len(matching) == 1, last


def test_gates_with_a_date_are_open_and_those_that_count_from_a_step_stay() -> None:
    gate = {"after": "2030-01-01T00:00:00Z", "sinceStep": {"step": "canary", "elapsed": "1h"}}
    steps = [{"name": "canary", "weight": 1}, {"name": "half", "weight": 50, "gate": gate}]
    made = as_of_then(spec(steps=steps), Assumed.CANDIDATE)
    assert made.steps[1].gate is not None
    assert made.steps[1].gate.after is None
    assert made.steps[1].gate.since_step is not None


def test_what_is_assumed_is_said() -> None:
    metrics = [{"name": "errors", "query": 'x{pod=~"$pods"}', "unit": "ratio"}]
    guards = [{"metric": "errors", "maxIncrease": "20%", "floor": "0%"}]
    said = {one: " ".join(assumptions(spec(metrics=metrics, guards=guards), one)) for one in Assumed}
    assert "every stop below is a false positive" in said[Assumed.BASELINE]
    assert "not tested here" in said[Assumed.BASELINE]
    assert "shop-canary-[a-z0-9]+" in said[Assumed.CANDIDATE]
    assert "[j-z]" in said[Assumed.HALVES]


def test_a_query_that_changes_all_the_time_is_known() -> None:
    made = spec(metrics=[{"name": "errors", "query": 'x{d="$workload"}[$elapsed]', "unit": "ratio"}])
    assert changing(made) == ["errors"]
    assert changing(spec()) == []
