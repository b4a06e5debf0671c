"""The station's queue: what is in it, in which order, page by page, and by which index."""

import base64
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from api.db import AS_OFFICER
from api.reports.tables import State
from api.triage.filters import QueueFilter
from api.triage.queue import Position, queue_statement
from geo.tables import Station
from tests.factories import NOON, caller, make_officer, make_report, make_station
from tests.plans import crowded, indexes, literally, nodes, plan_of, scans_a_table


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


async def queue_of(client: httpx.AsyncClient, **asked: object) -> list[dict[str, Any]]:
    answer = await client.get("/v1/queue", params={k: str(v) for k, v in asked.items()})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["case_id"] for item in items]


async def test_the_queue_is_the_most_urgent_first_then_the_oldest(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    minutes = [(1, 0), (3, 20), (1, 10), (3, 5), (2, 0)]
    made = [
        make_report(
            engine, station, urgency=urgency, received_at=NOON + dt.timedelta(minutes=minute)
        )
        for urgency, minute in minutes
    ]

    found = await queue_of(officer)

    assert ids(found) == [str(made[i].case_id) for i in (3, 1, 4, 0, 2)]
    assert {item["relation"] for item in found} == {"owner"}


async def test_the_queue_shows_open_cases_of_the_own_station_and_informed_ones(
    officer: httpx.AsyncClient, engine: Engine, station: Station, neighbour: Station
) -> None:
    own = make_report(engine, station)
    make_report(engine, station, state=State.RESOLVED)
    make_report(engine, neighbour)
    told = make_report(engine, neighbour, informed=(station.id,), urgency=3)
    make_report(engine, neighbour, informed=(station.id,), state=State.WITHDRAWN)

    found = await queue_of(officer)

    assert {item["case_id"]: item["relation"] for item in found} == {
        str(own.case_id): "owner",
        str(told.case_id): "informed",
    }
    assert found[0]["relation"] == "informed"


async def test_the_queue_can_be_narrowed(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    noise = make_report(engine, station)
    drugs = make_report(engine, station, category="drugs", urgency=2)
    taken = make_report(engine, station, state=State.ACKNOWLEDGED, version=2)
    closed = make_report(engine, station, state=State.RESOLVED)

    assert ids(await queue_of(officer, category="drugs")) == [str(drugs.case_id)]
    assert ids(await queue_of(officer, urgency=2)) == [str(drugs.case_id)]
    assert ids(await queue_of(officer, state="acknowledged")) == [str(taken.case_id)]
    assert ids(await queue_of(officer, state="resolved")) == [str(closed.case_id)]
    both = await queue_of(officer, state="received", category="noise")
    assert ids(both) == [str(noise.case_id)]
    assert await queue_of(officer, category="no-such") == []


@pytest.mark.parametrize(
    "asked",
    [
        "state=open", "urgency=0", "urgency=4", "urgency=x", "limit=0", "limit=101", "limit=x",
        "cursor=x", "category=" + "x" * 65, "cursor=00000000-0000-0000-0000-000000000000",
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_a_422(
    officer: httpx.AsyncClient, asked: str
) -> None:
    answer = await officer.get(f"/v1/queue?{asked}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    pointer = answer.json()["errors"][0]["pointer"]
    assert pointer.split("/")[1:3] == ["query", asked.partition("=")[0]]


async def test_pages_hold_each_case_once_and_the_link_leads_on(
    officer: httpx.AsyncClient, engine: Engine, station: Station, neighbour: Station
) -> None:
    made = [
        make_report(
            engine,
            station if number % 3 else neighbour,
            informed=() if number % 3 else (station.id,),
            urgency=1 + number % 3 // 2,
            received_at=NOON + dt.timedelta(seconds=number // 4),
        )
        for number in range(13)
    ]
    link, found, sizes = "/v1/queue?limit=3&state=received", [], []

    while link:
        answer = await officer.get(link)
        page = answer.json()
        found += ids(page["items"])
        sizes.append(len(page["items"]))
        assert (page["next_cursor"] is None) == ("link" not in answer.headers)
        given = answer.headers.get("link", "")
        assert not given or given.endswith('; rel="next"')
        link = given.partition(">")[0].removeprefix("<")

    assert sizes == [3, 3, 3, 3, 1]
    assert sorted(found) == sorted(str(report.case_id) for report in made)
    assert found == ids(await queue_of(officer, limit=100))


async def test_the_last_full_page_has_no_next(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    for _ in range(2):
        make_report(engine, station)

    answer = await officer.get("/v1/queue?limit=2")

    assert answer.json()["next_cursor"] is None


async def test_pages_go_on_when_the_last_case_left_the_queue(
    officer: httpx.AsyncClient, engine: Engine, station: Station, neighbour: Station
) -> None:
    made = [
        make_report(engine, station, received_at=NOON + dt.timedelta(minutes=minute))
        for minute in range(4)
    ]
    change = {"gone": f"station_id = '{neighbour.id}'", "closed": "state = 'resolved'"}
    link, found = "/v1/queue?limit=1", []

    for number, what in enumerate(("gone", "closed", None, None)):
        answer = await officer.get(link)
        found += ids(answer.json()["items"])
        link = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        if what is not None:
            with engine.begin() as owner:
                case = {"case": made[number].case_id}
                owner.execute(
                    text(f"update reports set {change[what]} where case_id = :case"),  # noqa: S608
                    case,
                )

    assert found == [str(report.case_id) for report in made]


async def test_a_cursor_is_for_the_service_alone(
    app: FastAPI, officer: httpx.AsyncClient, engine: Engine, station: Station, neighbour: Station
) -> None:
    for _ in range(2):
        make_report(engine, station)
    page = await officer.get("/v1/queue?limit=1")
    cursor = page.json()["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor)
    changed = [raw[:at] + bytes([byte ^ 1]) + raw[at + 1 :] for at, byte in enumerate(raw)]
    tampered = [base64.urlsafe_b64encode(each).decode() for each in changed]

    answers = [
        await officer.get("/v1/queue", params={"cursor": each})
        for each in [*tampered, cursor[:-1], cursor[:-4], cursor + "A", "", "ă", "=="]
    ]
    async with caller(app, make_officer(engine, neighbour)) as colleague:
        answers.append(await colleague.get("/v1/queue", params={"cursor": cursor}))

    assert {answer.status_code for answer in answers} == {422}
    assert {answer.json()["errors"][0]["code"] for answer in answers} == {"cursor"}
    case_id = uuid.UUID(page.json()["items"][0]["case_id"])
    micros = int(NOON.timestamp() * 1_000_000)
    assert case_id.bytes not in raw
    assert micros.to_bytes(8)[2:] not in raw


async def test_a_queue_already_seen_is_not_sent_again_until_it_changes(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    for _ in range(2):
        make_report(engine, station)
    read = "select count(*) from audit_events where action = 'queue.read' and object_id = :id"

    first = await officer.get("/v1/queue?limit=1")
    seen = {"If-None-Match": first.headers["etag"]}
    again = await officer.get("/v1/queue?limit=1", headers=seen)
    make_report(engine, station, urgency=3)
    changed = await officer.get("/v1/queue?limit=1", headers=seen)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "no-store"
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    with engine.connect() as connection:
        assert connection.scalar(text(read), {"id": station.id}) == 2


def test_the_queue_is_served_by_its_indexes(engine: Engine) -> None:
    hanoi = "105.8,21.0,105.9,21.1"
    wanted = [
        (QueueFilter(), "ix_reports_queue"),
        (QueueFilter(category=("noise",)), "ix_reports_queue"),
        (QueueFilter(urgency=(2,)), "ix_reports_queue"),
        (QueueFilter(q="ma túy"), "ix_reports_queue"),
        (QueueFilter(bbox=hanoi), "ix_reports_map"),
        (QueueFilter(mine=True), "ix_reports_queue"),
        (QueueFilter(state=(State.RESOLVED,)), "ix_reports_station"),
        (QueueFilter(state=("any",), q="x"), "ix_reports_station"),
    ]
    middle = "select urgency, received_at, case_id from reports order by 1, 2 offset 10000 limit 1"

    with crowded(engine, stations=200, reports=20_000) as (connection, station):
        officer = OfficerIdentity(uuid.uuid4(), "", StaffRole.DUTY_OFFICER, station, None)
        behind = Position(*connection.execute(text(middle)).one())
        connection.execute(AS_OFFICER, {"station": station})
        for asked, served_by in wanted:
            for after in (None, behind):
                statement = queue_statement(officer, asked, now=NOON, after=after, limit=20)
                plan = plan_of(connection, literally(connection, statement))

                assert not scans_a_table(plan), plan
                used = indexes(plan)
                assert used & {served_by, "ix_reports_map"}, (asked, plan)
                assert used & {"ix_case_informed_queue", "ix_case_informed_station"}, plan
                assert plan["Actual Rows"] <= 20


def test_a_desk_with_many_cases_reads_no_more_than_a_page(engine: Engine) -> None:
    with crowded(engine, stations=3, reports=9_000) as (connection, station):
        officer = OfficerIdentity(uuid.uuid4(), "", StaffRole.DUTY_OFFICER, station, None)
        connection.execute(AS_OFFICER, {"station": station})
        for asked in (QueueFilter(), QueueFilter(state=("any",))):
            statement = queue_statement(officer, asked, now=NOON, after=None, limit=20)
            plan = plan_of(connection, literally(connection, statement))

            read = [node for node in nodes(plan) if node.get("Relation Name") == "reports"]
            assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) <= 2 * 21
            assert len(read) == 2
