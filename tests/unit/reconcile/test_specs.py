"""Specs are parsed once for what they say, not once for each Rollout."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.contract.stage import SPEC
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import NO_TEMPLATES, Templates
from tidegate.core.model.observation import Problem
from tidegate.core.model.world import RolloutObject
from tidegate.reconcile.specs import Specs, checked

WEB = RolloutObject("shop", "web", "u", 1, "1", 0.0, deleting=False, finalizers=(), spec=SPEC, status={})


class Counting:
    def __init__(self) -> None:
        self.times = 0

    def __call__(
        self, spec: Mapping[str, Any], templates: Templates = NO_TEMPLATES
    ) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
        self.times += 1
        return checked(spec, templates)


def test_a_thousand_equal_specs_are_parsed_once() -> None:
    check = Counting()
    specs = Specs(check)
    found = [specs.of(replace(WEB, namespace=f"ns-{n}", uid=f"u-{n}", spec=dict(SPEC))) for n in range(1000)]
    assert check.times == 1
    assert all(one is found[0] for one in found)


def test_an_edit_and_another_spec_are_parsed() -> None:
    check = Counting()
    specs = Specs(check)
    kept = [specs.of(WEB)]
    kept.append(specs.of(replace(WEB, generation=2, spec={**SPEC, "interval": "45s"})))
    kept.append(specs.of(replace(WEB, uid="v", spec={**SPEC, "interval": "40s"})))
    assert check.times == 3
    assert len({id(one) for one in kept}) == 3


def test_a_spec_that_is_not_valid_is_not_checked_again_for_each_that_has_it() -> None:
    check = Counting()
    specs = Specs(check)
    found = [specs.of(replace(WEB, uid=f"u-{n}", spec={**SPEC, "steps": []})) for n in range(3)]
    assert check.times == 1
    assert found[0].problems


def test_a_spec_that_no_rollout_has_any_more_is_forgotten() -> None:
    specs = Specs(Counting())
    specs.of(WEB)
    specs._known.clear()  # noqa: SLF001  (as when it is pushed out by thousands of others)
    gc.collect()
    assert len(specs._equal) == 0  # noqa: SLF001
