"""What is tried is what is promoted: releases that change more than an image, are large, or were begun by the first release."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.released import STEPS, at_rest, condition, events, stage, template, under_way
from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.version import first_fingerprint
from tidegate.simulation.runner import Runner

RELEASES: list[tuple[str, dict[str, str], str, object]] = [
    ("a checksum annotation", {"checksum/config": "2"}, "", None),
    ("a service account", {}, "serviceAccountName", "other"),
    ("a pull secret", {}, "imagePullSecrets", [{"name": "registry"}]),
    ("a security context", {}, "securityContext", {"runAsUser": 7}),
    ("the time to end in", {}, "terminationGracePeriodSeconds", 60),
]


@pytest.mark.parametrize(("why", "annotations", "field", "new"), RELEASES, ids=[case[0] for case in RELEASES])
async def test_a_release_without_a_new_image_starts_a_run_and_is_promoted(
    why: str, annotations: dict[str, str], field: str, new: object
) -> None:
    shop, runner = await at_rest()

    def release() -> None:
        if annotations:
            shop.cluster.annotate("checkout-canary", annotations)
        else:
            shop.cluster.set_field("checkout-canary", field, new)

    runner.at(shop.clock.now(), release)
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 50, why
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert template(shop)["spec"].get(field) == new
    assert template(shop)["metadata"].get("annotations", {}) == annotations
    assert template(shop)["metadata"]["labels"] == {"app": "checkout"}


@pytest.mark.parametrize(("why", "annotations", "field", "new"), RELEASES, ids=[case[0] for case in RELEASES])
async def test_such_a_release_is_taken_back_whole(
    why: str, annotations: dict[str, str], field: str, new: object
) -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 15.0
    shop.cluster.annotate("checkout", {"own": "1"})
    shop.cluster.annotate("checkout-canary", annotations)
    if field:
        shop.cluster.set_field("checkout-canary", field, new)
    before = json.dumps(template(shop), sort_keys=True)
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "RollingOut")
    assert json.dumps(template(shop), sort_keys=True) != before, why
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)
    assert json.dumps(template(shop), sort_keys=True) == before


async def test_what_the_candidate_lacks_is_taken_from_the_baseline_and_what_is_its_own_stays() -> None:
    shop = Shop()
    shop.cluster.annotate("checkout", {"old": "1", "sidecar/own": "stable"})
    shop.cluster.set_field("checkout", "imagePullSecrets", [{"name": "old"}])
    shop.cluster.set_field("checkout", "nodeSelector", {"pool": "stable"})
    shop.cluster.set_field("checkout", "serviceAccountName", "stable")
    template(shop)["metadata"]["labels"]["track"] = "stable"
    runner = shop.rollout(
        spec(
            steps=STEPS,
            promotion={
                "strategy": "CopyTemplate",
                "settle": "20s",
                "exclude": ["annotations.sidecar/own", "serviceAccountName"],
            },
        )
    )
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert template(shop)["metadata"]["annotations"] == {"sidecar/own": "stable"}
    assert "imagePullSecrets" not in template(shop)["spec"]
    assert template(shop)["spec"]["nodeSelector"] == {"pool": "stable"}
    assert template(shop)["spec"]["serviceAccountName"] == "stable"
    (said,) = events(shop, "RunStarted")
    assert "labels.track" in said
    assert "labels.app" not in said, "the Services select by it: it tells the arms apart"
    for own in ("annotations.sidecar/own", "nodeSelector", "serviceAccountName"):
        assert own in said
    assert "imagePullSecrets" not in said


async def test_fields_that_differ_and_are_not_promoted_are_in_status_and_bounded() -> None:
    shop = Shop()
    shop.cluster.annotate("checkout", {f"long-{'x' * 200}-{number}": "1" for number in range(40)})
    runner = shop.rollout(
        spec(steps=STEPS, promotion={"strategy": "CopyTemplate", "settle": "20s", "exclude": ["annotations"]})
    )
    await runner.run_until(shop.start + 20)
    assert shop.status.run is not None
    assert len(shop.status.run.not_promoted) == 8
    assert max(map(len, shop.status.run.not_promoted)) == 100


async def test_a_change_of_an_excluded_field_is_no_release() -> None:
    promotion = {"strategy": "CopyTemplate", "settle": "20s", "exclude": ["serviceAccountName"]}
    shop, runner = await at_rest(promotion=promotion)
    runner.at(shop.clock.now(), lambda: shop.cluster.set_field("checkout-canary", "serviceAccountName", "x"))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, shop.status.runs) == (0, 0)
    assert condition(shop, "Ready")[1] == "Idle"


async def test_an_edit_of_what_is_excluded_starts_nothing_and_tries_nothing_again() -> None:
    shop, runner = await under_way()
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    edited = spec(steps=STEPS, promotion={"strategy": "CopyTemplate", "exclude": ["containers[app].resources"]})
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", edited))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.status.runs, condition(shop, "Stalled")[1]) == (1, "Reverted")


@pytest.mark.parametrize("field", ["nodeSelector", "tolerations", "affinity"])
async def test_scheduling_alone_is_no_release_and_supersedes_nothing(field: str) -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now(), lambda: shop.cluster.set_field("checkout-canary", field, [{"a": "b"}]))
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (shop.outcome, shop.status.runs) == ("Succeeded", 1)
    assert field not in template(shop)["spec"]


async def test_idle_says_when_the_baseline_runs_another_version_than_was_released() -> None:
    shop, runner = await at_rest()
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v1-hotfix"))
    await runner.run_until(shop.clock.now() + 30)
    ready = condition(shop, "Ready")
    assert ready[:2] == ("True", "BaselineDiffers")
    assert "the baseline has been changed since (containers[app].image)" in ready[2]
    assert shop.status.runs == 0, "an old candidate is not rolled out over a hotfix"


# What people are told of a version


@pytest.mark.parametrize(("revision", "named"), [("", "shop:v2"), ("r7", "shop:v2 (revision r7)")])
async def test_an_event_names_a_version_by_its_images_and_by_its_revision_where_there_is_one(
    revision: str, named: str
) -> None:
    shop, _runner = await under_way(**({"revision": revision} if revision else {}))
    (said,) = events(shop, "RunStarted")
    assert said.removeprefix(f"run {shop.status.run.id if shop.status.run else ''} ") == f"of {named} started"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("an annotation", "shop:v2 (revision r7), with another pod template"),
        ("an image", "shop:v3 (revision r7); the run was of shop:v2 (revision r7)"),
        ("the revision", "shop:v2 (revision r8); the run was of shop:v2 (revision r7)"),
    ],
)
async def test_a_superseded_run_says_how_the_versions_differ(change: str, said: str) -> None:
    shop, runner = await under_way(revision="r7")
    act = {
        "an annotation": lambda: shop.cluster.annotate("checkout-canary", {"checksum/config": "2"}),
        "an image": lambda: shop.cluster.set_image("checkout-canary", "shop:v3"),
        "the revision": lambda: shop.cluster.edit_rollout("checkout", spec(steps=STEPS, revision="r8")),
    }[change]
    runner.at(shop.clock.now(), act)
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    entry = shop.status.history[0]
    assert (entry.outcome, entry.reason) == ("Superseded", "NewVersion")
    assert entry.message == f"the candidate's version changed: {said}"
    assert [one for one in events(shop, "NewVersion") if said in one], shop.cluster.events


# Large templates


def large(shop: Shop, name: str, mark: str) -> None:
    shop.cluster.annotate(name, {"config": mark * 30_000})


async def large_run(wanted: str = "RollingOut") -> tuple[Shop, Runner]:
    shop = Shop()
    shop.cluster.rollout_seconds = 15.0
    large(shop, "checkout", '"')
    large(shop, "checkout-canary", "é")
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == wanted)
    return shop, runner


async def test_a_large_template_stays_out_of_status_and_is_found_again() -> None:
    shop, runner = await large_run()
    assert len(json.dumps(shop.cluster.rollouts["checkout"].status).encode()) < 16 * 1024
    assert template(shop)["metadata"]["annotations"]["config"].startswith("é")
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)
    assert template(shop)["metadata"]["annotations"]["config"].startswith('"')


async def test_a_large_template_that_no_replica_set_has_is_not_replaced() -> None:
    shop = Shop()
    large(shop, "checkout", "a")
    large(shop, "checkout-canary", "b")
    shop.cluster.revision = lambda *_args: shop.cluster.template("nobody")  # type: ignore[method-assign]
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 300)
    assert condition(shop, "Stalled")[1] == "NoRevisionHistory"
    assert template(shop)["metadata"]["annotations"]["config"].startswith("a")
    assert shop.weight == 50


async def test_a_revert_whose_old_template_is_gone_from_everywhere_still_moves_the_traffic() -> None:
    shop, runner = await large_run()
    shop.cluster.deployments["checkout"].revisions = []
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)
    assert len(events(shop, "NoRevisionHistory")) == 1


# Statuses of the first release


def as_first_release(shop: Shop, *, promotion: dict[str, Any] | None = None) -> None:
    """Rewrites the status as operator 0.1.0 wrote it."""
    rollout = shop.cluster.rollouts["checkout"]
    status = json.loads(json.dumps(rollout.status))
    run = status["run"]
    run["version"] = {
        "revision": "",
        "fingerprint": first_fingerprint(template(shop, "checkout-canary")),
        "images": run["version"]["images"],
    }
    run["parts"] = "0123456789abcdef"
    for later in ("baseline", "notPromoted"):
        run.pop(later, None)
    if promotion is not None:
        run["promotion"] = {**run["promotion"], **promotion}
        run["promotion"].pop("oldTemplate", None)
    shop.cluster.rollouts["checkout"] = replace(rollout, status=status)


async def test_a_run_that_the_first_release_began_goes_on() -> None:
    shop, runner = await under_way()
    as_first_release(shop)
    again = Runner(shop.world, shop.clock, "checkout", runner.check)
    await again.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert [entry.outcome for entry in shop.status.history] == ["Succeeded"]


async def test_a_template_that_the_first_release_recorded_is_put_back() -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 30.0
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "RollingOut")
    old = {"containers": [{"name": "app", "image": "shop:v1"}]}
    as_first_release(shop, promotion={"oldParts": json.dumps(old), "oldFingerprint": "0123456789abcdef"})
    again = Runner(shop.world, shop.clock, "checkout", runner.check)
    again.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await again.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (shop.outcome, template(shop)["spec"]["containers"][0]["image"]) == ("Aborted", "shop:v1")


async def test_a_version_that_the_first_release_rejected_is_not_tried_again() -> None:
    shop, runner = await under_way()
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    rollout = shop.cluster.rollouts["checkout"]
    status = json.loads(json.dumps(rollout.status))
    status["rejected"] = {
        "revision": "",
        "fingerprint": first_fingerprint(template(shop, "checkout-canary")),
        "images": ["shop:v2"],
    }
    shop.cluster.rollouts["checkout"] = replace(rollout, status=status)
    again = Runner(shop.world, shop.clock, "checkout", runner.check)
    await again.run_until(shop.clock.now() + 60)
    assert (shop.status.runs, condition(shop, "Stalled")[1]) == (1, "Reverted")
