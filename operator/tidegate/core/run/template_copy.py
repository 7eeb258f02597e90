"""Copying a version from one pod template to another: which fields change, what stood there, and how to put it back.

Changes are whole values at the template's top level (`containers`, `volumes`, one annotation): a change that is written
twice, or onto what is there already, changes nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.template_fields import ALIASES, SCHEDULING, excluded, makes_version, template_fields
from tidegate.core.model.world import Template

LARGEST_RECORD: Final = 8 * 1024
"""Bytes that the record of an old template may take in status, as they go over the wire: JSON inside JSON, so escaped."""


def copied(onto: Template, version: Template, exclude: Collection[str]) -> TemplateChange:
    """What gives a template the version of another one, and leaves it its labels, its scheduling and what is excluded."""
    own, new = _pod_spec(onto), _pod_spec(version)
    spec = {key: _merged(key, own.get(key), new.get(key), exclude) for key in _keys(own, new, exclude)}
    before, after = annotations_of(onto), annotations_of(version)
    names = {name for name in before.keys() | after.keys() if makes_version(f"annotations.{name}", exclude)}
    return TemplateChange(
        {key: value for key, value in spec.items() if value != own.get(key)},
        {name: after.get(name) for name in sorted(names) if after.get(name) != before.get(name)},
    )


def as_record(template: Template) -> str:
    """A template without labels and scheduling as status keeps it; empty when it is too large for that."""
    spec = {key: value for key, value in _pod_spec(template).items() if key not in SCHEDULING}
    text = json.dumps({"annotations": annotations_of(template), "spec": spec}, separators=(",", ":"))
    return text if len(json.dumps(text)) <= LARGEST_RECORD else ""


def from_record(text: str) -> Template:
    """The template that status keeps.

    Raises:
        ValueError: it is not valid JSON.
    """
    found = json.loads(text)
    raw = {"metadata": {"annotations": found.get("annotations") or {}}, "spec": found.get("spec") or {}}
    return Template("", template_fields(raw), raw)


def from_first_record(text: str, parts: Iterable[str] = ("containers", "initContainers", "volumes")) -> TemplateChange:
    """What operator 0.1.0 remembered of a template: three fields of the pod spec, one that is missing was not there.

    Raises:
        ValueError: it is not valid JSON.
    """
    found = json.loads(text)
    return TemplateChange({part: found.get(part) for part in parts})


def holds(change: TemplateChange, template: Template) -> bool:
    """Whether a template's spec has all these values already."""
    spec = _pod_spec(template)
    return all((spec.get(key) or None) == (value or None) for key, value in change.spec.items())


def annotations_of(template: Template) -> dict[str, str]:
    """The annotations of a template that make a version."""
    written = (template.raw.get("metadata") or {}).get("annotations") or {}
    return {name: value for name, value in written.items() if f"annotations.{name}" in template.fields.paths}


def _pod_spec(template: Template) -> Mapping[str, Any]:
    return template.raw.get("spec") or {}


def _keys(own: Mapping[str, Any], new: Mapping[str, Any], exclude: Collection[str]) -> list[str]:
    kept = (key for key in own.keys() | new.keys() if key not in SCHEDULING)
    return sorted(key for key in kept if not excluded(ALIASES.get(key, key), exclude))


def _merged(key: str, own: Any, new: Any, exclude: Collection[str]) -> Any:  # noqa: ANN401  (JSON)
    """The version's value, with what is excluded within it as it stands."""
    if not any(one.startswith(f"{key}[") for one in exclude):
        return new
    mine, theirs = (template_fields({"spec": {key: value}}).fingerprint(exclude) for value in (own, new))
    if mine == theirs:
        return own
    if key == "volumes":
        return _merged_list(key, own, new, exclude, whole=True) or None
    return _merged_list(key, own, new, exclude, whole=False) or None


def _merged_list(where: str, own: Any, new: Any, exclude: Collection[str], *, whole: bool) -> list[Any]:  # noqa: ANN401  (JSON)
    """Two lists of named items: the excluded ones as they stand, the others the version's."""
    mine = {item.get("name"): item for item in own or ()}
    kept = [item for name, item in mine.items() if excluded(f"{where}[{name}]", exclude)]
    taken = [item for item in new or () if not excluded(f"{where}[{item.get('name')}]", exclude)]
    if whole:
        return [*kept, *taken]
    return [*kept, *(_container(where, mine.get(item.get("name")) or {}, item, exclude) for item in taken)]


def _container(
    where: str, own: Mapping[str, Any], new: Mapping[str, Any], exclude: Collection[str]
) -> Mapping[str, Any]:
    path = f"{where}[{new.get('name')}]"
    inside = [one for one in exclude if one.startswith(f"{path}.")]
    if not inside:
        return new
    merged: dict[str, Any] = {}
    for key in (*new, *(key for key in own if key not in new)):
        field_path = f"{path}.{key}"
        if excluded(field_path, exclude):
            value = own.get(key)
        elif key == "env":
            value = _merged_list(field_path, own.get(key), new.get(key), exclude, whole=True) or None
        else:
            value = new.get(key)
        if value is not None:
            merged[key] = value
    return merged
