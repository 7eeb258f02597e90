"""Whether the policy that is installed checks requesters: only the whole of it does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.adapters.kubernetes.command_policy import fault_of

SHIPPED = Path(__file__).parents[3] / "deploy/cluster/admission.yaml"


def shipped() -> tuple[dict[str, Any], dict[str, Any]]:
    policy, binding = yaml.safe_load_all(SHIPPED.read_text())
    return copy.deepcopy(policy), copy.deepcopy(binding)


def test_the_one_that_is_shipped_does() -> None:
    assert fault_of(*shipped()) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda policy, _: policy["spec"]["validations"].pop(0), "does not demand"),
        (lambda policy, _: policy["spec"].update(failurePolicy="Ignore"), "failurePolicy is not Fail"),
        (lambda _, binding: binding["spec"].update(validationActions=["Audit"]), "does not deny"),
        (lambda _, binding: binding["spec"].update(policyName="another"), "does not deny"),
    ],
)
def test_one_with_a_hole_does_not(change: Callable[[Any, Any], object], words: str) -> None:
    policy, binding = shipped()
    change(policy, binding)
    assert words in fault_of(policy, binding)
