"""One number of two: the candidate's object has a share of a total, and what it leaves is the baseline's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.adapters.routers.paths import NOTHING, at, parsed, pointer, without
from tidegate.adapters.routers.places import Form, Place, number_of
from tidegate.adapters.routers.shapes.naming import Meant
from tidegate.adapters.routers.shapes.shape import Found
from tidegate.adapters.routers.views import ANY, Backend, RuleView, digest

PERCENT: Final = 100


@dataclass(frozen=True)
class OneField:
    """A field of the candidate's object."""

    weight: str
    """Pattern of the number, a percentage."""
    service: str
    """Pattern of the text that names the candidate's Service."""
    meant: Callable[[str], Meant]
    """What that text means: namespace and Service."""
    label: str

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        where = parsed(self.weight)
        frame = without(raw.get("spec"), [where[1:]])
        service = at(raw, parsed(self.service))
        if not isinstance(service, str):
            return Found((), frame, (where,))
        own = raw["metadata"].get("namespace", "")
        namespace, name = self.meant(service)
        tests = ((pointer(parsed(self.service)), service),)
        written = at(raw, where)
        number = number_of(written, Form.WHOLE)
        unreadable = "" if number is not None else f"{'.'.join(where)} is {_said(written)}: write 0"
        rule = _rule(self.label, name, number or 0, PERCENT, Place(pointer(where), tests), frame, unreadable)
        if namespace not in {"", own}:
            return Found((RuleView(self.label, (), 2, "", ((namespace, name),)),), frame, (where,))
        return Found((rule,), frame, (where,))


@dataclass(frozen=True)
class CanaryAnnotations:
    """Annotations of the candidate's Ingress, as ingress-nginx has them."""

    prefixes: tuple[str, ...]
    """Of the annotations; the first whose `canary` is `true` counts."""

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        annotations = raw["metadata"].get("annotations") or {}
        canary = {key: value for key, value in annotations.items() if key.partition("/")[0] in self.prefixes}
        prefix = next((one for one in self.prefixes if canary.get(f"{one}/canary") == "true"), None)
        if prefix is None:
            return Found((), {"spec": raw.get("spec"), "annotations": canary}, (), ())
        weight, total = f"{prefix}/canary-weight", f"{prefix}/canary-weight-total"
        frame = {"spec": raw.get("spec"), "annotations": {key: one for key, one in canary.items() if key != weight}}
        place = ("metadata", "annotations", weight)
        said = {key: annotations[key] for key in (f"{prefix}/canary", total, weight) if key in annotations}
        tests = tuple((pointer(("metadata", "annotations", key)), value) for key, value in said.items())
        most = number_of(annotations.get(total, str(PERCENT)), Form.TEXT) or 0
        number = number_of(annotations.get(weight, "0"), Form.TEXT)
        services = sorted(set(_services(raw)))
        unreadable = ""
        if number is None:
            unreadable = f"annotation {weight} is {_said(annotations[weight])}"
        elif not most:
            unreadable = f"annotation {total} is {_said(annotations[total])}"
        elif len(services) > 1:
            unreadable = f"its paths have the Services {', '.join(services)}, and one weight applies to all of them"
        name = services[0] if services else ""
        rule = _rule("canary", name, number or 0, most, Place(pointer(place), form=Form.TEXT), frame, unreadable)
        return Found((rule,), frame, (place,), tests if weight in annotations else ())


def _rule(label: str, name: str, number: int, total: int, place: Place, frame: object, unreadable: str) -> RuleView:
    number = min(number, total)
    rest = Backend((ANY,), total - number, Place(""))
    candidate = Backend((name,), number, place)
    return RuleView(label, (rest, candidate), 2, digest(frame), (), total, total, unreadable)


def _services(raw: Mapping[str, Any]) -> list[str]:
    spec = raw.get("spec") or {}
    backends = [spec.get("defaultBackend")]
    for rule in spec.get("rules") or ():
        backends += [path.get("backend") for path in (rule.get("http") or {}).get("paths") or ()]
    named = [((backend or {}).get("service") or {}).get("name") for backend in backends]
    return [name for name in named if name]


def _said(value: object) -> str:
    return "not there" if value is NOTHING else f"{value!r}, which is not a whole number"
