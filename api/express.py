"""The way past the framework, for what is asked most often."""

from collections.abc import Sequence

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Express:
    """Hands the requests for some routes to them at once.

    To look for a route, and what the framework wraps round each request on the way to it, takes as
    long as to sign a receipt. A route for this reads its requests itself and has no dependencies;
    what it raises reaches the Guard, who must stand before.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self.app, self.routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self.routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.app(scope, receive, send)
                    return
        await self.app(scope, receive, send)
