"""Pods as weights: each write on the way, and what each end puts back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.rollout.replica_ratio import ReplicaRatio
from tidegate.core.model.world import ABSENT, Acceptance, Arm, Route, RulePair, TargetRef, Unknown
from tidegate.core.traffic import pods, weights
from tidegate.core.traffic.ratio import Looked, ratio_route
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster

Numbers = tuple[int, int]


def pair(have: Numbers, ready: Numbers | None = None) -> RulePair:
    return RulePair("pods", *have, alone=True, least=1, ready=ready or have)


WAYS: list[tuple[str, Numbers, Numbers, Numbers, Numbers, str]] = [
    ("more of the candidate first", (10, 0), (10, 0), (9, 1), (10, 1), ""),
    (
        "none of the baseline goes before they are ready",
        (10, 1),
        (10, 0),
        (9, 1),
        (10, 1),
        "0 of 1 pods of the candidate",
    ),
    ("then those of the baseline that they replace", (10, 1), (10, 1), (9, 1), (9, 1), ""),
    ("a small baseline grows first", (4, 0), (4, 0), (9, 1), (9, 0), ""),
    ("and none of the candidate comes before it has", (9, 0), (4, 0), (9, 1), (9, 0), "4 of 9 pods of the baseline"),
    ("there", (9, 1), (9, 1), (9, 1), (9, 1), ""),
    ("down at once, ready or not", (5, 5), (5, 5), (9, 1), (9, 1), ""),
    ("a baseline with more keeps them on the way down", (15, 5), (15, 5), (9, 1), (15, 1), ""),
    ("down never gives the candidate more", (1, 1), (1, 1), (6, 4), (6, 1), ""),
]


@pytest.mark.parametrize(("why", "have", "ready", "wanted", "following", "awaited"), WAYS, ids=[way[0] for way in WAYS])
def test_what_is_written_next(
    why: str, have: Numbers, ready: Numbers, wanted: Numbers, following: Numbers, awaited: str
) -> None:
    now = pair(have, ready)
    assert pods.toward(now, wanted) == following, why
    assert pods.awaited(now, wanted).startswith(awaited), why
    assert bool(pods.awaited(now, wanted)) == bool(awaited), why


BACK: list[tuple[str, Numbers, Numbers, Numbers, Numbers, str]] = [
    ("those of the candidate wait for none of the baseline", (10, 0), (0, 0), (5, 5), (10, 5), ""),
    ("nor for its number", (4, 0), (1, 0), (5, 5), (5, 5), ""),
    ("those of the baseline go when they are ready", (10, 5), (4, 4), (5, 5), (10, 5), "4 of 5 pods of the candidate"),
    ("whatever those of the baseline are", (10, 5), (0, 5), (5, 5), (5, 5), ""),
    ("down at once all the same", (3, 7), (3, 7), (5, 5), (5, 5), ""),
]


@pytest.mark.parametrize(("why", "have", "ready", "wanted", "following", "awaited"), BACK, ids=[way[0] for way in BACK])
def test_what_is_written_next_after_the_baseline_breached(
    why: str, have: Numbers, ready: Numbers, wanted: Numbers, following: Numbers, awaited: str
) -> None:
    now = pair(have, ready)
    assert pods.toward(now, wanted, back=True) == following, why
    assert pods.awaited(now, wanted, back=True).startswith(awaited), why
    assert bool(pods.awaited(now, wanted, back=True)) == bool(awaited), why


@given(st.integers(2, 60), st.integers(0, 80), st.integers(0, 60), st.decimals(0, 100, places=1))
def test_every_way_ends_and_no_share_is_above_the_one_wanted(
    total: int, baseline: int, candidate: int, percent: Decimal
) -> None:
    wanted = weights.numbers(percent, pair((baseline, candidate)), total)
    assert wanted[1] == ReplicaRatio(total=total).pods(percent)
    assert wanted[0] >= 1
    assert wanted[1] * 100 <= percent * total
    now = (baseline, candidate)
    highest = max(Decimal(candidate) / max(sum(now), 1), Decimal(wanted[1]) / total)
    for _ in range(4):
        following = pods.toward(pair(now), wanted)
        assert Decimal(following[1]) / max(sum(following), 1) <= highest
        assert following[0] >= min(now[0], wanted[0])
        now = following
    assert weights.compare(pair(now), wanted) <= 0
    assert pods.toward(pair(now), wanted) == now or now[1] < wanted[1]


def test_without_pods_the_numbers_are_weights_and_written_at_once() -> None:
    weighted = RulePair("main", 100, 0, alone=True)
    assert pods.toward(weighted, (50, 50)) == (50, 50)
    assert not pods.completing(weighted, (50, 50))


@pytest.mark.parametrize(
    ("have", "original", "ours", "back"),
    [
        ((5, 5), 10, True, (10, 0)),
        ((9, 1), 4, True, (4, 0)),
        ((20, 1), 10, True, (20, 0)),
        ((6, 0), 10, False, (6, 0)),
        ((6, 2), 10, False, (6, 0)),
    ],
)
def test_what_an_end_puts_back(have: Numbers, original: int, ours: bool, back: Numbers) -> None:  # noqa: FBT001
    assert pods.restored(pair(have), original, 10, ours=ours) == back


@pytest.mark.parametrize(
    ("total", "percent", "words"),
    [
        (8, "10", "0 of 8 pods = 0%, asked 10%: 1 of 8 pods = 12.5% would exceed it"),
        (10, "20", "2 of 10 pods = 20%"),
        (10, "25", "2 of 10 pods = 20%, asked 25%: 3 of 10 pods = 30% would exceed it"),
        (10, "100", "9 of 10 pods = 90%, asked 100%: the baseline keeps 1"),
    ],
)
def test_what_a_weight_really_is(total: int, percent: str, words: str) -> None:
    assert ReplicaRatio(total=total).in_words(Decimal(percent)) == words


REF = TargetRef("shop", "ReplicaRatio", "web", "web", "web-canary")
BASELINE = [f"web-1-{number:05d}" for number in range(4)]
CANDIDATE = ["web-canary-1-00000"]


def arm(name: str, replicas: int, available: int | None = None, **fields: object) -> Arm:
    cluster = Cluster(VirtualClock())
    cluster.add_deployment(name, "web:1", {"app": "web"}, replicas).available = available
    found = cluster.arm(name, "web")
    assert isinstance(found, Arm)
    return replace(found, **fields)  # type: ignore[arg-type]


def route(names: list[str], candidate: int = 1, **looked: object) -> Route:
    found = ratio_route(
        REF,
        arm("web", 4),
        arm("web-canary", candidate, pods_refused="exceeded quota: pods"),
        replace(Looked(frozenset(names), ABSENT), **looked),  # type: ignore[arg-type]
    )
    assert isinstance(found, Route)
    return found


def test_the_ratio_acts_once_all_pods_that_are_asked_for_get_traffic_and_no_others() -> None:
    assert route([*BASELINE, *CANDIDATE]).acceptance is Acceptance.ACCEPTED
    short = route(BASELINE)
    assert (short.acceptance, short.lagging) == (Acceptance.PENDING, True)
    assert (
        short.acceptance_message
        == "0 of 1 pods of the candidate are ready (Deployment 'web-canary': exceeded quota: pods)"
    )
    assert route([*BASELINE[1:], *CANDIDATE]).acceptance_message.startswith("3 of 4 pods of the baseline")
    assert "still get traffic" in route([*BASELINE, *CANDIDATE], candidate=0).acceptance_message
    assert route(BASELINE[1:], candidate=0).acceptance is Acceptance.ACCEPTED, (
        "a revert waits for no pod of the baseline"
    )


def test_pods_of_neither_arm_are_told_from_those_of_a_replica_set_that_was_not_listed_yet() -> None:
    fresh = ["web-6d5f7c9b84-x2kqz", "web-canary-7b9c5d4f6-bnm2p"]
    assert route([*BASELINE, *CANDIDATE, *fresh]).unfit == ""
    for other in ("web-worker-6d5f7c9b84-x2kqz", "10.0.0.7", "web-canary"):
        assert other in route([*BASELINE, *CANDIDATE, other]).unfit


def test_what_could_not_be_looked_at_blocks_a_raise_and_leaves_the_numbers_known() -> None:
    blind = route([], pods=Unknown("no answer"), scaler=Unknown("no answer"))
    assert "no answer" in blind.unproven
    assert blind.unfit == ""
    assert blind.pairs[0].numbers == (4, 1)
    assert (blind.acceptance, blind.lagging) == (Acceptance.PENDING, True)
    assert blind.pairs[0].ready == (4, 1), "as the Deployments themselves say"


def test_a_deployment_that_is_gone_leaves_the_other_to_be_put_back() -> None:
    looked = Looked(frozenset(), ABSENT)
    half = ratio_route(REF, arm("web", 2), ABSENT, looked)
    assert isinstance(half, Route)
    assert half.pairs[0].numbers == (2, 0)
    assert isinstance(ratio_route(REF, ABSENT, arm("web-canary", 2), looked), Route)
    assert ratio_route(REF, ABSENT, arm("web-canary", 0), looked) is ABSENT
    assert ratio_route(REF, ABSENT, ABSENT, looked) is ABSENT
    assert ratio_route(REF, Unknown("no answer"), ABSENT, looked) == Unknown("no answer")
