"""The way past the framework for tiles: a map asks the same of each of a dozen tiles."""

import re
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.maps.schemas import CaseTileAsked

Place = tuple[int, int, int]
"""Zoom, column and row."""
Known = Callable[[Request, Place], Awaitable[Response | None]]

LONGEST_QUESTION, MOST_QUESTIONS = 500, 1_000


class Questions:
    """Queries that were found good before, as they were written, and what they ask.

    To be remembered, one must have been answered: so it takes a session.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, CaseTileAsked] = {}

    def find(self, query: bytes) -> CaseTileAsked | None:
        """What a query asks, if it was asked before."""
        return self._found.get(query)

    def keep(self, query: bytes, asked: CaseTileAsked) -> None:
        """Remember what a query asks."""
        if len(query) > LONGEST_QUESTION:
            return
        if len(self._found) >= MOST_QUESTIONS:
            self._found.clear()
        self._found[query] = asked


class Repeated:
    """Asks `known` for the answer to a request for a tile of a layer.

    What it does not know is left to the framework: to look for a route and through a query takes
    that longer than anything else about a tile. What is raised here reaches the Guard, who must
    stand before.
    """

    def __init__(self, app: ASGIApp, route: BaseRoute, layer: str, known: Known) -> None:
        self.app, self.route, self.known = app, route, known
        numbers = "/".join(["([0-9]{1,6})"] * 3)
        self.path = re.compile(rf"/v1/tiles/{layer}/{numbers}\.mvt", re.ASCII)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] == "GET"
        found = self.path.fullmatch(scope["path"]) if asked else None
        if found is not None:
            scope["route"] = self.route
            z, x, y = map(int, found.groups())
            response = await self.known(Request(scope, receive), (z, x, y))
            if response is not None:
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)
