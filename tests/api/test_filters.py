"""What the queue can be asked: places, words, whose, deadlines; and the place each case gives."""

import datetime as dt
import unicodedata
import uuid
from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from api.accounts.tables import ReporterKind, StaffSession
from api.clock import now_asked
from api.reports.tables import Report, State
from api.secrets import token_hash
from geo.tables import Station
from tests.factories import NOON, caller, make_officer, make_report, make_station

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officer's station."""
    return make_station(engine)


@pytest.fixture
def token(engine: Engine, station: Station) -> str:
    """A duty officer's session."""
    return make_officer(engine, station)


@pytest.fixture
def me(engine: Engine, token: str) -> uuid.UUID:
    """The duty officer."""
    query = select(StaffSession.staff_id).where(StaffSession.token_hash == token_hash(token))
    with Session(engine) as session:
        return session.scalars(query).one()


@pytest.fixture
async def officer(app: FastAPI, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """The duty officer's client."""
    async with caller(app, token) as client:
        yield client


async def found(client: httpx.AsyncClient, asked: str) -> set[str]:
    answer = await client.get(f"/v1/queue?{asked}")
    assert answer.status_code == 200, answer.text
    return {item["case_id"] for item in answer.json()["items"]}


def ids(*reports: Report) -> set[str]:
    return {str(each.case_id) for each in reports}


async def test_values_of_one_name_are_alternatives_and_names_must_all_fit(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    theft = make_report(engine, station, category="theft", urgency=2)
    drugs = make_report(engine, station, category="drugs", urgency=3)
    crime = make_report(engine, station, category="drugs", urgency=3, kind="crime_report")
    noise = make_report(engine, station, confidence="uncertain")

    assert await found(officer, "category=theft&category=drugs") == ids(theft, drugs, crime)
    assert await found(officer, "category=drugs&kind=crime_report") == ids(crime)
    assert await found(officer, "urgency=2&urgency=1") == ids(theft, noise)
    assert await found(officer, "confidence=uncertain&confidence=outside") == ids(noise)
    assert await found(officer, "state=received&state=need_info&urgency=1") == ids(noise)


async def test_a_box_holds_what_is_located_in_it(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    inside = make_report(engine, station, location="SRID=4326;POINT(105.85 21.02)")
    corner = make_report(engine, station, location="SRID=4326;POINT(105.8 21.0)")
    make_report(engine, station, location="SRID=4326;POINT(105.95 21.02)")
    make_report(engine, station, location=None)
    other = make_station(engine)
    told = make_report(
        engine, other, informed=(station.id,), location="SRID=4326;POINT(105.81 21.01)"
    )

    assert await found(officer, "bbox=105.8,21.0,105.9,21.1") == ids(inside, corner, told)
    assert await found(officer, "bbox=105.84999,21.01999,105.85001,21.02001") == ids(inside)
    assert await found(officer, "bbox=-180,-90,180,90&urgency=1") >= ids(inside, corner, told)


@pytest.mark.parametrize(
    "box",
    [
        "", "1,2,3", "1,2,3,4,5", "a,b,c,d", "3,2,1,4", "1,4,3,2", "1,2,1,4", "nan,0,1,1",
        "-inf,0,1,1", "0,0,181,1", "0,-91,1,1", "1,,2,3", "0,0,1e999,1", "１,2,3,x",
    ],
)  # fmt: skip
async def test_an_odd_box_is_a_422(officer: httpx.AsyncClient, box: str) -> None:
    answer = await officer.get("/v1/queue", params={"bbox": box or " "})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/bbox"
    assert answer.json()["errors"][0]["code"] == "bbox"


@pytest.mark.parametrize("path", ["queue", "exports/cases.csv", "tiles/cases/9/407/225.mvt"])
async def test_a_name_that_is_no_filter_is_a_422(officer: httpx.AsyncClient, path: str) -> None:
    answer = await officer.get(f"/v1/{path}", params={"catgory": "theft"})

    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert (error["pointer"], error["code"]) == ("/query", "extra_forbidden")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "words", ["ma túy", "ma tuy", "MA TÚY", "túy  ma", "Nghi đường dây", "duong DAY", "cau giay"]
)
async def test_words_are_found_however_they_are_written(
    officer: httpx.AsyncClient,
    engine: Engine,
    station: Station,
    words: str,
    form: Literal["NFC", "NFD"],
) -> None:
    told = "Nghi đường dây mua bán MA TÚY trong ngõ."
    kept = make_report(
        engine,
        station,
        text=unicodedata.normalize("NFC", told),
        place_note="Gần Cầu Giấy",
    )
    make_report(engine, station)

    answer = await officer.get("/v1/queue", params={"q": unicodedata.normalize(form, words)})

    assert [each["case_id"] for each in answer.json()["items"]] == [str(kept.case_id)]


async def test_every_word_must_occur_and_signs_mean_themselves(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    sure = make_report(engine, station, text=r"Giảm giá 100% ở a_b\c 'x'")
    make_report(engine, station, text="Giảm giá 100 ở abbc")

    for words in ("100%", "a_b", r"b\c", "'x'", "giam 100%"):
        answer = await officer.get("/v1/queue", params={"q": words})
        assert [each["case_id"] for each in answer.json()["items"]] == [str(sure.case_id)], words
    assert await found(officer, "q=giam%20mua") == set()


async def test_a_register_number_is_found(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    entered = make_report(
        engine, station, state=State.ACKNOWLEDGED, register_year=2026, register_number=12
    )
    make_report(engine, station, state=State.ACKNOWLEDGED, register_year=2025, register_number=13)

    assert await found(officer, "q=12/2026") == ids(entered)
    assert await found(officer, "q=12") == ids(entered)
    assert await found(officer, "q=12/2025") == set()
    assert await found(officer, "q=karaoke%2012/2026") == ids(entered)


async def test_closed_cases_are_found_when_asked_for_the_newest_first(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    states = [State.RESOLVED, State.RECEIVED, State.WITHDRAWN, State.NEED_INFO, State.RESOLVED]
    made = [
        make_report(engine, station, state=state, urgency=1 + n % 3, received_at=NOON + n * HOUR)
        for n, state in enumerate(states)
    ]
    link, paged = "/v1/queue?state=any&q=karaoke&limit=2", []

    while link:
        answer = await officer.get(link)
        paged += [item["case_id"] for item in answer.json()["items"]]
        assert {item["order"]["rule"] for item in answer.json()["items"]} == {"newest"}
        link = answer.headers.get("link", "").partition(">")[0].removeprefix("<")

    assert paged == [str(each.case_id) for each in reversed(made)]
    assert await found(officer, "q=karaoke") == ids(made[1], made[3])
    assert await found(officer, "state=resolved&state=withdrawn") == ids(made[0], made[2], made[4])


async def test_mine_is_what_i_claimed_or_was_given(
    officer: httpx.AsyncClient, engine: Engine, station: Station, me: uuid.UUID
) -> None:
    soon = dt.datetime.now(dt.UTC) + HOUR
    claimed = make_report(engine, station, claimed_by=me, claimed_until=soon)
    given = make_report(engine, station, assignee_id=me)
    make_report(engine, station, claimed_by=me, claimed_until=soon - 2 * HOUR)
    make_report(engine, station)

    assert await found(officer, "mine=true") == ids(claimed, given)


async def test_overdue_is_past_its_deadline(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    late = make_report(engine, station, due_at=NOON - HOUR)
    make_report(engine, station, due_at=NOON + HOUR)
    make_report(engine, station)
    app.dependency_overrides[now_asked] = lambda: dt.datetime.now(dt.UTC)
    try:
        assert await found(officer, "overdue=true") >= ids(late)
    finally:
        del app.dependency_overrides[now_asked]
    future = make_report(engine, station, due_at=dt.datetime.now(dt.UTC) + HOUR)
    assert not await found(officer, "overdue=true") & ids(future)


async def test_each_case_says_why_it_stands_where_it_does(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    due = dt.datetime(2026, 11, 22, 5, 18, 41, tzinfo=dt.UTC)
    make_report(engine, station, urgency=3, due_at=due, reporter_kind=ReporterKind.ANONYMOUS)
    make_report(
        engine, station, urgency=2, due_at=due, reporter_kind=ReporterKind.ACCOUNT,
    )  # fmt: skip

    items = (await officer.get("/v1/queue")).json()["items"]

    anonymous, account = (item["order"] for item in items)
    assert anonymous["rule"] == "urgency-then-oldest"
    assert anonymous["urgency"] == 3
    assert anonymous["waiting_since"] == items[0]["received_at"] == "2026-11-22T12:00:00+07:00"
    assert anonymous["due_at"] == "2026-11-22T12:15:00+07:00"
    assert account["due_at"] == "2026-11-22T12:18:41+07:00"
    assert {type(each["overdue"]) for each in (anonymous, account)} == {bool}


async def test_a_cursor_belongs_to_its_question(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    for _ in range(3):
        make_report(engine, station)
    cursor = (await officer.get("/v1/queue?limit=1&urgency=1")).json()["next_cursor"]

    again = await officer.get(f"/v1/queue?limit=2&urgency=1&cursor={cursor}")
    other = await officer.get(f"/v1/queue?limit=1&urgency=1&q=karaoke&cursor={cursor}")

    assert again.status_code == 200
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "cursor")


@pytest.mark.parametrize("asked", ["q=" + "x+" * 11, "q=" + "x" * 201, "mine=perhaps", "kind=x"])
async def test_other_odd_questions_are_a_422(officer: httpx.AsyncClient, asked: str) -> None:
    assert (await officer.get(f"/v1/queue?{asked}")).status_code == 422


async def test_a_page_of_informed_cases_follows_urgency_and_closing(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    owner = make_station(engine)
    told = [make_report(engine, owner, informed=(station.id,)) for _ in range(3)]

    with engine.begin() as connection:
        change = "update reports set urgency = 3 where case_id = :case"
        connection.execute(text(change), {"case": told[2].case_id})
        change = "update reports set state = 'resolved' where case_id = :case"
        connection.execute(text(change), {"case": told[1].case_id})
    items: list[dict[str, Any]] = (await officer.get("/v1/queue")).json()["items"]

    assert [item["case_id"] for item in items] == [str(told[n].case_id) for n in (2, 0)]
    with engine.begin() as connection:
        change = "update reports set state = 'received' where case_id = :case"
        connection.execute(text(change), {"case": told[1].case_id})
    assert await found(officer, "") == ids(*told)


async def test_who_works_on_a_case_is_shown(
    officer: httpx.AsyncClient, engine: Engine, station: Station, me: uuid.UUID
) -> None:
    soon = dt.datetime.now(dt.UTC) + HOUR
    make_report(engine, station, claimed_by=me, claimed_until=soon, assignee_id=me)

    (item,) = (await officer.get("/v1/queue")).json()["items"]

    assert item["claim"]["by"] == item["assignee"]
    assert item["assignee"].startswith("officer.")
