from __future__ import annotations

from dataclasses import replace

import pytest

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.gates import workloads
from tidegate.core.model.template_fields import Fields
from tidegate.core.model.world import ABSENT, Arm, ArmName, Lookup, Unknown

SPEC = RolloutSpec.model_validate(
    {
        "baseline": {"deployment": "shop", "service": "shop", "minAvailable": 2},
        "candidate": {"deployment": "canary", "service": "canary"},
        "traffic": [{"kind": "HTTPRoute", "name": "shop"}],
        "steps": [{"name": "one", "weight": 1}],
        "promotion": {"strategy": "AwaitBaseline"},
    }
)


def arm(name: str, *, labels: dict[str, str] | None = None, selector: Lookup[dict[str, str]] | None = None) -> Arm:
    own = {"app": name}
    return Arm(
        deployment=name,
        uid=name,
        generation=1,
        replicas=2,
        available=2,
        rolled_out=True,
        fields=Fields(),
        images=("v1",),
        pods="x",
        labels=own if labels is None else labels,
        selector=own if selector is None else selector,
    )


@pytest.mark.parametrize(
    ("why", "baseline", "candidate", "overlaps"),
    [
        ("each selects its own", arm("shop"), arm("canary"), False),
        ("a Service without a selector is taken at its word", arm("shop", selector={}), arm("canary"), False),
        (
            "the baseline's Service selects both: 1% is a lie",
            arm("shop", labels={"app": "shop"}, selector={"app": "shop"}),
            arm("canary", labels={"app": "shop", "track": "canary"}, selector={"track": "canary"}),
            True,
        ),
        (
            "the candidate's Service selects both",
            arm("shop", labels={"app": "shop", "track": "stable"}, selector={"track": "stable"}),
            arm("canary", labels={"app": "shop", "track": "canary"}, selector={"app": "shop"}),
            True,
        ),
        ("a Service that selects nobody's pods", arm("shop", selector={"app": "typo"}), arm("canary"), True),
        (
            "one more label tells them apart",
            arm("shop", labels={"app": "shop", "track": "stable"}, selector={"app": "shop", "track": "stable"}),
            arm("canary", labels={"app": "shop", "track": "canary"}, selector={"app": "shop", "track": "canary"}),
            False,
        ),
    ],
)
def test_overlap(why: str, baseline: Arm, candidate: Arm, overlaps: bool) -> None:  # noqa: FBT001
    found = workloads.overlap(SPEC, baseline, candidate)
    assert (found is not None) is overlaps, why
    assert found is None or found.reason == "ArmsOverlap"


@pytest.mark.parametrize(
    ("why", "baseline", "reason"),
    [
        ("enough pods", arm("shop"), None),
        ("fewer than minAvailable", replace(arm("shop"), available=1), "BaselineNotReady"),
        ("not seen", Unknown("no answer"), "ReadFailed"),
        ("not there", ABSENT, "BaselineMissing"),
        ("rolling out is no matter while pods are available", replace(arm("shop"), rolled_out=False), None),
    ],
)
def test_whether_a_revert_would_land_well(why: str, baseline: Lookup[Arm], reason: str | None) -> None:
    found = workloads.revert_ready(SPEC, baseline, arm("canary"))
    assert (found.reason if found else None) == reason, why


@pytest.mark.parametrize(
    ("why", "candidate", "ready"),
    [
        ("rolled out and available", arm("canary"), True),
        ("no pod", replace(arm("canary"), available=0), False),
        ("rolling out", replace(arm("canary"), rolled_out=False), False),
        ("not seen", Unknown("no answer"), False),
    ],
)
def test_whether_the_candidate_can_take_traffic(why: str, candidate: Lookup[Arm], ready: bool) -> None:  # noqa: FBT001
    assert (workloads.candidate_ready(SPEC, candidate) is None) is ready, why


def test_unknown_is_not_absent() -> None:
    both = {ArmName.BASELINE: arm("shop"), ArmName.CANDIDATE: Unknown("timed out")}
    found = workloads.missing(SPEC, both)
    assert found is not None
    assert found.reason == "ReadFailed"
    found = workloads.missing(SPEC, {**both, ArmName.CANDIDATE: ABSENT})
    assert found is not None
    assert found.reason == "CandidateMissing"


@pytest.mark.parametrize(
    ("why", "updated", "present", "available", "progress"),
    [
        ("new pods are still to come", 1, 3, 2, "1 of 2 pods have its current template"),
        ("old pods are still there", 2, 3, 3, "1 old pods are still to be removed"),
        ("new pods are not available yet", 2, 2, 1, "1 of 2 pods available"),
    ],
)
def test_how_far_a_deployment_is(why: str, updated: int, present: int, available: int, progress: str) -> None:
    under_way = replace(arm("canary"), rolled_out=False, updated=updated, present=present, available=available)
    found = workloads.rolling_out(under_way, "candidate", Reason.CANDIDATE_NOT_READY)
    assert found.message == f"candidate Deployment 'canary' is rolling out: {progress}", why


def test_no_more_pods_are_available_than_have_the_current_template() -> None:
    """`availableReplicas` counts pods of any template, and may be behind the other two counts."""
    scaled_down = replace(arm("canary"), rolled_out=False, replicas=1, updated=1, present=1, available=2)
    found = workloads.rolling_out(scaled_down, "candidate", Reason.CANDIDATE_NOT_READY)
    assert found.message.endswith("1 of 1 pods available")
