"""Rollouts in memory: equal parts are kept once, and what is kept says what was sent."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.stage import SPEC
from tidegate.adapters.kubernetes.lean import Parts, lean
from tidegate.adapters.kubernetes.rollouts import rollout_object


def sent(name: str, generation: int = 1, uid: str = "u", **content: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {"namespace": "shop", "name": name, "uid": uid, "generation": generation, "resourceVersion": "1"}
    found: dict[str, Any] = json.loads(json.dumps({"metadata": metadata, "spec": SPEC, **content}))
    return found


def test_equal_parts_of_specs_are_one_object() -> None:
    one, other = rollout_object(sent("one")), rollout_object(sent("other"))
    assert one.spec == other.spec == SPEC
    assert one.spec["steps"] is other.spec["steps"]


def test_a_spec_is_kept_as_long_as_its_generation_stays() -> None:
    before = rollout_object(sent("one"))
    assert rollout_object(sent("one", status={"phase": "Idle"}), before).spec is before.spec
    edited = rollout_object(sent("one", generation=2, spec={**SPEC, "interval": "45s"}), before)
    assert edited.spec["interval"] == "45s"
    another = rollout_object(sent("one", uid="v", spec={**SPEC, "interval": "45s"}), before)
    assert another.spec["interval"] == "45s", "another of that name"


def test_keys_are_shared_and_content_is_the_same() -> None:
    text = '{"conditions": [{"type": "Ready"}], "n": 1.5, "b": true, "nothing": null, "list": [[1], "x"]}'
    one, other = lean(json.loads(text)), lean(json.loads(text))
    assert one == json.loads(text)
    assert next(iter(one)) is next(iter(other))


def test_the_pool_is_bounded_and_keeps_what_is_used() -> None:
    parts = Parts(most=2)
    kept = parts.shared({"a": [1]})["a"]
    for number in range(10):
        parts.shared({"a": [number + 100]})
        assert parts.shared({"a": [1]})["a"] is kept
    assert len(parts._known) == 2  # noqa: SLF001  (what must stay small)
