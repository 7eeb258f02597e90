"""Which pods get the traffic of a Service, as its EndpointSlices say."""

from __future__ import annotations

from tidegate.adapters.kubernetes.endpoints import ready_pods


def endpoint(name: str, **conditions: bool) -> dict[str, object]:
    return {"addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}}


def test_ready_pods_count_once_in_two_families_and_one_that_says_nothing_is_ready() -> None:
    slices = [
        {"endpoints": [endpoint("a", ready=True), endpoint("b", ready=False), endpoint("c")]},
        {"endpoints": [endpoint("a", ready=True), endpoint("d", ready=False, serving=True, terminating=True)]},
        {"endpoints": None},
        {"endpoints": [{"addresses": ["192.0.2.7"]}]},
    ]
    assert ready_pods(slices) == {"a", "c", "192.0.2.7"}
