"""The same app with one more route that takes a report and does nothing with it."""

from fastapi import FastAPI, Response

from api.app import from_environment
from api.guards import StrictRoute
from api.reports.schemas import ReportIn


def make() -> FastAPI:
    """The service of this environment, with `PUT /empty/{name}`."""
    app = from_environment()
    app.router.route_class = StrictRoute

    @app.put("/empty/{name}", status_code=201)
    async def take_nothing(name: str, _: ReportIn) -> Response:
        return Response(b'{"id": "' + name.encode() + b'"}', 201, media_type="application/json")

    app.router.routes.insert(0, app.router.routes.pop())  # found as soon as the reports' own
    return app
