"""Where a place is: the answer, what is refused, and the route that is read without FastAPI."""

from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel

from api.app import create_app
from api.areas.answers import answers_by
from api.areas.schemas import LocateIn, LocateOut
from api.guards import StrictRoute
from api.lean import LeanRoute
from api.reports.routing import (
    candidates_answer,
    edition_answer,
    station_answer,
    ward_answer,
)
from api.settings import LimitSettings, Settings
from geo.routing import Place, route
from geo.tables import NATIONAL_DESK_ID
from tests.factories import caller
from tests.town import AT_SEA, IN_NORTH, IN_SOUTH, ON_BORDER, Town

ABROAD = (2.35, 48.86)
SPOTS = [IN_NORTH, IN_SOUTH, ON_BORDER, AT_SEA, ABROAD]


@pytest.mark.parametrize("accuracy_m", [None, 25.0, 900.0, 50_000.0])
@pytest.mark.parametrize("spot", SPOTS)
async def test_the_answer_is_what_its_schema_writes(
    unlimited: httpx.AsyncClient,
    unlimited_app: FastAPI,
    town: Town,
    spot: tuple[float, float],
    accuracy_m: float | None,
) -> None:
    lon, lat = spot
    atlas = unlimited_app.state.atlases.at(unlimited_app.state.atlases.refreshed_at)
    found = route(atlas, Place(lon, lat, accuracy_m, "pin"))
    expected = LocateOut.model_validate(
        {
            "ward": ward_answer(atlas, found.ward_code),
            "station": station_answer(atlas, found.owner_station_id),
            "edition": edition_answer(atlas),
            "confidence": found.confidence,
            "candidates": candidates_answer(atlas, found),
            "distance_to_border_m": found.distance_to_border_m,
            "flags": found.flags,
        }
    )

    body = {"lon": lon, "lat": lat} | ({} if accuracy_m is None else {"accuracy_m": accuracy_m})
    answer = await unlimited.post("/v1/locate", json=body)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == expected.model_dump_json().encode()


async def test_a_place_in_a_ward_names_it(unlimited: httpx.AsyncClient, town: Town) -> None:
    answer = await unlimited.post("/v1/locate", json={"lon": IN_SOUTH[0], "lat": IN_SOUTH[1]})

    assert answer.json()["ward"]["code"] == town.south
    assert answer.json()["candidates"][0]["ward_code"] == town.south


async def test_before_the_first_edition_the_national_desk_answers(
    unlimited: httpx.AsyncClient, town: Town
) -> None:
    place = {"lon": IN_SOUTH[0], "lat": IN_SOUTH[1], "at": "1999-01-01T00:00:00+07:00"}

    answer = (await unlimited.post("/v1/locate", json=place)).json()

    assert answer["station"]["id"] == NATIONAL_DESK_ID
    assert (answer["ward"], answer["edition"], answer["candidates"]) == (None, None, [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid-request"),
        (b"null", 422, "invalid-request"),
        (b"[]", 422, "invalid-request"),
        (b"{", 400, "malformed-request"),
        (b'{"lon": 105.8, "lon": 105.8, "lat": 21.0}', 400, "malformed-request"),
        (b'{"lon": NaN, "lat": 21.0}', 422, "invalid-request"),
        (b'{"lon": NaN, "lat"', 400, "malformed-request"),
        (b'{"lon": 105.8}', 422, "invalid-request"),
        (b'{"lon": "105.8", "lat": 21.0}', 422, "invalid-request"),
        (b'{"lon": 105.8, "lat": 21.0, "more": 1}', 422, "invalid-request"),
        (b'{"lon": 105.8, "lat": 21.0, "at": "2026-01-01"}', 422, "invalid-request"),
        (b'{"lon": 21.0, "lat": 105.8}', 422, "coordinates-swapped"),
    ],
)
async def test_a_bad_body_is_refused_as_every_route_refuses_it(
    unlimited: httpx.AsyncClient, settings: Settings, body: bytes, status: int, code: str
) -> None:
    usual = create_app(settings.model_copy(update={"limits": LimitSettings(factor=0)}))
    usual.router.route_class = StrictRoute

    @usual.post("/usual")
    async def take(_: LocateIn) -> Response:
        return Response()

    json = {"Content-Type": "application/json"}
    answer = await unlimited.post("/v1/locate", content=body, headers=json)
    async with caller(usual) as somebody:
        reference = await somebody.post("/usual", content=body, headers=json)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    ours, theirs = answer.json(), reference.json()
    assert ours.pop("request_id") != theirs.pop("request_id")
    assert ours == theirs


async def test_an_address_may_ask_so_often_and_then_waits(
    app: FastAPI, town: Town, settings: Settings
) -> None:
    few = create_app(settings.model_copy(update={"limits": LimitSettings(factor=0.005)}))
    place = {"lon": IN_SOUTH[0], "lat": IN_SOUTH[1]}

    async with few.router.lifespan_context(few), caller(few) as somebody, caller(few) as other:
        statuses = [(await somebody.post("/v1/locate", json=place)).status_code for _ in range(4)]
        refused = await somebody.post("/v1/locate", json=place)
        stranger = await other.post("/v1/locate", json=place)

    assert statuses == [200, 200, 200, 429]
    assert int(refused.headers["retry-after"]) > 0
    assert stranger.status_code == 200


async def test_another_atlas_writes_other_answers(unlimited_app: FastAPI, town: Town) -> None:
    atlas = unlimited_app.state.atlases.at(unlimited_app.state.atlases.refreshed_at)
    place = Place(*IN_SOUTH, None, "pin")
    answers_by(atlas).located(route(atlas, place))

    before_any = answers_by(None).located(route(None, place))

    assert LocateOut.model_validate_json(before_any).edition is None


class Body(BaseModel):
    """Some body."""

    name: str


def test_a_lean_route_takes_nothing_but_a_request_and_a_body() -> None:
    router = APIRouter(route_class=LeanRoute)

    async def asks_for_more(request: Request, body: Body, page: int = Query()) -> Response:
        return Response()

    async def asks_for_no_model(request: Request, body: dict[str, Any]) -> Response:
        return Response()

    with pytest.raises(TypeError, match="asks_for_more"):
        router.post("/more")(asks_for_more)
    with pytest.raises(TypeError, match="asks_for_no_model"):
        router.post("/none")(asks_for_no_model)
