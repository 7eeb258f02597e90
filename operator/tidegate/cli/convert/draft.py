"""A Rollout in the making, with comments on its fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.api.rollout.spec import API_VERSION, MAX_STEPS, RolloutSpec
from tidegate.api.validation import Where
from tidegate.cli.convert.reading import text

NO_EQUAL: Final = "no equivalent"
"""Tidegate has nothing like it: it was left out."""
CHANGED: Final = "changed"
"""It is there, and does not mean quite the same."""
TODO: Final = "todo"
"""Somebody must decide or do something."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Comment:
    """What is to be known of one field."""

    where: Where
    """The field; of the whole object when it is empty."""
    kind: str
    """`no equal`, `changed` or `todo`."""
    text: str


@dataclass
class Draft:
    """One object, and what is to be said of it."""

    manifest: Object
    comments: list[Comment] = field(default_factory=list)

    def note(self, kind: str, text: str, *where: str | int) -> None:
        """Adds a comment; the same one twice is one."""
        comment = Comment(where, kind, text)
        if comment not in self.comments:
            self.comments.append(comment)

    @property
    def spec(self) -> Object:
        """Its spec."""
        found: Object = self.manifest["spec"]
        return found


def rollout(metadata: Object) -> Draft:
    """An empty Rollout with the name, namespace and labels of what is converted. It is paused: somebody reads it first."""
    kept: Object = {key: text(metadata, key) for key in ("name", "namespace") if text(metadata, key)}
    if metadata.get("labels"):
        kept["labels"] = metadata["labels"]
    spec: Object = {
        "paused": True,
        "baseline": {},
        "candidate": {},
        "traffic": [],
        "metrics": [],
        "guards": [],
        "steps": [],
    }
    draft = Draft({"apiVersion": API_VERSION, "kind": "Rollout", "metadata": kept, "spec": spec})
    draft.note(TODO, "set it to false once the comments are dealt with", "spec", "paused")
    return draft


def finish(draft: Draft) -> None:
    """Takes out what stayed empty, and steps beyond what a Rollout may have; fields in the order of the API."""
    order = [field.alias or name for name, field in RolloutSpec.model_fields.items()]
    given = {key: value for key, value in draft.spec.items() if value or key not in {"metrics", "guards"}}
    draft.manifest["spec"] = spec = {key: given[key] for key in sorted(given, key=order.index)}
    steps = spec["steps"]
    if len(steps) > MAX_STEPS:
        spec["steps"] = _thinned(steps)
        text = f"there were {len(steps)} steps, and a Rollout has at most {MAX_STEPS}: some were left out, evenly"
        draft.note(CHANGED, text, "spec", "steps")


def _thinned(steps: list[Object]) -> list[Object]:
    """As many as there may be, evenly, the first and the last among them."""
    last = len(steps) - 1
    return [steps[round(index * last / (MAX_STEPS - 1))] for index in range(MAX_STEPS)]


def free_name(name: str, others: Sequence[Object]) -> str:
    """`name`, or the first of `name-2`, `name-3` and so on that no other object has."""
    taken = {one["name"] for one in others}
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}-{number}"
    return free


def step_name(weight: float, steps: Sequence[Object]) -> str:
    """A step's name by its weight, such as `weight-20`, that no other step has."""
    return free_name(f"weight-{weight:g}".replace(".", "-"), steps)
