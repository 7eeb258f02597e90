"""The CustomResourceDefinitions, made from the models: what `tidegate crd` writes to `crds/`."""

from __future__ import annotations

from typing import Final

import yaml
from pydantic import BaseModel, JsonValue

from tidegate.api.commands import RolloutCommandSpec, RolloutCommandStatus
from tidegate.api.crd.structural import Schema, loosened, structural, validations
from tidegate.api.metric_template.ref import TemplateKind
from tidegate.api.metric_template.spec import MetricTemplateSpec
from tidegate.api.model import Rule
from tidegate.api.rollout.spec import GROUP, VERSION, RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.values.names import LONGEST_ROLLOUT_NAME

HEADER: Final = "# Generated from operator/tidegate/api by `make generate`. Change the models, not this file.\n"

ROLLOUT_RULES: Final = tuple(
    Rule(
        f"!has(self.status) || !has(self.status.run) || self.spec.{arm}.{part} == oldSelf.spec.{arm}.{part}",
        f"'{part}' cannot change while a run is active: abort it, or let it end",
        f".spec.{arm}.{part}",
    )
    for arm in ("baseline", "candidate")
    for part in ("deployment", "service")
)
"""Rules at the root, where status can be seen."""

_READY: Final = '.status.conditions[?(@.type=="Ready")]'


def crds() -> dict[str, Schema]:
    """The definitions, by the name of the file each is written to."""
    made = (
        _rollouts(),
        _commands(),
        _templates(TemplateKind.METRIC_TEMPLATE, "tgm", "A query to Prometheus for the Rollouts of its namespace."),
        _templates(
            TemplateKind.CLUSTER_METRIC_TEMPLATE, "tgcm", "A query to Prometheus for the Rollouts of all namespaces."
        ),
    )
    return {f"{_object(crd['metadata'])['name']}.yaml": crd for crd in made}


def as_yaml(crd: Schema) -> str:
    """A definition as it is written to a file."""
    return HEADER + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)


def _rollouts() -> Schema:
    status = loosened(structural(RolloutStatus), keyed={"conditions": "type"})
    status["default"] = {"observedGeneration": -1}
    root: Schema = {
        "description": "A canary release: traffic is shifted to a candidate step by step, and the weights are restored when a limit is breached.",
        "x-kubernetes-validations": validations(ROLLOUT_RULES),
    }
    columns = [
        _column("Phase", ".status.phase", "The phase"),
        _column("Step", ".status.step.summary", "The step of the run, and how many there are"),
        _column(
            "Weight", ".status.weight.observed", "The candidate's share of traffic on the route, percent", "number"
        ),
        _column("Ready", f"{_READY}.status", "Whether no run is in progress and no error is reported"),
        _column("Next check", ".status.nextCheckTime", "The next checkpoint or gate"),
        _column("Age", ".metadata.creationTimestamp", "", "date"),
        _column("Reason", f"{_READY}.reason", "Why it is ready or not", wide=True),
        _column("Candidate", ".spec.candidate.deployment", "The Deployment under test", wide=True),
        _column("Baseline", ".spec.baseline.deployment", "The Deployment in service", wide=True),
        _column("Waiting for", ".status.gate.summary", "What the gate of the next step waits for", wide=True),
        _column("Under test", ".status.run.version.images[*]", "The first image of the run in progress", wide=True),
        _column(
            "In service", ".status.released.images[*]", "The first image last promoted, or found serving", wide=True
        ),
    ]
    return _definition("Rollout", "tgr", columns, root | _object_of(RolloutSpec, status, LONGEST_ROLLOUT_NAME))


def _commands() -> Schema:
    root: Schema = {"description": "A one-time command for a Rollout."}
    columns = [
        _column("Rollout", ".spec.rollout", "The Rollout"),
        _column("Action", ".spec.action", "The action"),
        _column("Phase", ".status.phase", "The outcome"),
        _column("Requester", ".spec.requester", "The requester"),
        _column("Age", ".metadata.creationTimestamp", "", "date"),
        _column("Step", ".spec.step", "The step that is approved", wide=True),
        _column("Approval", ".spec.name", "The approval", wide=True),
        _column("Reason", ".spec.reason", "Why", wide=True),
        _column("Message", ".status.message", "What was done, or why not", wide=True),
    ]
    status = loosened(structural(RolloutCommandStatus))
    return _definition("RolloutCommand", "tgc", columns, root | _object_of(RolloutCommandSpec, status))


def _templates(kind: TemplateKind, short: str, description: str) -> Schema:
    columns = [
        _column("Unit", ".spec.unit", "What the numbers mean"),
        _column("Window", ".spec.window", "The time range"),
        _column("Parameters", ".spec.parameters[*].name", "What differs between its users"),
        _column("Age", ".metadata.creationTimestamp", "", "date"),
        _column("Query", ".spec.query", "The query", wide=True),
        _column("Bad", ".spec.ratio.bad", "The counter of bad requests", wide=True),
    ]
    schema = {"description": description} | _object_of(MetricTemplateSpec)
    scope = "Namespaced" if kind is TemplateKind.METRIC_TEMPLATE else "Cluster"
    return _definition(kind.value, short, columns, schema, scope)


def _object_of(spec: type[BaseModel], status: Schema | None = None, longest_name: int = 253) -> Schema:
    properties: Schema = {
        "apiVersion": {"type": "string", "description": "The version of this schema."},
        "kind": {"type": "string", "description": "The kind of this object."},
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": longest_name}}},
        "spec": structural(spec),
    }
    if status is not None:
        properties["status"] = status
    return {"type": "object", "required": ["spec"], "properties": properties}


def _definition(kind: str, short: str, columns: list[JsonValue], schema: Schema, scope: str = "Namespaced") -> Schema:
    plural = f"{kind.lower()}s"
    has_status = "status" in _object(schema["properties"])
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        **({"subresources": {"status": {}}} if has_status else {}),
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": schema},
    }
    names: Schema = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
        "categories": ["tidegate"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": scope, "versions": [version]},
    }


def _object(value: JsonValue) -> Schema:
    assert isinstance(value, dict)  # noqa: S101  (made here)
    return value


def _column(name: str, path: str, description: str, kind: str = "string", *, wide: bool = False) -> JsonValue:
    column: Schema = {"name": name, "type": kind, "jsonPath": path}
    return column | ({"description": description} if description else {}) | ({"priority": 1} if wide else {})
