"""Past the framework, a route's failures are still answered, and other requests still routed."""

from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import problems
from api.express import Express
from api.guards import Guard

FAILURES: dict[str, Exception] = {
    "ours": RuntimeError("a secret of the reporter"),
    "refused": problems.NotAuthenticated(),
    "crowded": PoolExhausted("a secret of the reporter"),
    "away": psycopg.errors.AdminShutdown("a secret of the reporter"),
    "row": psycopg.errors.NotNullViolation("a secret of the reporter"),
}


async def answer_or_fail(request: Request) -> Response:
    """As its path says."""
    name = request.path_params["name"]
    if name in FAILURES:
        raise FAILURES[name]
    return Response(name)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls an app with one route past the framework and one in it."""
    app = FastAPI()
    problems.install(app)
    fast = Route("/fast/{name}", answer_or_fail, methods=["PUT"])

    @app.get("/slow/{name}")
    async def slow(name: str) -> Response:
        raise FAILURES[name]

    stack = Express(app.build_middleware_stack(), fast)
    app.middleware_stack = Guard(stack, body_seconds=1, answer_seconds=5)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def test_a_route_is_found_by_its_path_and_method(client: httpx.AsyncClient) -> None:
    assert (await client.put("/fast/words")).text == "words"
    assert (await client.post("/fast/words")).status_code == 404
    assert (await client.put("/fast/words/more")).status_code == 404
    assert (await client.put("/fast/")).status_code == 404
    assert (await client.put("/slower/words")).status_code == 404


@pytest.mark.parametrize(
    ("name", "status"),
    [("ours", 500), ("refused", 401), ("crowded", 503), ("away", 503), ("row", 500)],
)
async def test_a_failure_is_the_same_problem_on_either_way(
    client: httpx.AsyncClient, name: str, status: int
) -> None:
    fast, slow = await client.put(f"/fast/{name}"), await client.get(f"/slow/{name}")

    assert (fast.status_code, slow.status_code) == (status, status)
    assert fast.headers["Content-Type"] == slow.headers["Content-Type"] == problems.PROBLEM_JSON
    assert fast.json() | {"request_id": None} == slow.json() | {"request_id": None}
    assert "secret" not in fast.text + slow.text
