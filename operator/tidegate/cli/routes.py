"""What a route in the same files does to a Rollout: mirrors and rules that a revert does not reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.traffic import RouteKind
from tidegate.api.validation import Problem, Severity, Where
from tidegate.cli.documents import Document
from tidegate.cli.templates import namespace_of

GROUP: Final = "gateway.networking.k8s.io/"
KINDS: Final = frozenset(RouteKind)


def route_problems(
    spec: RolloutSpec, rollout: Document, documents: Sequence[Document]
) -> Iterator[tuple[Document, Problem]]:
    """Warnings on the routes of the Rollout's namespace, each with its route.

    Args:
        spec: the Rollout's.
        rollout: the Rollout, for its namespace.
        documents: all that was given.
    """
    for document in documents:
        kind = document.kind.rpartition("/")[2]
        if document.kind.startswith(GROUP) and kind in KINDS and same_place(document, rollout):
            for index, rule in enumerate(_rules(document)):
                where: Where = ("spec", "rules", index)
                yield from ((document, Problem(at, said, Severity.WARNING)) for at, said in _of_rule(rule, spec, where))


def _of_rule(rule: Mapping[str, object], spec: RolloutSpec, where: Where) -> Iterator[tuple[Where, str]]:
    candidate, baseline = spec.candidate.service, spec.baseline.service
    backends = [name for _, name in _services(rule.get("backendRefs"))]
    if candidate in backends and baseline not in backends:
        yield (
            (*where, "backendRefs"),
            (
                f"sends this rule's traffic to the candidate's Service '{candidate}' without the baseline's '{baseline}': "
                "it has no weights to set, so a revert leaves that traffic where it is"
            ),
        )
    for at, name in _mirrors(rule, where):
        if name == candidate:
            yield (
                at,
                (
                    f"mirrors requests to the candidate's Service '{candidate}': its pods count them like those of users, at "
                    "weight 0 and after a revert too. Mirror to a Service of its own, with other pods behind it"
                    + (
                        "; and no run starts whose steps have 'mirror'"
                        if any(step.mirror for step in spec.steps)
                        else ""
                    )
                ),
            )


def _mirrors(rule: Mapping[str, object], where: Where) -> Iterator[tuple[Where, str]]:
    places = [((*where, "filters"), rule.get("filters"))]
    refs = rule.get("backendRefs")
    for index, ref in enumerate(refs if isinstance(refs, list) else ()):
        if isinstance(ref, Mapping):
            places.append(((*where, "backendRefs", index, "filters"), ref.get("filters")))
    for place, filters in places:
        for index, one in enumerate(filters if isinstance(filters, list) else ()):
            mirror = one.get("requestMirror") if isinstance(one, Mapping) else None
            backend = mirror.get("backendRef") if isinstance(mirror, Mapping) else None
            for _, name in _services([backend]):
                yield (*place, index, "requestMirror", "backendRef"), name


def _services(refs: object) -> Iterator[tuple[int, str]]:
    for index, ref in enumerate(refs if isinstance(refs, list) else ()):
        if isinstance(ref, Mapping) and ref.get("kind", "Service") == "Service":
            yield index, str(ref.get("name"))


def _rules(document: Document) -> list[Mapping[str, object]]:
    spec = document.content.get("spec")
    rules = spec.get("rules") if isinstance(spec, Mapping) else None
    return [rule if isinstance(rule, Mapping) else {} for rule in rules] if isinstance(rules, list) else []


def same_place(one: Document, other: Document) -> bool:
    """Whether both may be of one namespace: what says none may be meant for any."""
    places = {namespace_of(one), namespace_of(other)} - {""}
    return len(places) < 2
