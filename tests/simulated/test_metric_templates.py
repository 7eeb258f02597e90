"""Runs whose metrics are from templates: edited, removed, spoilt and unreadable, before a run and in the middle of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.simulated.shop import Shop, spec, value
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName, Lookup, MetricTemplateObject, Unknown
from tidegate.ports.world import World
from tidegate.reconcile.specs import checked
from tidegate.simulation.runner import Runner

OWN = TemplateRef(name="errors")
SHARED = TemplateRef(kind=TemplateKind.CLUSTER_METRIC_TEMPLATE, name="latency")
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


def query(metric: str = "errors") -> dict[str, Any]:
    """A template's spec that asks for a metric of this name."""
    parameters = [{"name": "team"}]
    return {
        "parameters": parameters,
        "query": metric + '{deployment="$workload",team="{{ parameters.team }}"}',
        "unit": "ratio",
        "window": "20s",
    }


def templated(**changes: object) -> dict[str, Any]:
    metric = {"name": "errors", "template": {"name": "errors"}, "parameters": {"team": "shop"}}
    return spec(**{"metrics": [metric], **changes})


def bad_candidate(asked: Query) -> Answer:
    return value(0.5 if asked.arm is ArmName.CANDIDATE else 0.0)


@dataclass
class Unreadable:
    """A port that cannot be queried for a while, and counts how often it is asked."""

    inside: Any
    down: bool = False
    asked: list[str] = field(default_factory=list)

    async def read(self, ref: TemplateRef, namespace: str, *, fresh: bool) -> Lookup[MetricTemplateObject]:
        self.asked.append(ref.name)
        if self.down:
            return Unknown("the API server does not answer")
        found: Lookup[MetricTemplateObject] = await self.inside.read(ref, namespace, fresh=fresh)
        return found


class Story:
    """A shop with a template, in which only metrics whose name begins with `bad` are bad."""

    def __init__(self, template: dict[str, Any] | None = None, raw: dict[str, Any] | None = None) -> None:
        self.shop = Shop()
        self.queries: list[str] = []
        self.shop.answer = self._answer
        if template is not None:
            self.shop.cluster.put_metric_template(OWN, template)
        self.port = Unreadable(self.shop.world.metric_templates)
        self.shop.world = World(**{**vars(self.shop.world), "metric_templates": self.port})
        self.shop.cluster.add_rollout("checkout", raw or templated())
        self.runner = Runner(self.shop.world, self.shop.clock, "checkout", checked)

    def _answer(self, asked: Query, now: float) -> Answer | None:
        del now
        if asked.part == "probe":
            return None
        self.queries.append(asked.promql)
        return bad_candidate(asked) if asked.promql.startswith("bad") else value(0.0)

    async def until(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.start + seconds)

    async def then(self, happens: Callable[[], None], seconds: float) -> None:
        """Something happens now, as an event that wakes; then so many seconds go by."""
        self.runner.at(self.shop.clock.now(), happens)
        await self.runner.run_until(self.shop.clock.now() + seconds)

    @property
    def stalled(self) -> str:
        """The reason and message of the condition, if there is one."""
        conditions = self.shop.status.conditions
        return next((f"{one.reason}: {one.message}" for one in conditions if one.type == "Stalled"), "")


async def test_a_run_asks_the_templates_query_and_is_promoted() -> None:
    story = Story(query())
    await story.until(300)
    assert story.shop.outcome == "Succeeded"
    assert 'errors{deployment="checkout-canary",team="shop"}' in story.queries


async def test_a_cluster_template_is_used_by_its_kind() -> None:
    metric = {"name": "errors", "template": {"kind": "ClusterMetricTemplate", "name": "latency"}}
    story = Story(query("own"), spec(metrics=[{**metric, "parameters": {"team": "shop"}}], steps=LONG))
    story.shop.cluster.put_metric_template(SHARED, query("shared"))
    await story.until(60)
    assert {text.partition("{")[0] for text in story.queries} == {"shared"}


async def test_a_template_that_is_missing_before_a_run_is_said_and_its_coming_starts_it() -> None:
    story = Story(None, templated(steps=LONG))
    await story.until(60)
    assert story.stalled.startswith("InvalidSpec: spec.metrics[0].template: there is no MetricTemplate 'errors'")
    assert story.runner.due == float("inf"), "nothing is done until something happens"
    await story.then(lambda: story.shop.cluster.put_metric_template(OWN, query()), 30)
    assert (story.stalled, story.shop.weight) == ("", 10)


async def test_a_template_edited_during_a_run_is_asked_from_the_next_tick_on() -> None:
    story = Story(query(), templated(steps=LONG))
    await story.until(60)
    assert story.shop.weight == 10
    await story.then(lambda: story.shop.cluster.put_metric_template(OWN, query("bad")), 30)
    assert story.shop.outcome == "Reverted"
    assert story.shop.status.history[0].reason == "GuardBreached"


