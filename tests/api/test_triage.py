"""The officers' side of a case: who sees it, and what of it."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import ReporterKind, StaffRole
from api.reports.tables import Report
from geo.tables import Station, StationKind
from tests.factories import NOON, caller, make_officer, make_report, make_station, unique


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


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


async def queue_of(client: httpx.AsyncClient, **asked: object) -> list[dict[str, Any]]:
    answer = await client.get("/v1/queue", params={k: str(v) for k, v in asked.items()})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def acknowledge(
    client: httpx.AsyncClient, case: Report | uuid.UUID, if_match: str | None = '"1"', **more: Any
) -> httpx.Response:
    case_id = case.case_id if isinstance(case, Report) else case
    headers = {} if if_match is None else {"If-Match": if_match}
    return await client.post(f"/v1/cases/{case_id}/acknowledgement", headers=headers, **more)


def as_shown(report: Report) -> dict[str, Any]:
    """The case of that report as its owner sees it, without its clocks."""
    return {
        "case_id": str(report.case_id),
        "state": "received",
        "version": 1,
        "register_number": "12/2026",
        "kind": "tip",
        "category": "noise",
        "category_word": None,
        "urgency": 1,
        "text": "Karaoke sau nửa đêm.",
        "language": "vi",
        "place": {
            "lon": 105.8524,
            "lat": 21.0287,
            "accuracy_m": 25.0,
            "source": "gps",
            "note": "cạnh chợ",
            "ward_code": "00070",
            "province_code": None,
        },
        "ward_code": None,
        "confidence": "certain",
        "received_at": "2026-11-22T12:00:00+07:00",
        "observed_at": "2026-11-22T11:00:00+07:00",
        "relation": "owner",
        "flags": ["gap"],
        "channel": "app",
        "group": None,
        "urgings": [],
        "routing": report.routing,
        "assignee": None,
        "claim": None,
        "came_from": None,
        "closed_at": None,
        "duplicate_of": None,
        "merged_count": 0,
        "messages": [],
        "outcomes": [],
        "feedback": [],
        "events": [
            {
                "kind": "report.received",
                "at": "2026-11-22T12:00:00+07:00",
                "actor_kind": "reporter",
                "actor_id": None,
                "data": {},
            }
        ],
    }


async def test_a_case_is_shown_without_its_reporter(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(
        engine,
        station,
        place_note="cạnh chợ",
        claimed_ward_code="00070",
        flags=["gap"],
        observed_at=NOON - dt.timedelta(hours=1),
        register_year=2026,
        register_number=12,
    )

    answer = await officer.get(f"/v1/cases/{report.case_id}")

    assert answer.status_code == 200
    assert answer.headers["etag"] == '"1"'
    case = answer.json()
    assert [clock["clock"] for clock in case.pop("clocks")] == ["first_response"]
    assert case == as_shown(report)
    for secret in (report.id, report.acknowledgement_id, report.reporter_key, report.receipt_hash):
        shown = secret.hex if isinstance(secret, uuid.UUID) else (secret or b"").hex()
        assert shown not in answer.text.replace("-", "")


async def test_only_who_uses_an_account_is_timed_exactly(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    times = {}
    for kind in ReporterKind:
        report = make_report(engine, station, reporter_kind=kind)
        case = (await officer.get(f"/v1/cases/{report.case_id}")).json()
        times[kind] = {case["received_at"], case["events"][0]["at"]}
        assert "reporter_kind" not in case

    assert times == {
        ReporterKind.ANONYMOUS: {"2026-11-22T12:00:00+07:00"},
        ReporterKind.DEVICE: {"2026-11-22T12:00:00+07:00"},
        ReporterKind.ACCOUNT: {"2026-11-22T12:03:41+07:00"},
    }
    shown = {item["received_at"] for item in await queue_of(officer)}
    assert shown == set().union(*times.values())


async def test_a_case_without_a_place_is_shown(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station, location=None, accuracy_m=None, place_source="unknown")

    case = (await officer.get(f"/v1/cases/{report.case_id}")).json()

    assert (case["place"]["lon"], case["place"]["lat"]) == (None, None)
    assert len(await queue_of(officer)) == 1


async def test_a_version_already_seen_is_not_sent_again(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station, version=3)
    url = f"/v1/cases/{report.case_id}"

    tags = ['"3"', 'W/"3"', '"1", "3"', '"2"', "garbage"]
    answers = [await officer.get(url, headers={"If-None-Match": tag}) for tag in tags]

    assert [answer.status_code for answer in answers] == [304, 304, 304, 200, 200]
    assert answers[0].content == b""
    assert answers[0].headers["etag"] == '"3"'


async def test_reading_is_on_the_trail(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)

    answer = await officer.get(f"/v1/cases/{report.case_id}")
    await officer.get("/v1/queue")

    read = "select action, actor_kind, scope, request_id from audit_events where object_id = :id"
    assert rows(engine, read, id=str(report.case_id)) == [
        ("case.read", "staff", station.id, answer.headers["x-request-id"])
    ]
    assert [row[:3] for row in rows(engine, read, id=station.id)] == [
        ("queue.read", "staff", station.id)
    ]


async def test_what_lies_outside_the_scope_does_not_exist(
    officer: httpx.AsyncClient, engine: Engine, neighbour: Station
) -> None:
    foreign = make_report(engine, neighbour)

    answers = [
        (await officer.get(f"/v1/cases/{case_id}"), await acknowledge(officer, case_id))
        for case_id in (foreign.case_id, uuid.uuid4(), foreign.id)
    ]

    bodies = [{**each.json(), "request_id": None} for pair in answers for each in pair]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["status"] == 404
    trail = "select action from audit_events where object_id = :id"
    assert rows(engine, trail, id=str(foreign.case_id)) == []


async def test_a_complaint_about_the_police_is_the_oversights_alone(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    office = make_station(engine, id=unique("o-"), kind=StationKind.OVERSIGHT)
    complaint = make_report(engine, office, kind="complaint_about_police", about_station=True)

    async with caller(app, make_officer(engine, office, role=StaffRole.OVERSIGHT)) as overseer:
        seen = await overseer.get(f"/v1/cases/{complaint.case_id}")
        taken = await acknowledge(overseer, complaint)

    assert (seen.status_code, taken.status_code) == (200, 200)
    assert (await officer.get(f"/v1/cases/{complaint.case_id}")).status_code == 404
    assert await queue_of(officer) == []


@pytest.mark.parametrize(
    ("role", "place", "status"),
    [
        (StaffRole.DUTY_OFFICER, True, 200),
        (StaffRole.STATION_CHIEF, True, 200),
        (StaffRole.PROVINCE_COMMANDER, False, 403),
        (StaffRole.ADMIN, False, 403),
        (StaffRole.AUDITOR, False, 403),
    ],
)
async def test_each_role_sees_what_it_may(
    app: FastAPI, engine: Engine, station: Station, role: StaffRole, place: bool, status: int
) -> None:
    report = make_report(engine, station)
    token = make_officer(engine, station if place else None, role=role, province_code="01")

    async with caller(app, token) as client:
        answers = [
            await client.get("/v1/queue"),
            await client.get(f"/v1/cases/{report.case_id}"),
            await acknowledge(client, report),
        ]

    assert [answer.status_code for answer in answers] == [status] * 3
    if status == 403:
        assert {answer.json()["code"] for answer in answers} == {"role-not-allowed"}


async def test_without_a_session_there_is_nothing_to_see(
    client: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)

    answers = [
        await client.get("/v1/queue"),
        await client.get(f"/v1/cases/{report.case_id}"),
        await acknowledge(client, report),
    ]

    assert [answer.status_code for answer in answers] == [401] * 3


@pytest.mark.parametrize("path", ["/v1/queue", "/v1/cases/{case_id}"])
async def test_every_operation_asks_for_a_staff_session(app: FastAPI, path: str) -> None:
    operations = app.openapi()["paths"][path].values()

    for operation in operations:
        assert operation["security"] == [{"staffSession": []}, {"staffCookie": []}]
        assert {"400", "401", "403", "422", "503"} <= operation["responses"].keys()
