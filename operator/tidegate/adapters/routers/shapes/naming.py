"""How a backend is named: by fields of its own, by a host, in two hops, with a subset. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.adapters.routers.paths import NOTHING, Path, Pattern, at, parsed, pointer, walk

Meant = tuple[str, str]
"""Namespace, empty for the object's own, and name."""


@dataclass(frozen=True)
class Hop:
    """A backend names an entry of another list of the object, and that names the Service."""

    entries: str
    """Pattern of that list's items, from the root."""
    key: str = "name"
    service: str = "service"


@dataclass(frozen=True)
class Identified:
    """What a backend is called."""

    names: tuple[str, ...]
    elsewhere: Meant | None = None
    """Namespace and name, where it is of another namespace."""
    tests: tuple[tuple[str, object], ...] = ()
    """JSON pointers, and what stands there that makes it this backend."""


def _plain(text: str) -> Meant:
    return "", text


@dataclass(frozen=True)
class Naming:
    """How the backends of a router are named; the fields are patterns from the backend."""

    names: tuple[Pattern, ...] = ("name",)
    """Where the name may stand, in order of preference."""
    namespaces: tuple[Pattern, ...] = ()
    """Where the namespace may stand."""
    subset: str = ""
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Values that other fields must have, where an absent one is the empty text."""
    meant: Callable[[str], Meant] = _plain
    """What a name means: its namespace and the Service."""
    hop: Hop | None = None
    unnamed: str = ""
    """Pattern, from the object, of the name of a backend that has none."""
    mirror: str = ""
    """Pattern of what makes it a mirror when true: then it is no backend at all."""

    def is_mirror(self, backend: object) -> bool:
        """Whether it gets copies of requests, and no requests."""
        return bool(self.mirror) and at(backend, parsed(self.mirror)) is True

    def of(self, backend: Mapping[str, Any], path: Path, raw: Mapping[str, Any]) -> Identified | None:
        """What a backend at `path` of the object `raw` is called; `None` when it is none that a target could mean."""
        if any(_text(backend, one) not in accepted for one, accepted in self.only.items()):
            return None
        places = [(backend, (*path, *one), one) for one in map(parsed, self.names)]
        places += [(raw, one, one) for one in [parsed(self.unnamed)] if one]
        found = next(((at(node, one), whole) for node, whole, one in places if isinstance(at(node, one), str)), None)
        if found is None:
            return None
        name, where = str(found[0]), found[1]
        tests: list[tuple[str, object]] = [(pointer(where), name)]
        if self.hop is not None:
            hopped = _hopped(self.hop, name, raw)
            if hopped is None:
                return None
            name, more = hopped
            tests += more
        namespace, service = self.meant(name)
        own = raw["metadata"].get("namespace", "")
        namespace = next(filter(None, (_text(backend, one) for one in self.namespaces)), namespace or own)
        if namespace != own:
            return Identified((), (namespace, service), tuple(tests))
        subset, tested = self._subset(backend, path)
        aliases = dict.fromkeys((service, name))
        return Identified(tuple(f"{one}#{subset}" if subset else one for one in aliases), None, (*tests, *tested))

    def _subset(self, backend: Mapping[str, Any], path: Path) -> tuple[str, tuple[tuple[str, object], ...]]:
        if not self.subset:
            return "", ()
        where = parsed(self.subset)
        found = at(backend, where)
        if found in (NOTHING, None, "", {}):
            return "", ()
        text = ",".join(f"{key}={found[key]}" for key in sorted(found)) if isinstance(found, Mapping) else str(found)
        return text, ((pointer((*path, *where)), found),)


def _text(node: Mapping[str, Any], pattern: Pattern) -> str:
    found = at(node, parsed(pattern))
    return "" if found in (NOTHING, None) else str(found)


def _hopped(hop: Hop, name: str, raw: Mapping[str, Any]) -> tuple[str, Sequence[tuple[str, object]]] | None:
    for path, entry in walk(raw, parsed(hop.entries)):
        if isinstance(entry, Mapping) and entry.get(hop.key) == name and isinstance(entry.get(hop.service), str):
            key, service = pointer((*path, hop.key)), pointer((*path, hop.service))
            return entry[hop.service], [(key, name), (service, entry[hop.service])]
    return None


_CLUSTER_HOST: Final = re.compile(r"([^.]+)\.([^.]+)\.svc(\..+)?")


def host(text: str) -> Meant:
    """A host of a mesh: the short name of a Service, or `NAME.NAMESPACE.svc...`; any other host is itself."""
    found = _CLUSTER_HOST.fullmatch(text)
    return (found[2], found[1]) if found else ("", text)


def address(text: str) -> Meant:
    """A Service as Emissary writes it: `[SCHEME://]NAME[.NAMESPACE[.svc...]][:PORT]`."""
    bare = re.sub(r":\d+$", "", text.partition("://")[2] or text)
    name, _, rest = bare.partition(".")
    return rest.partition(".")[0], name


_KUMA: Final = re.compile(r"(.+)_(.+)_svc(_\d+)?")


def kuma_service(text: str) -> Meant:
    """A service of Kuma: the name of a MeshService, or `NAME_NAMESPACE_svc_PORT`."""
    found = _KUMA.fullmatch(text)
    return (found[2], found[1]) if found else ("", text)
