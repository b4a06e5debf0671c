"""The way past the framework, for what is asked most often."""

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Express:
    """Hands the requests for a route to it at once. Its path ends in its only parameter.

    To look for a route, and what the framework wraps round each request on the way to it, takes as
    long as to sign a receipt. A route for this reads its requests itself and has no dependencies;
    what it raises reaches the Guard, who must stand before.
    """

    def __init__(self, app: ASGIApp, route: Route) -> None:
        self.app, self.route = app, route
        self.methods = frozenset(route.methods or ())
        self.prefix, self.name = route.path.removesuffix("}").split("{")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in self.methods:
            before, _, named = scope["path"].partition(self.prefix)
            if named and not before and "/" not in named:
                scope["route"], scope["path_params"] = self.route, {self.name: named}
                await self.route.app(scope, receive, send)
                return
        await self.app(scope, receive, send)
