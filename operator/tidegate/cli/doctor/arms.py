"""Whether the metrics of a Rollout have data for both arms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.adapters.kubernetes.resources import CLUSTER_METRIC_TEMPLATES, METRIC_TEMPLATES
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads, WorkloadCaches
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Templates, check_rollout
from tidegate.cli.doctor.result import Level, Result
from tidegate.cli.doctor.sources import Prometheus
from tidegate.core.metrics import of_one_arm, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.answers import Failed
from tidegate.core.model.samples import Asked, NoData, Sample, TooFew, Value
from tidegate.core.model.world import Absence, Arm, ArmName, Unknown
from tidegate.ports.errors import Missing

CHECK: Final = "metrics"
LONG_AGO: Final = 10 * 365 * 86400.0
"""Seconds of traffic after which no window is shortened."""


async def spec_of(cluster: Connection, rollout: Mapping[str, Any]) -> tuple[RolloutSpec | None, list[Result]]:
    """The Rollout's spec with its templates, and what is wrong with it."""
    templates = await _templates(cluster, rollout)
    spec, problems = check_rollout(rollout, templates)
    advice = "correct the field; tidegate lint names its line"
    found = [Result("spec", Level.FAILED, str(problem), advice) for problem in problems]
    return (spec if not problems else None), found or [Result("spec", Level.OK, "the spec is valid")]


async def measured(
    cluster: Connection, name: str, spec: RolloutSpec, source: Prometheus | None
) -> AsyncIterator[Result]:
    """Each metric for each arm, as the operator would ask now.

    Args:
        cluster: where the arms are.
        name: the Rollout's.
        spec: its spec.
        source: the one that it names; `None` when that is not known here.
    """
    arms: dict[ArmName, Arm] = {}
    for arm, named in ((ArmName.BASELINE, spec.baseline), (ArmName.CANDIDATE, spec.candidate)):
        found = await _arm(cluster, named.deployment, named.service)
        if isinstance(found, Arm):
            arms[arm] = found
        yield _of_arm(arm, named.deployment, named.service, found)
    if source is None:
        message = f"source '{spec.prometheus.source}' is not known here"
        yield Result(CHECK, Level.SKIPPED, message, "give the operator's configuration (--config), or --prometheus URL")
        return
    if len(arms) == len(ArmName):
        asking = _asking(cluster, name, spec, arms)
        for metric in spec.metrics:
            for arm in ArmName if of_one_arm(metric) else (ArmName.CANDIDATE,):
                yield await _metric(metric, arm, asking, source)


async def _metric(metric: Metric, arm: ArmName, asking: Asking, source: Prometheus) -> Result:
    wanted = queries(metric, arm, asking)
    answers = {query: await source.ask(query.promql) for query in wanted}
    found = sample(metric, Asked(answers), wanted)
    whose = f"of the {arm}" if of_one_arm(metric) else "(independent of the arms)"
    level, words = _judged(found, arm)
    advice = f"query Prometheus: {wanted[-1].promql}" if level is not Level.OK else ""
    return Result(CHECK, level, f"{metric.name} {whose}: {words}", advice)


def _judged(found: Sample, arm: ArmName) -> tuple[Level, str]:
    match found:
        case Value(series=series) if any(one.value is not None for one in series):
            return Level.OK, f"{len(series)} series"
        case Value():
            return Level.WARNING, "NaN: there were no requests"
        case TooFew(message=message, silent=False):
            return Level.WARNING, message
        case NoData(message=message) | TooFew(message=message) if arm is ArmName.CANDIDATE:
            return Level.WARNING, f"{message} (expected while it has no traffic)"
        case NoData(message=message) | TooFew(message=message) | Failed(message=message):
            return Level.FAILED, message
        case _:
            return Level.SKIPPED, "not queried"


def _of_arm(arm: ArmName, deployment: str, service: str, found: Arm | Absence | Unknown) -> Result:
    match found:
        case Arm(selector=Absence()):
            message = f"the {arm}'s Service {service} does not exist"
            return Result("arms", Level.FAILED, message, "create it, or correct the Rollout's spec")
        case Arm():
            return Result("arms", Level.OK, f"the {arm}: {found.available} of {found.replicas} pods available")
        case Absence():
            message = f"the {arm}'s Deployment {deployment} does not exist"
            return Result("arms", Level.FAILED, message, "create it, or correct the Rollout's spec")
        case Unknown(reason=reason):
            return Result(
                "arms", Level.SKIPPED, f"the {arm} could not be read: {reason}", "you need the permission to get it"
            )


async def _arm(cluster: Connection, deployment: str, service: str) -> Arm | Absence | Unknown:
    workloads = KubernetesWorkloads(cluster.api, WorkloadCaches())
    return await workloads.arm(cluster.namespace, deployment, service, fresh=True)


def _asking(cluster: Connection, name: str, spec: RolloutSpec, arms: Mapping[ArmName, Arm]) -> Asking:
    return Asking(
        source=spec.prometheus.source,
        namespace=cluster.namespace,
        rollout=name,
        step=spec.steps[0].name,
        elapsed=0.0,
        traffic=LONG_AGO,
        workloads={arm: found.deployment for arm, found in arms.items()},
        services={ArmName.BASELINE: spec.baseline.service, ArmName.CANDIDATE: spec.candidate.service},
        pods={arm: found.pods for arm, found in arms.items()},
    )


async def _templates(cluster: Connection, rollout: Mapping[str, Any]) -> Templates:
    """Those that the Rollout names; one that is missing is left for `check_rollout` to say."""
    found: dict[TemplateRef, Mapping[str, Any]] = {}
    for metric in (rollout.get("spec") or {}).get("metrics") or ():
        if "template" in metric:
            ref = TemplateRef.model_validate(metric["template"])
            shared = ref.kind is TemplateKind.CLUSTER_METRIC_TEMPLATE
            resource = CLUSTER_METRIC_TEMPLATES if shared else METRIC_TEMPLATES
            try:
                item = await cluster.api.get(resource, None if shared else cluster.namespace, ref.name)
            except Missing:
                continue
            found[ref] = item["spec"]
    return Templates(found)
