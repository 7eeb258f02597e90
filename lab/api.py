"""A small Kubernetes client for the lab: dicts in and out, every kind by discovery, over aiohttp.

The operator has its own adapter. This one is apart from it, so that tests do not check the operator by itself, and
light enough to be imported where start-up time counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

Object = dict[str, Any]  # what JSON gives: its shape is the API server's business

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_MANAGER = "lab"
UNAVAILABLE = 503
RELIST_SECONDS = 0.2  # a server that is restarting is not to be flooded
_LONG_LINE = 1 << 22  # one watch event is one line; objects go up to 1.5 MiB


class ApiError(Exception):
    """The API server said no: `status` is the HTTP code, `reason` Kubernetes' own word (NotFound, Conflict, Invalid)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Api:
    """One user at one API server, known by a token or, without one, by the certificate in `tls`; an async context manager."""

    def __init__(self, server: str, token: str, tls: ssl.SSLContext) -> None:
        self._server = server
        self._token = token
        self._tls = tls
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._server,
            headers={"Authorization": f"Bearer {self._token}"} if self._token else {},
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=64),
            timeout=_TIMEOUT,
            read_bufsize=_LONG_LINE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object; ApiError 404 when it is not there."""
        return await self.request("GET", await self._path(api_version, kind, namespace, name))

    async def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, None when it is not there."""
        try:
            return await self.get(api_version, kind, name, namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, api_version: str, kind: str, namespace: str | None = None, selector: str = "") -> list[Object]:
        """All objects of a kind (of all namespaces when none is given) whose labels match `selector`."""
        path = await self._path(api_version, kind, namespace)
        answer = await self.request("GET", path, query={"labelSelector": selector} if selector else {})
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"]]

    async def create(self, item: Object) -> Object:
        """Creates; ApiError 409 when it is there already."""
        return await self.request("POST", await self._path_of(item, named=False), item)

    async def apply(self, item: Object, *, manager: str = _MANAGER) -> Object:
        """Server-side apply, conflicts forced: what `manager` has not named is left alone."""
        query = {"fieldManager": manager, "force": "true"}
        return await self.request("PATCH", await self._path_of(item), item, "application/apply-patch+yaml", query)

    async def patch(self, item: Object, change: Mapping[str, Any], *, part: str = "") -> Object:
        """Merge patch of `item` (only its kind, name, namespace are used), of its subresource `part` when named."""
        path = await self._path_of(item) + (f"/{part}" if part else "")
        return await self.request("PATCH", path, change, "application/merge-patch+json")

    async def delete(self, item: Object, *, now: bool = False) -> None:
        """Deletes, in the background; not being there is fine. `now`: without a grace period."""
        body: Object = {"propagationPolicy": "Background"} | ({"gracePeriodSeconds": 0} if now else {})
        try:
            await self.request("DELETE", await self._path_of(item), body)
        except ApiError as error:
            if error.status != 404:
                raise

    async def watch(self, api_version: str, kind: str) -> AsyncIterator[tuple[str, Object]]:
        """Endless events: ("LISTED", the whole list) first and after every gap, else (ADDED | MODIFIED | DELETED, object)."""
        path = await self._path(api_version, kind, None)
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ApiError):
                listed = await self.request("GET", path)
                yield "LISTED", listed
                async for event in self._events(path, listed["metadata"]["resourceVersion"]):
                    if event["type"] == "ERROR":
                        break
                    yield event["type"], event["object"]
            await asyncio.sleep(RELIST_SECONDS)

    async def _events(self, path: str, since: str) -> AsyncIterator[Object]:
        query = {"watch": "true", "resourceVersion": since}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._open.get(path, params=query, timeout=timeout) as response:
            if response.status != 200:
                return
            async for line in response.content:
                yield json.loads(line)

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        """One request; ApiError when the answer is not 2xx, or (503 Unavailable) when there is none."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        try:
            async with self._open.request(method, path, data=data, headers=headers, params=query) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(UNAVAILABLE, "Unavailable", f"{method} {path}: {error!r}") from error
        if response.status >= 300:
            raise _refusal(response.status, text)
        return _parsed(text)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Api is used outside of its `async with`")
        return self._session

    async def _path_of(self, item: Object, *, named: bool = True) -> str:
        metadata = item["metadata"]
        name = metadata["name"] if named else ""
        return await self._path(item["apiVersion"], item["kind"], metadata.get("namespace"), name)

    async def _path(self, api_version: str, kind: str, namespace: str | None, name: str = "") -> str:
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        plural, namespaced = await self._plural(root, api_version, kind)
        place = f"/namespaces/{namespace}" if namespaced and namespace else ""
        return f"{root}{place}/{plural}" + (f"/{name}" if name else "")

    async def _plural(self, root: str, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._kinds:
            for resource in (await self.request("GET", root))["resources"]:
                if "/" not in resource["name"]:
                    self._kinds[api_version, resource["kind"]] = resource["name"], resource["namespaced"]
        try:
            return self._kinds[api_version, kind]
        except KeyError:
            raise ApiError(404, "NotServed", f"{api_version} {kind} is not served here") from None


def _parsed(text: str) -> Object:
    value = json.loads(text) if text.startswith("{") else {"text": text}
    return dict(value)


def _refusal(status: int, text: str) -> ApiError:
    answer = _parsed(text)
    return ApiError(status, str(answer.get("reason", "")), str(answer.get("message", answer.get("text", ""))))
