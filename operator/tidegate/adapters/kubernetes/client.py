"""The connection to the API server: plain objects in and out, a time-out on every call, errors already translated.

`kubernetes.aio`'s generic calls are used rather than its generated classes: they carry dicts unchanged (the generated
ones validate and copy each body), serve every group alike, and cost neither imports nor memory.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, Protocol, TypeAlias

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from tidegate.adapters.kubernetes.errors import NotServed, translated
from tidegate.adapters.kubernetes.lanes import Lanes
from tidegate.adapters.kubernetes.resources import COMMANDS, CONFIG_MAPS, EVENTS, ROLLOUTS, Resource
from tidegate.ports.errors import Missing, PortError, Rejected, Unavailable

JsonObject: TypeAlias = dict[str, Any]

CALL_TIMEOUT: Final = 5.0
"""Seconds for one object, waiting for a connection included: a revert's answer is known before the next guard is due."""
LIST_TIMEOUT: Final = 30.0
"""Seconds for one page of a list."""
OK: Final = 200
PAGE: Final = 500
"""Objects a page: what kubectl asks for."""


TOLD: Final = frozenset({COMMANDS, CONFIG_MAPS, EVENTS})
"""Kinds that only tell people something: no decision waits for a write of theirs."""


class CallObserver(Protocol):
    """Told of every call once it is over."""

    def __call__(self, verb: str, resource: str, outcome: str, seconds: float) -> None:
        """`outcome` is `ok` or the port error's name."""
        ...


def _nobody(verb: str, resource: str, outcome: str, seconds: float) -> None:
    """The observer when nobody looks."""


