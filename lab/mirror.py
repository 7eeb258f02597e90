"""What the API server has of one kind, kept up to date by a watch: the lab's node and gateway read from mirrors."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from lab.api import Api, Object

Key = tuple[str, str]  # namespace, name


class Mirror:
    """An async context manager: inside it `objects` is complete, and `changed` is set whenever it becomes another."""

    def __init__(self, api: Api, api_version: str, kind: str, changed: asyncio.Event) -> None:
        self._api = api
        self._what = api_version, kind
        self._changed = changed
        self._listed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.objects: dict[Key, Object] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        await self._listed.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        async for event, item in self._api.watch(*self._what):
            match event:
                case "LISTED":
                    self.objects = {key(listed): listed for listed in item["items"]}
                    self._listed.set()
                case "DELETED":
                    self.objects.pop(key(item), None)
                case _:
                    self.objects[key(item)] = item
            self._changed.set()


def key(item: Object) -> Key:
    """What tells an object from others of its kind."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
