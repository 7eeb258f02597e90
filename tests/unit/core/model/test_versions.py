"""What makes a version, in tables: which field is one, what is excluded, what is copied and what stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tidegate.api.rollout.status import Version
from tidegate.core.model.template_fields import Fields, differing, excluded, in_words, template_fields
from tidegate.core.model.version import adopted, differences, first_fingerprint, not_promoted, same_version, version_of
from tidegate.core.model.world import Arm, Template
from tidegate.core.run.template_copy import LARGEST_RECORD, as_record, copied, from_record

APP: dict[str, Any] = {
    "name": "app",
    "image": "shop:1",
    "env": [{"name": "LEVEL", "value": "1"}, {"name": "TRACK", "value": "stable"}],
    "resources": {"limits": {"cpu": "1"}},
}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "shop"}, "annotations": {"checksum/config": "a"}},
    "spec": {
        "containers": [APP, {"name": "proxy", "image": "proxy:1"}],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "config", "configMap": {"name": "one"}}],
        "serviceAccountName": "shop",
        "serviceAccount": "shop",
        "nodeSelector": {"pool": "all"},
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The template with another value at a path such as `spec.containers.0.image`; `None` takes it away."""
    made = copy.deepcopy(TEMPLATE)
    *way, last = path.split("/")
    place: Any = made
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    if value is None:
        del place[int(last) if isinstance(place, list) else last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return made


def arm(template: dict[str, Any], **changes: Any) -> Arm:  # noqa: ANN401  (any field)
    given: dict[str, Any] = {
        "deployment": "shop",
        "uid": "u",
        "generation": 1,
        "replicas": 1,
        "available": 1,
        "rolled_out": True,
        "fields": template_fields(template),
        "images": ("shop:1",),
        "pods": "",
        "labels": {},
        "selector": {},
        "first_fingerprint": first_fingerprint(template),
    }
    return Arm(**{**given, **changes})


def of(template: dict[str, Any]) -> Template:
    return Template("u", template_fields(template), template)


MAKES_ONE = [
    ("an image", "spec/containers/0/image", "shop:2", "containers[app].image"),
    ("a variable", "spec/containers/0/env/0", {"name": "LEVEL", "value": "2"}, "containers[app].env[LEVEL]"),
    ("arguments", "spec/containers/0/args", ["-v"], "containers[app].args"),
    ("resources", "spec/containers/0/resources", {}, "containers[app].resources"),
    ("one container less", "spec/containers/1", None, "containers[proxy]"),
    ("one variable less", "spec/containers/0/env/1", None, "containers[app].env[TRACK]"),
    ("an init container", "spec/initContainers", [{"name": "wait", "image": "wait:1"}], "initContainers[wait]"),
    ("a volume's content", "spec/volumes/1/configMap/name", "two", "volumes[config]"),
    ("a checksum annotation", "metadata/annotations/checksum~config", "b", "annotations.checksum~config"),
    ("an empty annotation", "metadata/annotations/flag", "", "annotations.flag"),
    ("a service account", "spec/serviceAccountName", "other", "serviceAccountName"),
    ("a pull secret", "spec/imagePullSecrets", [{"name": "registry"}], "imagePullSecrets"),
    ("a security context", "spec/securityContext", {"runAsUser": 1}, "securityContext"),
    ("the time to end in", "spec/terminationGracePeriodSeconds", 60, "terminationGracePeriodSeconds"),
    ("DNS", "spec/dnsPolicy", "None", "dnsPolicy"),
    ("a field nobody knows yet", "spec/somethingNew", {"a": 1}, "somethingNew"),
]


@pytest.mark.parametrize(("why", "path", "value", "field"), MAKES_ONE, ids=[case[0] for case in MAKES_ONE])
def test_each_field_that_makes_a_version_is_named_copied_and_can_be_excluded(
    why: str, path: str, value: object, field: str
) -> None:
    old, new = of(TEMPLATE), of(changed(path, value))
    assert new.fields.fingerprint() != old.fields.fingerprint(), why
    assert differences(arm(TEMPLATE), arm(new.raw), ()) == (field,)  # type: ignore[arg-type]
    assert new.fields.fingerprint([field]) == old.fields.fingerprint([field])
    assert copied(old, new, [field]).empty
    assert not copied(old, new, ()).empty


NOT_ONE = [
    ("a label", "metadata/labels/track", "canary", "labels.track"),
    ("a node", "spec/nodeName", "one", "nodeName"),
    ("a node selector", "spec/nodeSelector", {"pool": "new"}, "nodeSelector"),
    ("affinity", "spec/affinity", {"nodeAffinity": {"a": 1}}, "affinity"),
    ("tolerations", "spec/tolerations", [{"key": "a"}], "tolerations"),
    ("spreading", "spec/topologySpreadConstraints", [{"maxSkew": 1}], "topologySpreadConstraints"),
    ("a scheduler", "spec/schedulerName", "mine", "schedulerName"),
    ("a priority", "spec/priorityClassName", "high", "priorityClassName"),
]


@pytest.mark.parametrize(("why", "path", "value", "field"), NOT_ONE, ids=[case[0] for case in NOT_ONE])
def test_labels_and_scheduling_make_no_version_are_told_and_stay(
    why: str, path: str, value: object, field: str
) -> None:
    old, new = of(TEMPLATE), of(changed(path, value))
    assert new.fields.fingerprint() == old.fields.fingerprint(), why
    assert copied(old, new, ()).empty
    assert not_promoted(arm(TEMPLATE), arm(new.raw), ()) == (field,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("why", "other", "same"),
    [
        ("a restart", changed("metadata/annotations/kubectl.kubernetes.io~restartedAt", "now"), False),
        ("an annotation that the administrator ignores", changed("metadata/annotations/injected", "1"), True),
        ("an empty list is none", changed("spec/imagePullSecrets", []), True),
        ("the deprecated name of the service account", changed("spec/serviceAccount", None), True),
        ("volumes in another order", changed("spec/volumes", [*reversed(TEMPLATE["spec"]["volumes"])]), True),
        ("containers in another order", changed("spec/containers", [*reversed(TEMPLATE["spec"]["containers"])]), False),
        ("variables in another order", changed("spec/containers/0/env", [*reversed(APP["env"])]), False),
    ],
)
def test_what_else_makes_a_version(why: str, other: dict[str, Any], same: bool) -> None:  # noqa: FBT001
    other["metadata"]["annotations"] = {
        key.replace("io~", "io/"): value for key, value in other["metadata"]["annotations"].items()
    }
    same = same or why == "a restart"
    one, two = template_fields(TEMPLATE, ["injected"]), template_fields(other, ["injected"])
    assert (one.fingerprint() == two.fingerprint()) is same, why


def test_another_order_is_told_as_such() -> None:
    one, two = template_fields(TEMPLATE), template_fields(changed("spec/containers/0/env", [*reversed(APP["env"])]))
    assert differing(one.version(), two.version()) == ("containers[app].env (their order)",)


@pytest.mark.parametrize(
    ("path", "exclusion", "covers"),
    [
        ("containers[app].image", "containers[app].image", True),
        ("containers[app].image", "containers[app]", True),
        ("containers[app].image", "containers", True),
        ("containers[app].env[A]", "containers[app].env", True),
        ("containers[app].env[A]", "containers[app].env[AB]", False),
        ("containers[app2].image", "containers[app]", False),
        ("annotations.a/b.c", "annotations.a/b", False),
        ("annotations.a/b", "annotations", True),
        ("volumes[a]", "volumes", True),
        ("serviceAccountName", "serviceAccount", False),
    ],
)
def test_what_an_exclusion_covers(path: str, exclusion: str, covers: bool) -> None:  # noqa: FBT001
    assert excluded(path, [exclusion]) is covers


def test_a_field_that_the_candidate_lacks_is_removed_and_put_back() -> None:
    old = of(changed("spec/imagePullSecrets", [{"name": "registry"}]))
    new = of(changed("metadata/annotations", {}))
    change = copied(old, new, ())
    assert change.spec == {"imagePullSecrets": None}
    assert change.annotations == {"checksum/config": None}
    back = copied(new, from_record(as_record(old)), ())
    assert back.spec == {"imagePullSecrets": [{"name": "registry"}]}
    assert back.annotations == {"checksum/config": "a"}


def test_what_is_excluded_stays_within_what_is_copied() -> None:
    trial = changed("spec/containers/0/env", [{"name": "TRACK", "value": "canary"}, {"name": "LEVEL", "value": "2"}])
    trial["spec"]["containers"][1]["image"] = "proxy:2"
    trial["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {"medium": "Memory"}}, {"name": "more", "emptyDir": {}}]
    del trial["spec"]["containers"][0]["resources"]
    exclude = ["containers[app].env[TRACK]", "containers[app].resources", "containers[proxy]", "volumes[tmp]"]
    change = copied(of(TEMPLATE), of(trial), exclude)
    app = next(one for one in change.spec["containers"] if one["name"] == "app")
    assert {one["name"]: one["value"] for one in app["env"]} == {"TRACK": "stable", "LEVEL": "2"}
    assert app["resources"] == APP["resources"]
    assert {"name": "proxy", "image": "proxy:1"} in change.spec["containers"]
    assert change.spec["volumes"] == [{"name": "tmp", "emptyDir": {}}, {"name": "more", "emptyDir": {}}]
    promoted = {**TEMPLATE, "spec": {**TEMPLATE["spec"], **change.spec}}
    assert template_fields(promoted).fingerprint(exclude) == template_fields(trial).fingerprint(exclude)


def test_a_record_is_measured_as_it_goes_over_the_wire() -> None:
    quotes = changed("metadata/annotations", {"config": '"' * (LARGEST_RECORD // 4)})
    assert as_record(of(quotes)) == "", "each quote is escaped twice"
    letters = changed("metadata/annotations", {"config": "é" * (LARGEST_RECORD // 6)})
    assert as_record(of(letters)) == "", "so is what is not ASCII"
    assert as_record(of(TEMPLATE))


def test_a_version_is_its_revision_and_what_is_not_excluded() -> None:
    one = arm(TEMPLATE)
    known = version_of(one, "r1", ())
    assert same_version(known, "r1", one)
    assert not same_version(known, None, one)
    assert not same_version(None, None, one)
    other = arm(changed("spec/containers/0/resources", {}))
    assert not same_version(known, "r1", other)
    assert same_version(version_of(one, "r1", ["containers[app].resources"]), "r1", other)


def test_what_the_first_release_remembered_is_known_again_and_kept_anew() -> None:
    one, other = arm(TEMPLATE), arm(changed("spec/containers/0/image", "shop:2"))
    known = Version(revision="r1", fingerprint=first_fingerprint(TEMPLATE), images=("shop:1",))
    assert same_version(known, "r1", one)
    assert not same_version(known, "r1", other)
    assert adopted(known, one, ["nodeName"]) == version_of(one, "r1", ["nodeName"])
    assert adopted(known, other, ()) == known, "the arm has moved on"


def test_many_fields_are_named_in_few_words() -> None:
    assert (
        in_words([f"annotations.{number}" for number in range(20)], most=2)
        == "annotations.0, annotations.1 and 18 more"
    )


def test_templates_of_one_shape_share_their_paths() -> None:
    one, two = template_fields(TEMPLATE), template_fields(changed("spec/containers/0/image", "shop:2"))
    assert one.paths is two.paths
    assert Fields().fingerprint() == Fields().fingerprint(["a"])
