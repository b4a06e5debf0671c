"""Reports at the desk, on the phone, in letters: the same way in, in the same book."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from tests.factories import caller, make_officer
from tests.town import IN_NORTH, IN_SOUTH, Town, report

NAME, PHONE = "Trần Thị Canary", "+84912345678"


def written(where: tuple[float, float] = IN_SOUTH, **changed: Any) -> dict[str, Any]:
    """What an officer types."""
    made = report(where) | {"id": str(uuid.uuid4()), "channel": "walk_in"}
    return made | changed


@pytest.fixture
def token(engine: Engine, town: Town) -> str:
    """An officer of the south ward."""
    return make_officer(engine, "w-00001")


async def taken(app: FastAPI, token: str, body: dict[str, Any]) -> httpx.Response:
    """The answer to an officer who writes something down."""
    async with caller(app, token) as client:
        return await client.post("/v1/cases", json=body)


async def test_what_walks_in_is_in_the_book_at_once(
    unlimited_app: FastAPI, engine: Engine, token: str
) -> None:
    answer = await taken(unlimited_app, token, written(contact={"name": NAME, "phone": PHONE}))

    assert answer.status_code == 201, answer.text
    case = answer.json()["case"]
    assert (case["state"], case["channel"], case["relation"]) == (
        "acknowledged", "walk_in", "owner",
    )  # fmt: skip
    assert case["register_number"]
    assert NAME not in answer.text
    with engine.connect() as connection:
        kept = connection.execute(
            text("""
                select r.taken_by, r.reporter_kind, c.sealed is not null as sealed from reports r
                left join sealed_contacts c using (case_id) where case_id = :case_id
            """),
            {"case_id": case["case_id"]},
        ).one()
        actions = connection.scalars(
            text("select action from audit_events where object_id = :id"), {"id": case["case_id"]}
        ).all()
    assert kept.taken_by is not None
    assert (kept.reporter_kind, kept.sealed) == ("anonymous", True)
    assert {"report.received", "report.written_down", "report.acknowledged"} <= set(actions)


async def test_the_person_follows_it_with_the_code_they_take_home(
    unlimited_app: FastAPI, token: str
) -> None:
    answer = (await taken(unlimited_app, token, written())).json()

    async with caller(unlimited_app) as client:
        opened = await client.post("/v1/receipts", json={"code": answer["receipt"]["code"]})

    assert opened.status_code == 200
    assert opened.json()["report"]["state"] == "acknowledged"
    assert opened.json()["report"]["id"] not in json.dumps(answer)


async def test_the_same_again_is_the_same_case(unlimited_app: FastAPI, token: str) -> None:
    body = written()

    answers = await asyncio.gather(*(taken(unlimited_app, token, body) for _ in range(6)))
    other = await taken(unlimited_app, token, body | {"text": "Chuyện khác."})

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201}
    assert len({answer.json()["case"]["case_id"] for answer in answers}) == 1
    assert len({answer.json()["receipt"]["code"] for answer in answers}) == 1
    assert other.status_code == 409
    assert other.json()["code"] == "report-id-reused"


async def test_another_stations_case_goes_there_and_is_not_shown(
    unlimited_app: FastAPI, engine: Engine, token: str
) -> None:
    body = written(IN_NORTH, text="Chuyện ở phường bên.", channel="phone")

    answer = (await taken(unlimited_app, token, body)).json()

    assert answer["case"] is None
    assert answer["routing"]["station"]["id"] == "w-00002"
    async with caller(unlimited_app, make_officer(engine, "w-00002")) as client:
        items = (await client.get("/v1/queue")).json()["items"]
    assert [(c["channel"], c["state"]) for c in items if c["text"] == body["text"]] == [
        ("phone", "received")
    ]


async def test_a_complaint_about_the_police_is_not_the_desks(
    unlimited_app: FastAPI, token: str
) -> None:
    answer = await taken(unlimited_app, token, written(kind="complaint_about_police"))

    assert answer.status_code == 201
    assert answer.json()["case"] is None
    assert "Location" not in answer.headers
    assert "ETag" not in answer.headers
    assert answer.json()["routing"]["station"]["kind"] == "oversight"


async def test_the_answer_says_where_the_case_is_and_in_which_version(
    unlimited_app: FastAPI, token: str
) -> None:
    answer = await taken(unlimited_app, token, written())

    case = answer.json()["case"]
    assert answer.headers["Location"] == f"/v1/cases/{case['case_id']}"
    assert answer.headers["ETag"] == f'"{case["version"]}"'


async def test_two_stations_may_use_one_id(
    unlimited_app: FastAPI, engine: Engine, token: str
) -> None:
    body = written()

    here = await taken(unlimited_app, token, body)
    there = await taken(unlimited_app, make_officer(engine, "w-00002"), body)

    assert (here.status_code, there.status_code) == (201, 201)
    assert here.json()["receipt"]["code"] != there.json()["receipt"]["code"]


@pytest.mark.parametrize("changed", [{"channel": "app"}, {"channel": None}, {"id": "1"}, {"x": 1}])
async def test_odd_forms_are_refused(
    unlimited_app: FastAPI, token: str, changed: dict[str, Any]
) -> None:
    assert (await taken(unlimited_app, token, written() | changed)).status_code == 422
