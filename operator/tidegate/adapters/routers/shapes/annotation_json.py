"""JSON in annotations, with lists of weighted target groups, as the AWS Load Balancer Controller has them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.adapters.routers.paths import Path, pointer, without
from tidegate.adapters.routers.places import Form, Place, number_of
from tidegate.adapters.routers.shapes.shape import Found, Numbers
from tidegate.adapters.routers.views import Backend, RuleView, digest

NAMES: Final = ("servicename", "targetgroupname", "targetgrouparn")
"""Members that name a target group, in lower case: their spelling differs between writers, and is kept."""


@dataclass(frozen=True)
class ForwardActions:
    """Annotations `PREFIX.NAME`, each an action that forwards to weighted target groups."""

    prefix: str
    numbers: Numbers

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        annotations = raw["metadata"].get("annotations") or {}
        actions = {key: text for key, text in sorted(annotations.items()) if key.startswith(f"{self.prefix}.")}
        rules, frames = [], {}
        for key, text in actions.items():
            rule, frames[key] = self._action(key, text)
            rules += [rule] if rule is not None else []
        tests = tuple((pointer(("metadata", "annotations", key)), text) for key, text in actions.items())
        owned = tuple(("metadata", "annotations", key) for key in actions)
        return Found(tuple(rules), {"spec": raw.get("spec"), "actions": frames}, owned, tests)

    def _action(self, key: str, text: str) -> tuple[RuleView | None, object]:
        """The rule of one annotation, and its content without weights."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return None, text
        path, groups = _groups(content)
        if groups is None:
            return None, content
        at = pointer(("metadata", "annotations", key))
        backends, weights, unreadable = [], [], ""
        for index, group in enumerate(groups):
            members = {name.lower(): name for name in group} if isinstance(group, Mapping) else {}
            names = tuple(str(group[members[one]]) for one in NAMES if one in members)
            if not names:
                continue
            weight: Path = (*path, index, members.get("weight", "weight"))
            weights.append(weight)
            number = number_of(group.get(weight[-1]), Form.WHOLE)
            if number is None:
                unreadable = (
                    unreadable or f"the weight of {names[0]} is {group.get(weight[-1])!r}: write a whole number"
                )
            backends.append(Backend(names, number or 0, Place(at, inside=weight, text=text)))
        frame = without(content, weights)
        label = key.removeprefix(f"{self.prefix}.")
        view = RuleView(
            label, tuple(backends), len(groups), digest(frame), (), self.numbers.total, self.numbers.most, unreadable
        )
        return view, frame


def _groups(content: object) -> tuple[Path, list[Any] | None]:
    """Where the target groups of an action are, and what they are; `None` where there are none."""
    path: list[str | int] = []
    node: Any = content
    for wanted in ("forwardconfig", "targetgroups"):
        key = next((key for key in node if key.lower() == wanted), None) if isinstance(node, Mapping) else None
        if key is None:
            return (), None
        path.append(key)
        node = node[key]
    return tuple(path), node if isinstance(node, list) else None
