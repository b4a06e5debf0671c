"""The handover of a shift: what nobody has read, who holds what, what is due soon."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.accounts.tables import ReporterKind, StaffSession
from api.reports.tables import State
from api.secrets import token_hash
from geo.tables import Station
from tests.factories import caller, make_officer, make_report, make_station

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
async def officer(app: FastAPI, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """The duty officer."""
    async with caller(app, token) as client:
        yield client


def staff_of(engine: Engine, token: str) -> uuid.UUID:
    query = select(StaffSession.staff_id).where(StaffSession.token_hash == token_hash(token))
    with Session(engine) as session:
        return session.scalars(query).one()


async def test_a_shift_is_handed_over(
    officer: httpx.AsyncClient, engine: Engine, station: Station, token: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    long_ago, taken = now - 48 * HOUR, State.ACKNOWLEDGED
    fresh = make_report(engine, station, received_at=now - HOUR, due_at=now + 20 * HOUR)
    held = make_report(
        engine,
        station,
        state=taken,
        received_at=long_ago,
        claimed_by=staff_of(engine, token),
        claimed_until=now + HOUR,
    )
    late = make_report(engine, station, state=taken, received_at=long_ago, due_at=now - HOUR)
    soon = make_report(engine, station, state=taken, received_at=long_ago, due_at=now + 2 * HOUR)
    make_report(engine, station, state=State.RESOLVED, received_at=long_ago, closed_at=now - HOUR)
    make_report(engine, station, state=State.RESOLVED, received_at=long_ago, closed_at=long_ago)
    make_report(engine, make_station(engine), informed=(station.id,))

    answer = await officer.get("/v1/queue/handover")

    body = answer.json()
    assert answer.status_code == 200
    assert body["counts"] == {
        "open": 4, "unacknowledged": 1, "claimed": 1, "due": 2, "arrived": 1, "closed": 1,
    }  # fmt: skip
    assert [each["case_id"] for each in body["unacknowledged"]] == [str(fresh.case_id)]
    assert [each["case_id"] for each in body["claimed"]] == [str(held.case_id)]
    assert body["claimed"][0]["claim"]["by"].startswith("officer.")
    assert [each["case_id"] for each in body["due"]] == [str(late.case_id), str(soon.case_id)]


async def test_the_hours_looked_ahead_and_back_can_be_chosen(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    now = dt.datetime.now(dt.UTC)
    make_report(engine, station, received_at=now - 10 * HOUR, due_at=now + 10 * HOUR)

    near = (await officer.get("/v1/queue/handover")).json()["counts"]
    since = (now - 11 * HOUR).isoformat()
    far = await officer.get("/v1/queue/handover", params={"hours": 12, "since": since})

    assert (near["arrived"], near["due"]) == (0, 0)
    assert (far.json()["counts"]["arrived"], far.json()["counts"]["due"]) == (1, 1)


async def test_no_question_tells_when_exactly_a_report_came(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    at = dt.datetime.now(dt.UTC).replace(minute=3, second=30, microsecond=0) - 2 * HOUR
    make_report(engine, station, received_at=at, reporter_kind=ReporterKind.ANONYMOUS)

    counts = set()
    for seconds in (-30, -1, 1, 30):
        since = (at + dt.timedelta(seconds=seconds)).isoformat()
        answer = await officer.get("/v1/queue/handover", params={"since": since})
        counts.add(answer.json()["counts"]["arrived"])
        assert answer.json()["since"].split("+")[0].endswith(":00:00")

    assert counts == {1}


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"])
async def test_a_shift_that_is_still_to_come_begins_now(
    officer: httpx.AsyncClient, since: str
) -> None:
    answer = await officer.get("/v1/queue/handover", params={"since": since})

    assert answer.status_code == 200
    assert answer.json()["since"] <= answer.json()["as_of"]


@pytest.mark.parametrize(
    "asked", ["hours=0", "hours=25", "since=yesterday", "since=2026-11-22T00:00:00"]
)
async def test_an_odd_shift_is_a_422(officer: httpx.AsyncClient, asked: str) -> None:
    assert (await officer.get(f"/v1/queue/handover?{asked}")).status_code == 422
