"""The station's register: numbers without gaps, one case each, a new count each year."""

import asyncio
import datetime as dt
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from api import problems
from api.app import create_app
from api.clock import now_asked
from api.reports.tables import Report
from api.settings import Settings
from geo.tables import Station
from notifications.outbox import owe
from tests.factories import caller, make_officer, make_report, make_station

NEW_YEAR = dt.datetime(2026, 12, 31, 17, 0, tzinfo=dt.UTC)
"""Midnight in Vietnam."""
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def at_new_year(app: FastAPI) -> Iterator[list[dt.datetime]]:
    """The service's time: the last of the list."""
    times = [NEW_YEAR]
    app.dependency_overrides[now_asked] = lambda: times[-1]
    yield times
    del app.dependency_overrides[now_asked]


@pytest.fixture
def station(engine: Engine) -> Station:
    """A station with an empty register."""
    return make_station(engine)


@pytest.fixture
async def officer(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """Its duty officer."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client


async def take(client: httpx.AsyncClient, case: Report, version: int = 1) -> str | None:
    """The number a case gets, if this is who gets it; who is told to come back does."""
    url, tag = f"/v1/cases/{case.case_id}/acknowledgement", {"If-Match": f'"{version}"'}
    while (answer := await client.post(url, headers=tag)).status_code == 503:
        pass
    return str(answer.json()["register_number"]) if answer.status_code == 200 else None


def entries(engine: Engine, station: Station) -> list[tuple[int, int]]:
    query = "select year, number from register_entries where station_id = :s order by year, number"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), {"s": station.id})]


async def test_thirty_cases_taken_at_once_get_thirty_numbers_without_a_gap(
    app: FastAPI, engine: Engine, station: Station
) -> None:
    cases = [make_report(engine, station) for _ in range(30)]
    clients = [caller(app, make_officer(engine, station)) for _ in range(5)]

    taken = await asyncio.gather(
        *(take(clients[number % 5], case, 1) for number, case in enumerate(cases)),
        *(take(clients[number % 5], case, 7) for number, case in enumerate(cases)),
    )

    numbers = sorted(int(each.partition("/")[0]) for each in taken if each)
    assert numbers == list(range(1, 31))
    assert [number for _, number in entries(engine, station)] == numbers
    with engine.connect() as connection:
        query = "select register_number from reports where station_id = :s order by 1"
        assert list(connection.scalars(text(query), {"s": station.id})) == numbers
    for client in clients:
        await client.aclose()


WRITERS = 16


@pytest.fixture
async def wide_app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The service with a connection for each of many writers."""
    made = create_app(settings.model_copy(update={"database_pool": WRITERS}))
    async with made.router.lifespan_context(made):
        yield made


async def test_sixteen_who_write_at_once_leave_no_gap_whatever_fails(
    wide_app: FastAPI, engine: Engine, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(16)

    async def owe_sometimes(*given: Any, **facts: Any) -> uuid.UUID:
        if chance.random() < 0.3:
            raise problems.ServiceUnavailable
        return await owe(*given, **facts)

    monkeypatch.setattr("api.triage.lifecycle.owe", owe_sometimes)
    cases = [make_report(engine, station) for _ in range(48)]
    clients = [caller(wide_app, make_officer(engine, station)) for _ in range(WRITERS)]

    async def write(client: httpx.AsyncClient) -> list[str]:
        """Each takes cases in an order of their own; most attempts are too late."""
        mine = chance.sample(cases, k=len(cases))
        return [number for case in mine if (number := await take(client, case))]

    taken = await asyncio.gather(*(write(client) for client in clients))

    numbers = sorted(int(each.partition("/")[0]) for mine in taken for each in mine)
    assert numbers == list(range(1, 49))
    assert [number for _, number in entries(engine, station)] == numbers
    with engine.connect() as connection:
        query = "select count(distinct case_id) from register_entries where station_id = :s"
        assert connection.scalar(text(query), {"s": station.id}) == len(cases)
    for client in clients:
        await client.aclose()


def test_a_case_has_one_line_in_a_register(engine: Engine, station: Station) -> None:
    case = make_report(engine, station)
    line = (
        "insert into register_entries (station_id, year, number, case_id)"
        " values (:station, 2026, :number, :case)"
    )
    given = {"station": station.id, "case": case.case_id}

    with engine.begin() as connection:
        connection.execute(text(line), given | {"number": 1})

    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(line), given | {"number": 2})


async def test_an_act_that_fails_gives_its_number_back(
    officer: httpx.AsyncClient, engine: Engine, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_report(engine, station), make_report(engine, station)

    async def fails(*_: object, **__: object) -> None:
        raise problems.ServiceUnavailable

    with monkeypatch.context() as broken:
        broken.setattr("api.triage.lifecycle.owe", fails)
        answer = await officer.post(
            f"/v1/cases/{first.case_id}/acknowledgement", headers={"If-Match": '"1"'}
        )

    assert answer.status_code == 503
    assert (await officer.get(f"/v1/cases/{first.case_id}")).json()["state"] == "received"
    assert str(await take(officer, second)).startswith("1/")


async def test_each_station_counts_for_itself(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    other = make_station(engine)

    async with caller(app, make_officer(engine, other)) as colleague:
        taken = [
            await take(officer, make_report(engine, station)),
            await take(colleague, make_report(engine, other)),
            await take(officer, make_report(engine, station)),
        ]

    assert [str(number).partition("/")[0] for number in taken] == ["1", "1", "2"]


async def test_the_year_turns_at_midnight_in_vietnam(
    app: FastAPI, engine: Engine, station: Station, at_new_year: list[dt.datetime]
) -> None:
    taken = []
    async with caller(app, make_officer(engine, station, now=NEW_YEAR)) as officer:
        for moment in (NEW_YEAR - SECOND, NEW_YEAR, NEW_YEAR + SECOND, NEW_YEAR - SECOND):
            at_new_year.append(moment)
            taken.append(await take(officer, make_report(engine, station)))

    assert taken == ["1/2026", "1/2027", "2/2027", "2/2026"]
    assert entries(engine, station) == [(2026, 1), (2026, 2), (2027, 1), (2027, 2)]


async def test_a_case_that_comes_back_to_a_station_keeps_its_number_there(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    other, case = make_station(engine), make_report(engine, station)

    def moved_to(owner: Station) -> None:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "update reports set station_id = :owner, state = 'received',"
                    " register_year = null, register_number = null where case_id = :case"
                ),
                {"owner": owner.id, "case": case.case_id},
            )

    await take(officer, make_report(engine, station))
    first = await take(officer, case, 1)
    moved_to(other)
    async with caller(app, make_officer(engine, other)) as colleague:
        elsewhere = await take(colleague, case, 2)
    moved_to(station)
    again = await take(officer, case, 3)

    assert str(elsewhere).startswith("1/")
    assert str(first).startswith("2/")
    assert again == first
    assert [number for _, number in entries(engine, station)] == [1, 2]
    assert str(await take(officer, make_report(engine, station))).startswith("3/")
