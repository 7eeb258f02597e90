from __future__ import annotations

from tidegate.reconcile.index import Index


def test_an_object_wakes_those_that_look_at_it_in_its_namespace_and_nobody_else() -> None:
    index = Index()
    index.put(("shop", "a"), [("Deployment", "checkout"), ("HTTPRoute", "checkout")])
    index.put(("shop", "b"), [("Deployment", "cart")])
    index.put(("mall", "a"), [("Deployment", "checkout")])
    assert index.watchers("Deployment", "shop", "checkout") == (("shop", "a"),)
    assert index.watchers("Deployment", "mall", "checkout") == (("mall", "a"),)
    assert index.watchers("HTTPRoute", "shop", "cart") == ()


def test_what_a_rollout_no_longer_looks_at_no_longer_wakes_it() -> None:
    index = Index()
    index.put(("shop", "a"), [("Deployment", "checkout")])
    index.put(("shop", "a"), [("Deployment", "cart")])
    assert index.watchers("Deployment", "shop", "checkout") == ()
    index.put(("shop", "a"), [])
    assert index.watchers("Deployment", "shop", "cart") == ()


def test_an_object_in_no_namespace_wakes_those_of_all_that_look_at_it() -> None:
    index = Index()
    index.put(("shop", "a"), [("ClusterMetricTemplate", "errors"), ("MetricTemplate", "errors")])
    index.put(("mall", "b"), [("ClusterMetricTemplate", "errors")])
    assert set(index.watchers("ClusterMetricTemplate", "", "errors")) == {("shop", "a"), ("mall", "b")}
    assert index.watchers("MetricTemplate", "", "errors") == ()
    index.put(("shop", "a"), [])
    assert index.watchers("ClusterMetricTemplate", "", "errors") == (("mall", "b"),)