def remove(story: Story) -> None:
    story.shop.cluster.delete_metric_template(OWN)


def spoil(story: Story) -> None:
    story.shop.cluster.put_metric_template(OWN, {**query(), "parameters": []})


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (remove, "there is no MetricTemplate 'errors'"),
        (spoil, "MetricTemplate 'errors' is not valid: spec.query: there is no parameter 'team'"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_run_whose_template_is_gone_or_spoilt_keeps_its_guards(
    happens: Callable[[Story], None], said: str, *, restarted: bool
) -> None:
    story = Story(query(), templated(steps=LONG))
    await story.until(60)
    await story.then(lambda: story.shop.cluster.put_metric_template(OWN, query("edited")), 30)
    await story.then(lambda: happens(story), 30)
    assert story.stalled.startswith(f"InvalidSpec: spec.metrics[0].template: {said}")
    if restarted:
        story.runner.restart()
    story.queries.clear()
    await story.runner.run_until(story.shop.clock.now() + 60)
    assert {text.partition("{")[0] for text in story.queries} == {"edited"}, "the last it had, not the first"
    story.shop.answer = lambda asked, _: None if asked.part == "probe" else bad_candidate(asked)
    await story.runner.run_until(story.shop.clock.now() + 30)
    assert story.shop.outcome == "Reverted"


async def test_a_template_that_comes_back_ends_the_stall() -> None:
    story = Story(query(), templated(steps=LONG))
    await story.until(60)
    await story.then(lambda: remove(story), 30)
    await story.then(lambda: story.shop.cluster.put_metric_template(OWN, query()), 15)
    assert story.stalled == ""
    assert story.shop.status.run is not None


async def test_a_template_that_cannot_be_read_is_no_invalid_spec() -> None:
    story = Story(query(), templated(steps=LONG))
    story.port.down = True
    await story.until(60)
    assert (story.stalled, story.shop.status.run) == ("", None)
    assert "MetricTemplate 'errors' could not be read: the API server does not answer" in story.shop.status.message
    story.port.down = False
    await story.until(120)
    assert story.shop.weight == 10, "it looks again by itself"


async def test_a_run_whose_template_cannot_be_read_goes_on_by_the_last_one() -> None:
    story = Story(query("good"), templated(steps=LONG))
    await story.until(60)
    story.port.down = True
    story.queries.clear()
    await story.until(120)
    assert (story.stalled, story.shop.weight) == ("", 10)
    assert {text.partition("{")[0] for text in story.queries} == {"good"}
    said = {one.type: one.message for one in story.shop.status.conditions}
    assert said["TemplatesUnread"].endswith("the API server does not answer; the run continues with its last content")
    story.port.down = False
    await story.until(150)
    assert "TemplatesUnread" not in {one.type for one in story.shop.status.conditions}


async def test_the_templates_named_wake_the_rollout_even_while_they_are_missing() -> None:
    shared = {"name": "slow", "template": {"kind": "ClusterMetricTemplate", "name": "latency"}}
    own = {"name": "errors", "template": {"name": "errors"}}
    story = Story(None, spec(metrics=[own, shared]))
    await story.until(10)
    index = story.runner.ticker._index  # noqa: SLF001
    assert index.watchers("MetricTemplate", "shop", "errors") == (("shop", "checkout"),)
    assert index.watchers("ClusterMetricTemplate", "", "latency") == (("shop", "checkout"),)
    assert index.watchers("MetricTemplate", "mall", "errors") == ()


async def test_a_rollout_without_templates_looks_for_none() -> None:
    story = Story(query(), spec())
    await story.until(300)
    assert story.shop.outcome == "Succeeded"
    assert story.port.asked == []


async def test_the_tick_that_starts_a_run_reads_a_template_from_the_stream_and_once_live() -> None:
    story = Story(query(), templated(steps=LONG))
    await story.runner.tick()
    assert story.shop.status.run is not None
    assert story.port.asked == ["errors", "errors"]


async def test_a_template_is_read_once_in_a_tick_and_writes_nothing_while_it_stays() -> None:
    story = Story(query(), templated(steps=LONG, baseline={**spec()["baseline"], "minAvailable": 2}))
    await story.until(60)
    raw = {**templated(steps=LONG), "revision": None}
    await story.then(lambda: story.shop.cluster.edit_rollout("checkout", raw), 30)
    ticks, asked = story.runner.ticks, len(story.port.asked)
    story.shop.gate.calls.clear()
    await story.runner.run_until(story.shop.clock.now() + 120)
    assert len(story.port.asked) - asked == story.runner.ticks - ticks
    assert story.shop.gate.calls.count("store.write_status") == 0
