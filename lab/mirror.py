"""What the API server has of one kind, kept up to date by a watch: the lab's node and gateway read from mirrors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from lab.tasks import Tasks

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
        self._tasks = Tasks()
        self.objects: dict[Key, Object] = {}

    async def __aenter__(self) -> Self:
        following = self._tasks.start(self._follow())
        listed = asyncio.ensure_future(self._listed.wait())
        await asyncio.wait({following, listed}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            listed.cancel()
            following.result()  # raises what ended it
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.end()

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
