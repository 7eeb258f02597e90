"""The metric templates among the files that a command was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.api.rollout.spec import API_VERSION
from tidegate.api.validation import Templates
from tidegate.cli.documents import Document

KINDS: Final = {f"{API_VERSION}/{kind}": kind for kind in TemplateKind}


class GivenTemplates:
    """Templates from files, seen from a Rollout: those of its namespace, and those for all."""

    def __init__(self, documents: Iterable[Document]) -> None:
        """From the objects of all files; those of other kinds are passed over."""
        self._documents = [document for document in documents if document.kind in KINDS]

    def of(self, rollout: Document) -> Templates:
        """The templates that a Rollout reaches. There may be others in the cluster: they are not complete.

        An object without a namespace may be meant for any.
        """
        reached = [document for document in self._documents if _reached(document, namespace_of(rollout))]
        certain = sorted(reached, key=lambda document: namespace_of(document) == namespace_of(rollout))
        return Templates({_ref(document): _spec(document) for document in certain}, complete=False)

    def elsewhere(self, rollout: Document, ref: TemplateRef) -> Sequence[str]:
        """The other namespaces for which a template of that kind and name was given."""
        own = namespace_of(rollout)
        named = [document for document in self._documents if _ref(document) == ref and not _reached(document, own)]
        return sorted({namespace_of(document) for document in named})


def namespace_of(document: Document) -> str:
    """The namespace written in an object; empty when there is none."""
    metadata = document.content.get("metadata")
    return str(metadata.get("namespace") or "") if isinstance(metadata, dict) else ""


def _reached(template: Document, namespace: str) -> bool:
    if KINDS[template.kind] is TemplateKind.CLUSTER_METRIC_TEMPLATE:
        return True
    return not namespace or namespace_of(template) in {"", namespace}


def _ref(document: Document) -> TemplateRef:
    return TemplateRef.model_construct(kind=KINDS[document.kind], name=document.name)


def _spec(document: Document) -> Mapping[str, Any]:
    spec = document.content.get("spec")
    return spec if isinstance(spec, dict) else {}
