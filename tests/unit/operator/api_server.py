"""An API server in memory behind the operator's own client: objects, JSON patches with tests, watch events; it counts requests."""

from __future__ import annotations

import asyncio
import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from kubernetes.aio.client.configuration import Configuration

from tests.simulated.shaped import patched
from tidegate.adapters.kubernetes.client import Api
from tidegate.ports.errors import Conflict, Missing

Object = dict[str, Any]

_PATH: Final = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>status))?"
)
_ROOT: Final = re.compile(r"/apis/[^/]+/[^/]+|/apis|/version")


class Request(NamedTuple):
    """One request."""

    verb: str
    """`get`, `list`, `create`, `patch`, or `delete`."""
    plural: str
    """Of the kind; the path where there is none."""
    name: str
    """Of the object; empty for a list."""

    @property
    def writes(self) -> bool:
        """Whether it may change what is stored."""
        return self.verb in {"patch", "create", "delete"} and self.plural != "selfsubjectaccessreviews"


@dataclass
class ApiServer:
    """See the module."""

    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    """By plural, namespace and name."""
    requests: list[Request] = field(default_factory=list)
    changed: Callable[[str, Object], None] = lambda _plural, _raw: None
    """The watch streams: called with the plural and the object, in the turn of the loop after its write."""
    _version: int = 0

    def put(self, plural: str, raw: Object) -> None:
        """Somebody creates an object, or replaces it: its generation moves."""
        metadata = raw["metadata"]
        key = (plural, metadata.get("namespace", ""), metadata["name"])
        before = self.objects.get(key, {"metadata": {}})["metadata"]
        metadata["uid"] = f"{plural}-{metadata['name']}"
        metadata["generation"] = before.get("generation", 0) + 1
        metadata["creationTimestamp"] = "2023-11-01T00:00:00Z"
        self._store(key, raw)

    def count(self) -> Counter[tuple[str, str]]:
        """The requests so far, by verb and plural."""
        return Counter((one.verb, one.plural) for one in self.requests)

    def writes(self) -> list[Request]:
        """Those that write."""
        return [one for one in self.requests if one.writes]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Object:  # noqa: ANN401  (JSON)
        """The answer to a request. Raises: Conflict, Missing."""
        if _ROOT.fullmatch(path):
            self.requests.append(Request("get", path, ""))
            return {"resources": [{"name": plural} for plural, _, _ in self.objects], "groups": []}
        found = _PATH.fullmatch(path)
        assert found is not None, path
        plural, namespace, name = found["plural"], found["namespace"] or "", found["name"] or ""
        verb = {"GET": "get" if name else "list", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[method]
        self.requests.append(Request(verb, plural, name))
        match verb:
            case "list":
                return {"items": self._listed(plural, namespace, query), "metadata": {}}
            case "create":
                return {**body, "status": {"allowed": True}}
        key = (plural, namespace, name)
        if key not in self.objects:
            raise Missing(path)
        if verb == "patch":
            self._patch(key, body)
        return copy.deepcopy(self.objects[key])

    def _listed(self, plural: str, namespace: str, query: Mapping[str, str]) -> list[Object]:
        wanted = dict(term.split("=") for term in query.get("labelSelector", "").split(",") if term)
        found = [
            copy.deepcopy(raw)
            for (kind, place, _), raw in self.objects.items()
            if kind == plural
            and namespace in {"", place}
            and wanted.items() <= (raw["metadata"].get("labels") or {}).items()
        ]
        return found[: int(query.get("limit", len(found)))]

    def _patch(self, key: tuple[str, str, str], operations: list[Object]) -> None:
        try:
            raw = patched(self.objects[key], operations)
        except LookupError as error:
            raise Conflict(f"{key}: {error}") from error
        if raw.get("spec") != self.objects[key].get("spec"):
            raw["metadata"]["generation"] += 1
        self._store(key, raw)

    def _store(self, key: tuple[str, str, str], raw: Object) -> None:
        self._version += 1
        raw["metadata"]["resourceVersion"] = str(self._version)
        self.objects[key] = raw
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_soon(self.changed, key[0], copy.deepcopy(raw))


class MemoryApi(Api):
    """The operator's client, with lanes and all, on an API server in memory: each answer takes a turn of the loop."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__(Configuration(host="http://memory"))
        self.server = server

    async def _request(self, call: Any) -> Object:  # noqa: ANN401  (the client's own)
        await asyncio.sleep(0)
        return self.server.answer(call.method, call.path, call.query, call.body)
