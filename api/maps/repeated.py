"""The route of tiles of cases: a map asks the same of each of a dozen tiles, and is read once."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response

from api.accounts.sessions import BEARER, COOKIE_SCHEME, session_token
from api.guards import StrictRoute
from api.maps.schemas import CaseTileAsked

Place = tuple[int, int, int]
Answer = Callable[[Request, Place, str, CaseTileAsked, str | None], Awaitable[Response]]

MOST_QUESTIONS, LONGEST_QUESTION = 1_000, 500
WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)


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


def repeated_by(answer: Answer) -> type[StrictRoute]:
    """A kind of route that hands what it knows to a function, and leaves the rest to FastAPI.

    Looking through a query takes FastAPI longer than anything else about a tile.
    """

    class RepeatedRoute(StrictRoute):
        """A route of tiles."""

        def get_route_handler(self) -> Any:
            """Answer a known question at once."""
            usual = super().get_route_handler()

            async def repeated(request: Request) -> Any:
                questions: Questions = request.app.state.case_tiles.questions
                asked, place = questions.find(request.scope["query_string"]), place_of(request)
                if asked is None or place is None:
                    return await usual(request)
                bearer, cookie = await BEARER(request), await COOKIE_SCHEME(request)
                token = await session_token(request, bearer, cookie)
                tag = request.headers.get("if-none-match")
                return await answer(request, place, token, asked, tag)

            return repeated

    return RepeatedRoute


def place_of(request: Request) -> Place | None:
    """The zoom, column and row of a path; None for one that FastAPI had better look at."""
    parts = [request.path_params[name] for name in ("z", "x", "y")]
    if not all(WHOLE.fullmatch(each) for each in parts):
        return None
    z, x, y = map(int, parts)
    return z, x, y
