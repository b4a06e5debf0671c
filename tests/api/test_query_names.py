"""A name that a route does not know is refused in its query, and so is one given twice."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel

from api import problems
from api.app import create_app
from api.guards import QueryNames, StrictRoute
from api.local.client import uuid7
from api.settings import Settings

UNKNOWN = {"code": "extra_forbidden", "pointer": "/query"}


class Asked(BaseModel):
    """A model of a query."""

    state: tuple[str, ...] = ()
    q: str | None = None


def page_of(cursor: str | None = None) -> str | None:
    """A dependency with a name of its own."""
    return cursor


def small_app() -> FastAPI:
    """Routes that know their names in every way there is."""
    app = FastAPI()
    problems.install(app)
    app.router.route_class = StrictRoute

    @app.get("/plain")
    async def plain(
        after: Annotated[str | None, Depends(page_of)],
        limit: int = 1,
        asked_by: Annotated[str | None, Query(alias="by")] = None,
        kinds: Annotated[list[str] | None, Query()] = None,
    ) -> list[Any]:
        return [after, limit, asked_by, kinds]

    @app.get("/model")
    async def model(asked: Annotated[Asked, Query()]) -> Asked:
        return asked

    return app


@pytest.fixture
async def caller() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls that app."""
    transport = httpx.ASGITransport(small_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest.mark.parametrize(
    "target",
    [
        "/plain", "/plain?", "/plain?limit=2&cursor=a&by=b&kinds=c", "/plain?kinds=a&kinds=b",
        "/model?state=a&state=b&q=c",
    ],
)  # fmt: skip
async def test_what_a_route_knows_is_taken(caller: httpx.AsyncClient, target: str) -> None:
    assert (await caller.get(target)).status_code == 200


@pytest.mark.parametrize(
    "target",
    ["/plain?limits=2", "/plain?asked_by=b", "/plain?limit=2&x", "/plain?Limit=2", "/model?Q=c"],
)
async def test_a_misspelt_name_is_refused(caller: httpx.AsyncClient, target: str) -> None:
    answer = await caller.get(target)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    [error] = answer.json()["errors"]
    assert error | UNKNOWN == error


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/plain?limit=2&limit=3", "limit"),
        ("/plain?cursor=a&cursor=a", "cursor"),
        ("/plain?by=a&kinds=c&by=", "by"),
        ("/model?q=a&q=b", "q"),
    ],
)
async def test_two_values_for_one_are_refused(
    caller: httpx.AsyncClient, target: str, name: str
) -> None:
    answer = await caller.get(target)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"/query/{name}", "given_twice")


def operations(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every operation of the service: its method and a path of it."""
    for path, found in create_app(settings).openapi()["paths"].items():
        if path.startswith("/v1/"):
            named = path.replace("{z}", "5").replace("{x}", "25").replace("{y}", "14")
            while "{" in named:
                before, _, rest = named.partition("{")
                named = before + str(uuid7()) + rest.partition("}")[2]
            for method in found:
                yield method.upper(), named


async def test_no_operation_takes_a_name_it_does_not_know(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    taken = []
    for method, path in operations(settings):
        answer = await client.request(method, path, params={"misspelt": "1"})
        codes = [each["code"] for each in answer.json().get("errors", [])]
        if answer.status_code != 422 or codes != ["extra_forbidden"]:
            taken.append((method, path, answer.status_code))

    assert taken == []


def test_the_document_and_the_routes_know_the_same_names() -> None:
    app = small_app()
    described = app.openapi()["paths"]
    [plain] = [each for each in app.routes if getattr(each, "path", "") == "/plain"]
    assert isinstance(plain, StrictRoute)

    names = QueryNames.of(plain.dependant)

    listed = {each["name"] for each in described["/plain"]["get"]["parameters"]}
    assert listed == names.single | names.several
    assert names.several == {"kinds"}
