"""What somebody does to a gateway or a route in the middle of a run: it waits, no weight moves, and it goes on once that is mended."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

from lab.api import Object
from tests.gateways.story import HALF
from tests.gateways.track import Track

Spoil = Callable[[Object], None]
"""Changes a spec so that the controller refuses it."""


def two_prefixes(spec: Object) -> None:
    """In an HTTPProxy."""
    spec["routes"][0]["conditions"] = [{"prefix": "/"}, {"prefix": "/more"}]


def unknown_filter(spec: Object) -> None:
    """In an HTTPRoute."""
    of = {"group": "example.org", "kind": "Nothing", "name": "nothing"}
    spec["rules"][0]["filters"] = [{"type": "ExtensionRef", "extensionRef": of}]


async def refused(track: Track, spoil: Spoil) -> None:
    """An edit of the route is refused by the controller, and taken back."""
    begin = time.time()
    good = await track.route()
    bad = copy.deepcopy(good["spec"])
    spoil(bad)
    await track.lab.api.patch(good, {"spec": bad})
    await track.waits("RouteNotAccepted")
    assert await track.weights() == HALF
    await track.lab.api.patch(good, {"spec": good["spec"]})
    await back(track, begin)


async def back(track: Track, begin: float) -> None:
    """The gateway serves the route again, and the run goes on; requests since `begin` may have failed."""
    acts = await track.at(HALF)
    track.outages.append((begin - 1, acts))
    await track.goes_on()
    track.counted(acts, await track.now(acts), "v3", HALF[1])
