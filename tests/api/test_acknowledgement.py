"""Taking a case into the register, and what the reporter hears of it."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import ReporterKind
from api.reports.tables import Report, State
from geo.tables import Station
from tests.factories import caller, make_officer, make_report, make_station


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officer's station."""
    return make_station(engine, name="Công an phường Cửa Nam", province_code="01")


@pytest.fixture
def neighbour(engine: Engine) -> Station:
    """Another station."""
    return make_station(engine)


@pytest.fixture
async def officer(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """A duty officer of the station."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client


@pytest.fixture
async def colleague(
    app: FastAPI, engine: Engine, neighbour: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """A duty officer of the other station."""
    async with caller(app, make_officer(engine, neighbour)) as client:
        yield client


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


async def acknowledge(
    client: httpx.AsyncClient, case: Report | uuid.UUID, if_match: str | None = '"1"', **more: Any
) -> httpx.Response:
    case_id = case.case_id if isinstance(case, Report) else case
    headers = {} if if_match is None else {"If-Match": if_match}
    return await client.post(f"/v1/cases/{case_id}/acknowledgement", headers=headers, **more)


async def test_acknowledging_enters_the_register_and_tells_the_reporter(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)

    answer = await acknowledge(officer, report, json={})

    assert answer.status_code == 200
    case = answer.json()
    year = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).year
    assert (case["state"], case["version"]) == ("acknowledged", 2)
    assert case["register_number"] == f"1/{year}"
    assert answer.headers["etag"] == '"2"'
    assert [event["kind"] for event in case["events"]] == ["report.received", "report.acknowledged"]
    assert case["events"][1]["data"] == {"register_number": f"1/{year}"}
    inbox = "select kind, recipient, data from acknowledgements where subject = :id"
    data = {"station": "Công an phường Cửa Nam", "register_number": f"1/{year}"}
    assert rows(engine, inbox, id=report.id) == [("report.acknowledged", report.reporter_key, data)]
    entry = "select station_id, year, number from register_entries where case_id = :id"
    assert rows(engine, entry, id=report.case_id) == [(station.id, year, 1)]
    trail = "select action, actor_kind, scope from audit_events where object_id = :id"
    assert rows(engine, trail, id=str(report.case_id)) == [
        ("report.acknowledged", "staff", station.id)
    ]


async def test_a_reporter_with_a_phone_is_owed_a_push(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)
    with engine.begin() as owner:
        token = owner.scalar(
            text("insert into push_tokens (token_hash, sealed) values (:hash, 'x') returning id"),
            {"hash": uuid.uuid4().bytes},
        )
        owner.execute(
            text("insert into push_registrations (recipient, token_id, language)"
                 " values (:recipient, :token, 'en')"),
            {"recipient": report.reporter_key, "token": token},
        )  # fmt: skip

    await acknowledge(officer, report)

    owed = (
        "select token_id, d.language, state from deliveries d"
        " join acknowledgements a on a.id = acknowledgement_id where subject = :id"
    )
    assert rows(engine, owed, id=report.id) == [(token, "en", "pending")]


async def test_an_anonymous_reporter_finds_it_by_the_receipt(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station, reporter_kind=ReporterKind.ANONYMOUS)

    assert (await acknowledge(officer, report)).status_code == 200

    inbox = "select kind, recipient from acknowledgements where subject = :id"
    assert rows(engine, inbox, id=report.id) == [("report.acknowledged", None)]


async def test_nothing_changes_without_the_version_one_saw(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station, version=4)

    tags = [None, '"3"', '"5"', "*", "4", "", '"x"', '"99999999999"']
    answers = [await acknowledge(officer, report, tag) for tag in tags]

    assert [answer.status_code for answer in answers] == [428] + [412] * 7
    assert [answer.json()["code"] for answer in answers[:2]] == [
        "precondition-required",
        "precondition-failed",
    ]
    assert (
        rows(engine, "select last_number from registers where station_id = :s", s=station.id) == []
    )
    assert (await acknowledge(officer, report, '"3", "4"')).status_code == 200


async def test_a_double_tap_is_one_acknowledgement(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)

    answers = await asyncio.gather(*(acknowledge(officer, report) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    inbox = "select count(*) from acknowledgements where subject = :id"
    assert rows(engine, inbox, id=report.id) == [(1,)]


@pytest.mark.parametrize("state", [state for state in State if state != State.RECEIVED])
async def test_a_step_out_of_order_says_the_state(
    officer: httpx.AsyncClient, engine: Engine, station: Station, state: State
) -> None:
    report = make_report(engine, station, state=state)

    answer = await acknowledge(officer, report)

    assert answer.status_code == 409
    assert answer.json()["code"] == "transition-not-allowed"
    assert answer.json()["state_now"] == state


async def test_an_informed_station_reads_and_may_not_act(
    officer: httpx.AsyncClient, engine: Engine, station: Station, neighbour: Station
) -> None:
    report = make_report(engine, neighbour, informed=(station.id,))

    seen = await officer.get(f"/v1/cases/{report.case_id}")
    refused = await acknowledge(officer, report)

    assert seen.json()["relation"] == "informed"
    assert (refused.status_code, refused.json()["code"]) == (403, "read-only-case")
    assert rows(engine, "select state from reports where id = :id", id=report.id) == [("received",)]


@pytest.mark.parametrize("body", [b'{"a": 1}', b"[]", b'"x"'])
async def test_an_acknowledgement_takes_no_words(
    officer: httpx.AsyncClient, engine: Engine, station: Station, body: bytes
) -> None:
    report = make_report(engine, station)

    headers = {"Content-Type": "application/json", "If-Match": '"1"'}
    answer = await officer.post(
        f"/v1/cases/{report.case_id}/acknowledgement", content=body, headers=headers
    )

    assert answer.status_code == 422


async def test_both_stations_see_the_new_state(
    officer: httpx.AsyncClient,
    colleague: httpx.AsyncClient,
    engine: Engine,
    station: Station,
    neighbour: Station,
) -> None:
    report = make_report(engine, station, informed=(neighbour.id,))

    await acknowledge(officer, report)

    seen = (await colleague.get(f"/v1/cases/{report.case_id}")).json()
    assert (seen["state"], seen["relation"]) == ("acknowledged", "informed")
    assert seen["register_number"].startswith("1/")
