"""The same app with one more route that takes a place and does nothing with it."""

from fastapi import FastAPI, Response

from api.app import from_environment
from api.areas.routes import router
from api.areas.schemas import LocateIn


@router.post("/empty")
async def take_nothing(_: LocateIn) -> Response:
    """Read the body, as `POST /v1/locate` does, and answer nothing."""
    return Response(b"{}", media_type="application/json")


def make() -> FastAPI:
    """The service of this environment, with `POST /v1/empty` among the routes of places."""
    return from_environment()
