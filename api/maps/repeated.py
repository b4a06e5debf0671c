"""The way past the framework for tiles of cases: a map asks the same of each of a dozen tiles."""

import re
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.accounts.sessions import BEARER, COOKIE_SCHEME, session_token
from api.maps.schemas import CaseTileAsked

Place = tuple[int, int, int]
Answer = Callable[[Request, Place, str, CaseTileAsked, str | None], Awaitable[Response]]

TILE = re.compile(r"/v1/tiles/cases/([0-9]{1,2})/([0-9]{1,6})/([0-9]{1,6})\.mvt", re.ASCII)
MOST_QUESTIONS, LONGEST_QUESTION = 1_000, 500


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
    """Answers a question about a tile that was asked before, and leaves the rest to the framework.

    To look through a query takes that longer than anything else about a tile. What is raised here
    reaches the Guard, who must stand before.
    """

    def __init__(self, app: ASGIApp, route: BaseRoute, answer: Answer) -> None:
        self.app, self.route, self.answer = app, route, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = known_to(scope) if scope["type"] == "http" else None
        if known is None:
            await self.app(scope, receive, send)
            return
        place, asked = known
        scope["route"] = self.route
        request = Request(scope, receive)
        token = await session_token(request, await BEARER(request), await COOKIE_SCHEME(request))
        tag = request.headers.get("if-none-match")
        response = await self.answer(request, place, token, asked, tag)
        await response(scope, receive, send)


def known_to(scope: Scope) -> tuple[Place, CaseTileAsked] | None:
    """The place and the question of a request for a tile, if the question was asked before."""
    found = TILE.fullmatch(scope["path"]) if scope["method"] == "GET" else None
    if found is None:
        return None
    questions: Questions = scope["app"].state.case_tiles.questions
    asked = questions.find(scope["query_string"])
    z, x, y = map(int, found.groups())
    return None if asked is None else ((z, x, y), asked)
