"""A sample of a router: its object, where its numbers stand, and what its controller reports."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from tidegate.core.model.world import Acceptance

Object = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Copies:
    """Where the rule has what copies requests, and what it is like."""

    entries: Path
    """The list."""
    entry: Object
    """What copies a quarter to the candidate."""
    others: tuple[Object, ...]
    """Entries that are nobody's business: one of them copies to a third backend."""
    alone: bool = True
    """Nothing else is in the list."""
    everything: tuple[Object, ...] = ()
    """Changes of `entry` with which it copies every request."""


@dataclass(frozen=True)
class Sample:
    """One object, and what is to be found in it."""

    kind: str
    """As a Rollout names it."""
    api_version: str
    object_kind: str
    content: Object
    """All but `apiVersion`, `kind` and the name."""
    candidate: Path
    """Where the candidate's number stands."""
    rule: str
    baseline: Path = ()
    """Where the baseline's stands; empty where it is what the candidate's leaves of `total`."""
    third: Path = ()
    """Where a third backend's stands."""
    found: tuple[int, int] = (90, 10)
    names: tuple[str, str] = ("shop", "shop-canary")
    absent: int | None = 1
    """What an absent weight means; `None`: that it cannot be read."""
    has_absent: bool = True
    """The API server takes an object without weights, and gives none by itself."""
    total: int | None = None
    """The sum that must stay, where no third backend stands beside."""
    scale: int = 1
    """What the numbers in memory are of those in the object."""
    text: bool = False
    """The numbers are texts."""
    inside: str = ""
    """The annotation that holds JSON with the numbers; the places are in that."""
    frame: Path = ()
    """A field that is no weight, and a text."""
    rows: tuple[tuple[Object | None, Acceptance], ...] = ()
    """Statuses, each with what it says; `GENERATION` stands for the object's."""
    variant: str = ""
    status: bool = True
    """The kind has a status subresource."""
    copies: Copies | None = None
    """How the rule mirrors; `None` where it cannot."""

    def __str__(self) -> str:
        return f"{self.kind} {self.variant}".strip()

    def item(self, namespace: str, name: str = "shop") -> Object:
        """The object."""
        made = json.loads(json.dumps(self.content).replace("NAMESPACE", namespace))
        metadata = {"name": name, "namespace": namespace, "labels": {"team": "shop"}, **made.pop("metadata", {})}
        return {"apiVersion": self.api_version, "kind": self.object_kind, "metadata": metadata, **made}

    def numbers(self, item: Object) -> tuple[int | None, int | None]:
        """The two numbers that stand in an object, as the operator counts them."""
        candidate = self.number_at(item, self.candidate)
        if not self.baseline:
            rest = None if candidate is None else (self.total or 0) - candidate
            return rest, candidate
        return self.number_at(item, self.baseline), candidate

    def number_at(self, item: Object, path: Path) -> int | None:
        """The number at a place."""
        node: Any = json.loads(item["metadata"]["annotations"][self.inside]) if self.inside else item
        for key in path:
            try:
                node = node[key]
            except (KeyError, IndexError):
                return None
        return round(float(node) * self.scale)

    def with_numbers(self, item: Object, *numbers: int | None) -> Object:
        """A copy with other numbers; `None`: without one."""
        made = copy.deepcopy(item)
        root: Any = json.loads(made["metadata"]["annotations"][self.inside]) if self.inside else made
        for path, number in zip((self.baseline, self.candidate), numbers, strict=True):
            if not path:
                continue
            node = root
            for key in path[:-1]:
                node = node[key]
            if number is None and isinstance(node, list):
                del node[path[-1]]
            elif number is None:
                node.pop(path[-1], None)
            else:
                exact = number // self.scale if number % self.scale == 0 else number / self.scale
                node[path[-1]] = str(exact) if self.text else exact
        if self.inside:
            made["metadata"]["annotations"][self.inside] = json.dumps(root)
        return made


GENERATION = "GENERATION"


def said(kind: str, status: str, generation: object = GENERATION) -> Object:
    made = {
        "type": kind,
        "status": status,
        "reason": "Told",
        "message": "as the test says",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return made if generation is None else {**made, "observedGeneration": generation}


NAMES = ("other", "shop", "shop-canary")
PORTS = (80, 80, 80)


def list_of(
    kind: str,
    api_version: str,
    spec: Object,
    at: Path,
    rule: str,
    *,
    weight: str = "weight",
    **more: Any,  # noqa: ANN401
) -> Sample:
    """A list in which a third backend comes first."""
    more = {"object_kind": kind, "rows": ((None, Acceptance.UNREPORTED),), **more}
    return Sample(
        kind=kind,
        api_version=api_version,
        content={"spec": spec},
        baseline=("spec", *at, 1, weight),
        candidate=("spec", *at, 2, weight),
        third=("spec", *at, 0, weight),
        rule=rule,
        **more,
    )


def three(**names: tuple[Any, Any, Any]) -> list[Object]:
    weights = (7, 90, 10)
    return [
        {**{key: values[place] for key, values in names.items()}, "weight": weight}
        for place, weight in enumerate(weights)
    ]
