from __future__ import annotations

from tests.contract.stage import Stage
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.core.model.world import ABSENT, MetricTemplateObject

QUERY = {"query": 'max(errors{pod=~"$pods"})'}
OTHER = {"query": 'min(errors{pod=~"$pods"})'}


def refs(stage: Stage) -> tuple[TemplateRef, TemplateRef]:
    """One of each kind; a cluster's template is named after the test's namespace, as it is in none."""
    return TemplateRef(name=stage.namespace), TemplateRef(
        kind=TemplateKind.CLUSTER_METRIC_TEMPLATE, name=stage.namespace
    )


async def read(stage: Stage, ref: TemplateRef) -> MetricTemplateObject:
    found = await stage.metric_templates.read(ref, stage.namespace, fresh=True)
    assert isinstance(found, MetricTemplateObject), found
    return found


async def test_a_template_that_is_not_there_is_absent(stage: Stage) -> None:
    for ref in refs(stage):
        for fresh in (True, False):
            assert await stage.metric_templates.read(ref, stage.namespace, fresh=fresh) is ABSENT


async def test_the_two_kinds_are_apart(stage: Stage) -> None:
    own, shared = refs(stage)
    await stage.put_metric_template(shared, QUERY)
    assert await stage.metric_templates.read(own, stage.namespace, fresh=True) is ABSENT
    assert (await read(stage, shared)).spec["query"] == QUERY["query"]


async def test_every_change_moves_its_generation(stage: Stage) -> None:
    for ref in refs(stage):
        await stage.put_metric_template(ref, QUERY)
        before = await read(stage, ref)
        assert await read(stage, ref) == before
        await stage.put_metric_template(ref, OTHER)
        after = await read(stage, ref)
        assert (after.uid, after.spec["query"]) == (before.uid, OTHER["query"])
        assert after.generation > before.generation


async def test_one_made_anew_is_another(stage: Stage) -> None:
    for ref in refs(stage):
        await stage.put_metric_template(ref, QUERY)
        before = await read(stage, ref)
        await stage.delete_metric_template(ref)
        assert await stage.metric_templates.read(ref, stage.namespace, fresh=True) is ABSENT
        await stage.put_metric_template(ref, QUERY)
        assert (await read(stage, ref)).uid != before.uid
