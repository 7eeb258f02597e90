"""What a Service or a Deployment in the same files does to a Rollout whose weight is the ratio of pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Problem, Severity, Where
from tidegate.cli.documents import Document
from tidegate.cli.routes import same_place

SERVICE: Final = "v1/Service"
DEPLOYMENT: Final = "apps/v1/Deployment"


def shared_service_problems(
    spec: RolloutSpec, rollout: Document, documents: Sequence[Document]
) -> Iterator[tuple[Document, Problem]]:
    """Warnings on the Service and the candidate's Deployment, each with its object.

    Args:
        spec: the Rollout's.
        rollout: the Rollout, for its namespace.
        documents: all that was given.
    """
    if spec.ratio is None:
        return
    for document in documents:
        found = _said(spec, document) if same_place(document, rollout) else None
        if found is not None:
            yield document, Problem(found[0], found[1], Severity.WARNING)


def _said(spec: RolloutSpec, document: Document) -> tuple[Where, str] | None:
    metadata, content = document.content.get("metadata"), document.content.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(content, Mapping):
        return None
    affinity = content.get("sessionAffinity") == "ClientIP"
    if (document.kind, name) == (SERVICE, spec.baseline.service) and affinity:
        words = "keeps a client on its pod: the share of new connections is not the one of pods, and a client stays with the candidate until its pod ends"
        return ("spec", "sessionAffinity"), words
    if (document.kind, name) == (DEPLOYMENT, spec.candidate.deployment) and content.get("replicas", 1) != 0:
        words = "pods of the candidate are its weight, so they would serve before any run: write 'replicas: 0', and let Git leave the field alone"
        return ("spec", "replicas"), words
    return None