@dataclass(frozen=True)
class _Call:
    """One request, as `Api` makes it."""

    method: str
    path: str
    what: str
    """For messages, such as `patch HTTPRoute shop/checkout`."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    timeout: float | None = None
    """Seconds; `None` for what a call about one object may take."""

    @property
    def headers(self) -> dict[str, str]:
        if self.body is None:
            return {"Accept": "application/json"}
        content = "application/json-patch+json" if self.method == "PATCH" else "application/json"
        return {"Accept": "application/json", "Content-Type": content}


class Api:
    """Calls to the Kubernetes API. Raises only `ports.errors`."""

    def __init__(
        self, configuration: Configuration, observer: CallObserver = _nobody, timeout: float = CALL_TIMEOUT
    ) -> None:
        """`timeout` is in seconds, for a call about one object."""
        self.configuration = configuration
        self._client = ApiClient(configuration)
        self._client.user_agent = f"tidegate/{version('tidegate')}"
        self._observer = observer
        self._timeout = timeout
        self._lanes = Lanes()
        self._served: dict[Resource, Resource] = {}
        """Kinds with several versions, in the one that was found to be served."""
        self.last_answer = time.monotonic()
        """When the API server last answered anything at all, on `time.monotonic`'s clock."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """One object, read live; `namespace` is `None` for one in none."""
        placed = f"{namespace}/{name}" if namespace else name

        async def call(one: Resource) -> JsonObject:
            return await self._observed(
                "get", resource, _Call("GET", one.path(namespace, name), f"get {resource.kind} {placed}")
            )

        return await self._in_version(resource, call)

    async def pages(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[list[JsonObject]]:
        """The objects of a namespace (`None`: of the cluster), a page at a time."""
        what = f"list {resource.kind} in {namespace or 'the cluster'}"
        asked = {"limit": str(PAGE), **(query or {})}
        one = await self._version(resource)
        while True:
            call = _Call("GET", one.path(namespace), what, asked, timeout=LIST_TIMEOUT)
            page = await self._observed("list", resource, call)
            yield page.get("items") or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            asked = {**asked, "continue": token}

    async def listed(self, resource: Resource, namespace: str | None, query: Mapping[str, str]) -> JsonObject:
        """The whole list of few objects, with the `resourceVersion` from which a watch goes on."""
        what = f"list {resource.kind} in {namespace or 'the cluster'}"
        call = _Call("GET", resource.path(namespace), what, query, timeout=LIST_TIMEOUT)
        return await self._observed("list", resource, call)

    async def events(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str], *, seconds: float
    ) -> AsyncIterator[JsonObject]:
        """The events of a watch, until the API server ends it after so many seconds."""
        what = f"watch {resource.kind} in {namespace or 'the cluster'}"
        asked = {**query, "watch": "true", "timeoutSeconds": f"{seconds:.0f}"}
        call = _Call("GET", resource.path(namespace), what, asked, timeout=seconds + CALL_TIMEOUT)
        with translated(what):
            response = await self._send(call)
            try:
                if response.status != OK:
                    await response.read()
                    self._client.response_deserialize(response, {"2XX": "object"})
                async for line in response.response.content:
                    self.last_answer = time.monotonic()
                    event = json.loads(line)
                    if isinstance(event, dict):
                        yield event
            finally:
                response.response.close()

    async def create(self, resource: Resource, namespace: str | None, body: JsonObject, *, manager: str) -> JsonObject:
        """Creates an object; returns it as stored."""
        what = f"create {resource.kind} in {namespace or 'the cluster'}"
        call = _Call("POST", resource.path(namespace), what, {"fieldManager": manager}, body)
        return await self._observed("create", resource, call)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[JsonObject],
        *,
        manager: str,
        subresource: str | None = None,
        strict: bool = False,
    ) -> JsonObject:
        """Applies a JSON patch; returns the object as stored. A `test` that fails is a `Conflict`.

        With `strict` a field that the object's definition does not know is refused, instead of being left out.
        """
        what = f"patch {resource.kind} {namespace}/{name}"

        async def call(one: Resource) -> JsonObject:
            path = one.path(namespace, name, subresource)
            query = {"fieldManager": manager, **({"fieldValidation": "Strict"} if strict else {})}
            patch = _Call("PATCH", path, what, query, list(operations))
            return await self._observed("patch", resource, patch)

        return await self._in_version(resource, call)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Deletes an object; one that is gone already is no error."""
        call = _Call("DELETE", resource.path(namespace, name), f"delete {resource.kind} {namespace}/{name}")
        with suppress(Missing):
            await self._observed("delete", resource, call)

    async def serves(self, resource: Resource) -> bool:
        """Whether the API server's discovery lists a kind: an error about one object says nothing about the kind.

        Raises: Rejected, Unavailable.
        """
        return await self.served(resource) is not None

    async def served(self, resource: Resource) -> Resource | None:
        """The kind in the first of its versions that the API server's discovery lists; `None` when it lists none.

        Raises: Rejected, Unavailable.
        """
        for one in resource.versions:
            if await self._lists(one):
                self._served[resource] = one
                return one
        self._served.pop(resource, None)
        return None

    async def _in_version(self, resource: Resource, call: Callable[[Resource], Awaitable[JsonObject]]) -> JsonObject:
        """Calls in the version that is served; a kind that has moved to another one meanwhile is called again in that."""
        one = await self._version(resource)
        try:
            return await call(one)
        except NotServed:
            self._served.pop(resource, None)
            again = await self._version(resource)
            if again == one:
                raise
            return await call(again)

    async def _version(self, resource: Resource) -> Resource:
        """The kind in the version to call it in; where discovery does not tell, in the first."""
        if not resource.older:
            return resource
        if resource not in self._served:
            with suppress(PortError):
                await self.served(resource)
        return self._served.get(resource, resource.versions[0])

    async def _lists(self, resource: Resource) -> bool:
        root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
        try:
            found = await self._request(_Call("GET", root, f"discover {resource.api_version}"))
        except (Missing, Rejected) as error:
            groups = await self._request(_Call("GET", "/apis", "discover the API groups"))
            named = [group for group in groups.get("groups") or () if group.get("name") == resource.group]
            versions = [version.get("version") for group in named for version in group.get("versions") or ()]
            if resource.version in versions:
                raise Unavailable(f"discovery of {resource.api_version}: {error}") from error
            return False
        return any(one.get("name") == resource.plural for one in found.get("resources") or ())

    async def ping(self) -> None:
        """Asks the least there is to ask, to know whether the API server answers us."""
        await self._request(_Call("GET", "/version", "ask for the API server's version"))

    async def _observed(self, verb: str, resource: Resource, call: _Call) -> JsonObject:
        started = time.monotonic()
        outcome = "ok"
        try:
            async with self._lane(resource, call):
                return await self._request(call)
        except PortError as error:
            outcome = Rejected.__name__ if isinstance(error, Rejected) else type(error).__name__
            raise
        finally:
            self._observer(verb, resource.plural, outcome, time.monotonic() - started)

    def _lane(self, resource: Resource, call: _Call) -> AbstractAsyncContextManager[None]:
        """Weights and templates first, then the records of Rollouts, then whatever else there is."""
        if resource in TOLD:
            # These come in hundreds: all of a namespace take one turn among the objects.
            return self._lanes.patient(call.path.partition(f"/{resource.plural}")[0])
        if call.method != "PATCH":
            return self._lanes.patient(call.path)
        return self._lanes.record(call.path) if resource == ROLLOUTS else self._lanes.first()

    async def _request(self, call: _Call) -> JsonObject:
        with translated(call.what):
            response = await self._send(call)
            await response.read()
            self.last_answer = time.monotonic()
            found: object = self._client.response_deserialize(response, {"2XX": "object"}).data
        if not isinstance(found, dict):
            raise Unavailable(f"{call.what}: the answer is not a JSON object")
        return found

    async def _send(self, call: _Call) -> Any:  # noqa: ANN401  (the client's own type)
        """The answer, of which nothing has been read."""
        _, url, headers, _, _ = await self._client.param_serialize(
            method=call.method,
            resource_path=call.path,
            query_params=list(call.query.items()),
            header_params=call.headers,
            auth_settings=["BearerToken"],
        )
        return await self._client.call_api(
            call.method, url, headers, call.body, _request_timeout=call.timeout or self._timeout
        )
