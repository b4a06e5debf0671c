"""Saved views: validated like the queue's own questions, and nobody else's."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.views.routes import MOST_VIEWS
from geo.tables import Station
from tests.factories import caller, make_officer, make_report, make_station

VIEW: dict[str, Any] = {
    "name": "Ma túy khẩn",
    "filter": {
        "category": ["drugs", "weapons"], "urgency": [3], "bbox": "105.8,21.0,105.9,21.1",
        "q": "ma túy", "mine": True, "state": ["any"],
    },
}  # fmt: skip


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officer's station."""
    return make_station(engine)


@pytest.fixture
async def officer(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """A duty officer."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client


async def test_a_view_is_saved_changed_and_forgotten(officer: httpx.AsyncClient) -> None:
    made = await officer.post("/v1/views", json=VIEW)
    where = made.headers["location"]
    changed = await officer.put(where, json={"name": "Trễ hạn", "filter": {"overdue": True}})
    listed = await officer.get("/v1/views")
    gone = await officer.delete(where)
    again = await officer.delete(where)

    assert (made.status_code, changed.status_code) == (201, 200)
    assert {name: made.json()["filter"][name] for name in VIEW["filter"]} == VIEW["filter"]
    assert [each["id"] for each in listed.json()["items"]] == [made.json()["id"]]
    assert (changed.json()["name"], changed.json()["query"]) == ("Trễ hạn", "overdue=True")
    assert (gone.status_code, again.status_code) == (204, 404)
    assert (await officer.get("/v1/views")).json()["items"] == []


async def test_a_views_query_is_a_question_to_the_queue(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    facts: dict[str, Any] = {"category": "drugs", "urgency": 3, "text": "Nghi mua bán ma túy."}
    make_report(engine, station, location="SRID=4326;POINT(105.85 21.02)", **facts)
    view = VIEW["filter"] | {"mine": False}
    made = await officer.post("/v1/views", json=VIEW | {"filter": view})

    answer = await officer.get(f"/v1/queue?{made.json()['query']}")

    assert len(answer.json()["items"]) == 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x", {"bbox": "1,2,3"}),
        ("x", {"urgency": [4]}),
        ("x", {"state": ["open"]}),
        ("x", {"kind": ["nonsense"]}),
        ("x", {"q": "x " * 11}),
        ("x", {"station_id": ["w-1"]}),
        ("x", {"cursor": "x"}),
        ("", {}),
        ("x" * 81, {}),
        ("x\u202e", {}),
    ],
)
async def test_a_view_that_the_queue_would_refuse_is_not_saved(
    officer: httpx.AsyncClient, name: str, kept: dict[str, object]
) -> None:
    answer = await officer.post("/v1/views", json={"name": name, "filter": kept})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


async def test_what_is_null_is_not_asked(officer: httpx.AsyncClient) -> None:
    answer = await officer.post(
        "/v1/views", json={"name": "x", "filter": {"q": None, "bbox": None}}
    )

    assert (answer.status_code, answer.json()["query"]) == (201, "")


async def test_views_are_ones_own(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    where = (await officer.post("/v1/views", json=VIEW)).headers["location"]

    async with caller(app, make_officer(engine, station)) as colleague:
        listed = await colleague.get("/v1/views")
        changed = await colleague.put(where, json=VIEW)
        deleted = await colleague.delete(where)
        nowhere = await colleague.put(f"/v1/views/{uuid.uuid4()}", json=VIEW)

    assert listed.json()["items"] == []
    assert {changed.status_code, deleted.status_code, nowhere.status_code} == {404}
    assert len((await officer.get("/v1/views")).json()["items"]) == 1


async def test_nobody_keeps_views_without_end(officer: httpx.AsyncClient) -> None:
    answers = [await officer.post("/v1/views", json=VIEW) for _ in range(MOST_VIEWS + 1)]

    assert {each.status_code for each in answers[:-1]} == {201}
    assert (answers[-1].status_code, answers[-1].json()["errors"][0]["code"]) == (422, "views")
