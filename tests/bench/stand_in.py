"""Stands in for Prometheus, in a process of its own so that it shares no event loop with what is measured.

Every Rollout's query names it; the answer about a candidate is 0 until a switch is thrown, then 1, and about a baseline
always 0. It notes when it was asked about a candidate, and when the first bad answer left. `POST /switch/all`: bad for
everyone. `POST /switch/next`: bad from now on for whoever asks next. `POST /switch/good`: as at the start, and what was
noted is forgotten. `POST /breach/NAMESPACE/NAME`: bad from now on for this one. `POST /trouble/HOW` with a JSON list of
namespace/name: from now on queries of these `fail` with 500, or `hang`; `none` ends it. `GET /noted`: all that was noted.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import defaultdict

from aiohttp import web

ANYBODY = re.compile(r'namespace="([^"]+)",rollout="([^"]+)"')
CANDIDATE = re.compile(r'namespace="([^"]+)",rollout="([^"]+)",deployment="[^"]+-canary"')


class StandIn:
    def __init__(self) -> None:
        self.queries = 0
        self.how = "none"
        self.troubled: frozenset[str] = frozenset()
        self._forget()

    def _forget(self) -> None:
        self.everyone = False
        self.next_one = False
        self.switched = 0.0
        self.asked: defaultdict[str, list[float]] = defaultdict(list)
        self.bad: dict[str, float] = {}
        self.breached: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        given = await request.post() if request.method == "POST" else request.query
        self.queries += 1
        query = str(given["query"])
        whose = ANYBODY.search(query)
        if whose is not None and "/".join(whose.groups()) in self.troubled:
            if self.how == "hang":
                await asyncio.Event().wait()
            raise web.HTTPInternalServerError
        found = CANDIDATE.search(query)
        value = "0"
        if found is not None:
            key = "/".join(found.groups())
            value = self._value(key)
            self.asked[key].append(time.time())
        result = [{"metric": {}, "value": [time.time(), value]}]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        if value == "1":
            self.bad.setdefault(key, time.time())
        return web.json_response(body)

    def _value(self, key: str) -> str:
        if self.next_one and key not in self.bad:
            self.next_one = False
            return "1"
        return "1" if self.everyone or key in self.bad or key in self.breached else "0"

    async def breach(self, request: web.Request) -> web.Response:
        self.breached.add(f"{request.match_info['namespace']}/{request.match_info['name']}")
        return web.json_response({})

    async def trouble(self, request: web.Request) -> web.Response:
        self.how, self.troubled = request.match_info["how"], frozenset(await request.json())
        return web.json_response({})

    async def switch(self, request: web.Request) -> web.Response:
        match request.match_info["to"]:
            case "all":
                self.everyone = True
            case "next":
                self.next_one = True
            case _:
                self._forget()
        self.switched = time.time()
        return web.json_response({})

    async def noted(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"queries": self.queries, "switched": self.switched, "asked": self.asked, "bad": self.bad}
        )


def main() -> None:
    stand_in = StandIn()
    app = web.Application()
    app.add_routes(
        [
            web.get("/api/v1/query", stand_in.answer),
            web.post("/api/v1/query", stand_in.answer),
            web.post("/switch/{to}", stand_in.switch),
            web.post("/breach/{namespace}/{name}", stand_in.breach),
            web.post("/trouble/{how}", stand_in.trouble),
            web.get("/noted", stand_in.noted),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
