"""Officers' phones are woken for what is urgent: once, by a push that says nothing."""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from api.accounts.tables import Staff
from api.live.urgent import begin, wake_for_urgent
from api.secrets import token_hash
from tests.factories import NOON, caller, make_officer, make_report, make_station, unique

PHONE = {"provider": "fcm", "language": "vi"}
OWED = text("""
select item.subject from acknowledgements as item
join staff_devices as device on device.recipient = item.recipient
join staff on staff.id = device.staff_id
where item.kind = 'case.urgent' and staff.station_id = :station
""")


@pytest.fixture
def worker(engine: Engine, database_url: str) -> Iterator[Engine]:
    """An engine with the worker's rights; the feed is followed from here on."""
    made = create_engine(database_url, connect_args={"options": "-c role=tinbao_worker"})
    with engine.begin() as connection:
        connection.execute(text("delete from feed_followers"))
        begin(connection)
    yield made
    made.dispose()


async def phone_of(app: FastAPI, engine: Engine, station: str) -> str:
    """An officer of a station who registered a phone; their session's token."""
    token = make_officer(engine, station)
    async with caller(app, token) as client:
        await registered(client)
    return token


async def registered(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/staff/self/push", json=PHONE | {"token": unique("ok-")})
    assert answer.status_code == 204


def woken(engine: Engine, station: str) -> Counter[str]:
    """How often somebody of a station was woken for which case."""
    with engine.connect() as connection:
        return Counter(str(each) for each in connection.scalars(OWED, {"station": station}))


def follow(worker: Engine) -> int:
    """Rounds of a worker until nothing is left to do."""
    rounds = 0
    while True:
        with worker.begin() as connection:
            if wake_for_urgent(connection, NOON) == 0:
                return rounds
        rounds += 1


async def test_an_urgent_arrival_wakes_every_phone_of_its_station_once(
    app: FastAPI, engine: Engine, worker: Engine
) -> None:
    here, there = make_station(engine).id, make_station(engine).id
    for station in (here, here, there):
        await phone_of(app, engine, station)
    urgent = make_report(engine, here, urgency=3)
    make_report(engine, here, urgency=2)

    follow(worker)
    follow(worker)

    assert woken(engine, here) == {str(urgent.case_id): 2}
    assert woken(engine, there) == {}


async def test_two_workers_wake_nobody_twice(app: FastAPI, engine: Engine, worker: Engine) -> None:
    station = make_station(engine).id
    await phone_of(app, engine, station)
    cases = [make_report(engine, station, urgency=3) for _ in range(20)]

    threads = [threading.Thread(target=follow, args=(worker,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    follow(worker)

    assert woken(engine, station) == {str(case.case_id): 1 for case in cases}


async def test_a_round_that_fails_is_done_again(
    app: FastAPI, engine: Engine, worker: Engine
) -> None:
    station = make_station(engine).id
    await phone_of(app, engine, station)
    case = make_report(engine, station, urgency=3)
    with worker.connect() as connection:
        connection.begin()
        assert wake_for_urgent(connection, NOON) == 1
        connection.rollback()

    follow(worker)

    assert woken(engine, station) == {str(case.case_id): 1}


async def test_who_left_or_took_the_phone_off_is_not_woken(
    app: FastAPI, engine: Engine, worker: Engine
) -> None:
    station = make_station(engine).id
    gone, quiet = [await phone_of(app, engine, station) for _ in range(2)]
    with Session(engine) as session, session.begin():
        staff_id = session.scalar(
            text("select staff_id from staff_sessions where token_hash = :hash"),
            {"hash": token_hash(gone)},
        )
        session.get_one(Staff, staff_id).disabled_at = dt.datetime.now(dt.UTC)
    async with caller(app, quiet) as client:
        assert (await client.delete("/v1/staff/self/push")).status_code == 204
    make_report(engine, station, urgency=3)

    follow(worker)

    assert woken(engine, station) == {}


async def test_registering_twice_keeps_one_phone(
    app: FastAPI, engine: Engine, worker: Engine
) -> None:
    station = make_station(engine).id
    token = await phone_of(app, engine, station)
    async with caller(app, token) as client:
        await registered(client)
    case = make_report(engine, station, urgency=3)

    follow(worker)

    assert woken(engine, station) == {str(case.case_id): 1}
