"""The same app with two more routes that take a place and do nothing with it."""

import os

from fastapi import FastAPI, Request, Response

from api.app import from_environment
from api.areas.routes import router
from api.areas.schemas import LocateIn
from api.lean import LeanRoute


@router.post("/empty")
async def take_nothing(_: LocateIn) -> Response:
    """Read the body as any route does, and answer nothing."""
    return Response(b"{}", media_type="application/json")


async def take_nothing_leanly(_: Request, __: LocateIn) -> Response:
    """Read the body as `POST /v1/locate` does, and answer nothing."""
    return Response(b"{}", media_type="application/json")


router.add_api_route(
    "/empty-lean", take_nothing_leanly, methods=["POST"], route_class_override=LeanRoute
)


def make() -> FastAPI:
    """The service of this environment, with `POST /v1/empty` among the routes of places."""
    return from_environment()


def make_counting() -> FastAPI:
    """The same, with limits that count every request and stop none."""
    os.environ["TINBAO_LIMITS__FACTOR"] = "1000"
    return from_environment()
