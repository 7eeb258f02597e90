"""What can be known about an object without a cluster, in the words of a person.

`check_rollout` is what `tidegate lint` and the operator itself hold a Rollout to; `advice` is for lint alone. Checks
that need the cluster (is there such a Deployment?) are the core's.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.commands import RolloutCommandSpec
from tidegate.api.metric_template.known import Templates
from tidegate.api.metric_template.spec import MetricTemplateSpec
from tidegate.api.rollout.metric_kinds import MetricKind
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.advice import advice
from tidegate.api.validation.cohorts import cohort_problems
from tidegate.api.validation.cross_references import name_problems
from tidegate.api.validation.dialects import Dialect, spoken
from tidegate.api.validation.job_sources import hook_problems
from tidegate.api.validation.limits import count_problems, limit_problems
from tidegate.api.validation.memory import memory_problems
from tidegate.api.validation.mirrors import mirror_problems
from tidegate.api.validation.objects import metadata_problems
from tidegate.api.validation.problems import Problem, Severity, Where
from tidegate.api.validation.queries import query_problems
from tidegate.api.validation.replica_ratio import ratio_problems
from tidegate.api.validation.resolved_metrics import placed, with_metrics_resolved
from tidegate.api.validation.rules import broken_rules
from tidegate.api.validation.schema_errors import read
from tidegate.api.validation.templates import template_problems, template_samples
from tidegate.api.validation.timeline import checkpoint_problems

__all__ = [
    "NO_TEMPLATES",
    "Dialect",
    "Problem",
    "Severity",
    "Templates",
    "Where",
    "advice",
    "check_command",
    "check_rollout",
    "check_spec",
    "check_template",
    "rollout_advice",
    "spoken",
]

NO_TEMPLATES = Templates()


def check_rollout(
    manifest: Mapping[str, object], templates: Templates = NO_TEMPLATES
) -> tuple[RolloutSpec | None, list[Problem]]:
    """A Rollout's spec, and what is wrong with it: errors only.

    Args:
        manifest: the object.
        templates: the metric templates there are.

    Returns: the spec, its presets and templates resolved, `None` when it cannot be read as one; the problems, empty when
    it can be carried out. A template that is not known while not all are stays in its metric, without a problem.
    """
    written, problems = read(RolloutSpec, manifest.get("spec", {}), ("spec",))
    problems = [*metadata_problems(manifest), *problems]
    if written is None:
        return None, problems
    spec, unresolved = with_metrics_resolved(written, templates)
    return spec, problems + unresolved + [placed(problem, written) for problem in check_spec(spec)]


def rollout_advice(manifest: Mapping[str, object], spec: RolloutSpec) -> list[Problem]:
    """The warnings for a Rollout without errors. What a template asks is warned of there, not at each of its users.

    Args:
        manifest: the object.
        spec: what `check_rollout` made of it.
    """
    written, _ = read(RolloutSpec, manifest.get("spec", {}), ("spec",))
    hints = advice(spec)
    if written is None:
        return hints
    asked = [hint for hint in hints if placed(hint, written) != hint and hint.where[3] in frozenset(MetricKind)]
    return [placed(hint, written) for hint in hints if hint not in asked]


def check_spec(spec: RolloutSpec) -> list[Problem]:
    """What is wrong with a spec that has the right form."""
    broken = list(broken_rules(spec, ("spec",)))
    found = [
        *query_problems(spec),
        *name_problems(spec),
        *hook_problems(spec),
        *cohort_problems(spec),
        *mirror_problems(spec),
        *ratio_problems(spec),
        *limit_problems(spec),
        *count_problems(spec),
        *memory_problems(spec),
        *checkpoint_problems(spec),
    ]
    told = {problem.where for problem in broken}
    return broken + [problem for problem in found if problem.where not in told]


def check_command(manifest: Mapping[str, object]) -> tuple[RolloutCommandSpec | None, list[Problem]]:
    """A RolloutCommand's spec, and what is wrong with it."""
    spec, problems = read(RolloutCommandSpec, manifest.get("spec", {}), ("spec",))
    broken = broken_rules(spec, ("spec",)) if spec is not None else ()
    return spec, [*metadata_problems(manifest), *problems, *broken]


def check_template(manifest: Mapping[str, object]) -> tuple[MetricTemplateSpec | None, list[Problem]]:
    """The spec of a MetricTemplate or ClusterMetricTemplate, and what is wrong with it, warnings included."""
    spec, problems = read(MetricTemplateSpec, manifest.get("spec", {}), ("spec",))
    problems = [*metadata_problems(manifest), *problems]
    if spec is not None:
        problems += template_problems(spec)
        problems += [] if problems else template_samples(spec)
    return spec, problems
