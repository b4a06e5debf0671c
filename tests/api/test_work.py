"""Claims, assignment and progress: two officers never do the same work unknowingly."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.reports.tables import OPEN, Report, State
from api.secrets import token_hash
from geo.tables import Station
from tests.factories import caller, make_officer, make_report, make_station
from tests.signing_in import Clock, moving_clock

pytestmark = pytest.mark.usefixtures("town")

CLOSED = [state for state in State if state not in OPEN]


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officers' station."""
    return make_station(engine, name="Công an phường Cửa Nam")


@pytest.fixture
async def officer(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """A duty officer of the station."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client


@pytest.fixture
async def colleague(
    app: FastAPI, engine: Engine, station: Station
) -> AsyncIterator[httpx.AsyncClient]:
    """Another one."""
    async with caller(app, make_officer(engine, station)) as client:
        yield client


@pytest.fixture
async def chief(app: FastAPI, engine: Engine, station: Station) -> AsyncIterator[httpx.AsyncClient]:
    """Their chief."""
    token = make_officer(engine, station, role=StaffRole.STATION_CHIEF)
    async with caller(app, token) as client:
        yield client


@pytest.fixture
def clock(app: FastAPI) -> Iterator[Clock]:
    """The service's time."""
    with moving_clock(app) as move:
        yield move


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


async def step(
    client: httpx.AsyncClient, case: Report, path: str, version: int = 1, **body: Any
) -> httpx.Response:
    url, tag = f"/v1/cases/{case.case_id}/{path}", {"If-Match": f'"{version}"'}
    return await client.post(url, headers=tag, json=body)


async def release(client: httpx.AsyncClient, case: Report, version: int) -> httpx.Response:
    url, tag = f"/v1/cases/{case.case_id}/claim", {"If-Match": f'"{version}"'}
    return await client.delete(url, headers=tag)


def username(engine: Engine, client: httpx.AsyncClient) -> str:
    """The username behind a client's session."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    query = (
        "select username from staff join staff_sessions on staff_id = staff.id"
        " where token_hash = :hash"
    )
    return str(rows(engine, query, hash=token_hash(token))[0][0])


async def pass_by(clock: Clock, minutes: int, *staff: httpx.AsyncClient) -> None:
    """Let time pass while nobody's session idles."""
    for _ in range(minutes // 5):
        clock(dt.timedelta(minutes=5))
        for client in staff:
            assert (await client.get("/v1/queue")).is_success


async def test_a_claim_is_a_line_of_the_history_and_no_news_to_the_reporter(
    officer: httpx.AsyncClient, engine: Engine, station: Station, clock: Clock
) -> None:
    report = make_report(engine, station)

    case = (await step(officer, report, "claim")).json()

    until = clock(dt.timedelta(0)) + dt.timedelta(minutes=30)
    assert case["claim"]["by"] == username(engine, officer)
    assert dt.datetime.fromisoformat(case["claim"]["until"]) == until
    assert (case["state"], case["version"]) == ("received", 2)
    assert [event["kind"] for event in case["events"]] == ["report.received", "report.claimed"]
    trail = "select action, actor_kind from audit_events where object_id = :id"
    assert rows(engine, trail, id=str(report.case_id)) == [("report.claimed", "staff")]
    assert rows(engine, "select 1 from acknowledgements where subject = :id", id=report.id) == []


async def test_of_two_who_claim_at_once_one_gets_it_and_the_other_is_told_whose_it_is(
    officer: httpx.AsyncClient, colleague: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)
    clients = (officer, colleague)

    answers = await asyncio.gather(*(step(each, report, "claim") for each in clients))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner, loser = sorted(zip(answers, clients, strict=True), key=lambda pair: pair[0].status_code)
    late = await step(loser[1], report, "claim", 2)
    assert (late.status_code, late.json()["code"]) == (409, "case-claimed")
    assert late.json()["claimed_by"] == username(engine, winner[1])
    assert late.json()["claimed_until"] == winner[0].json()["claim"]["until"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acknowledgement", {}),
        ("assignment", {"username": None}),
        ("progress", {}),
        ("transfer", {"station_id": "vn", "reason": "x"}),
        ("bounce", {"reason": "x"}),
        ("correction", {"urgency": 3, "reason": "x"}),
    ],
)
async def test_what_a_colleague_has_claimed_is_theirs_alone(
    officer: httpx.AsyncClient,
    colleague: httpx.AsyncClient,
    engine: Engine,
    station: Station,
    path: str,
    body: dict[str, Any],
) -> None:
    state = "acknowledged" if path == "progress" else "received"
    report = make_report(engine, station, state=state)
    await step(officer, report, "claim")

    refused = await step(colleague, report, path, 2, **body)

    assert (refused.status_code, refused.json()["code"]) == (409, "case-claimed")


async def test_a_reason_takes_a_claim_and_is_kept(
    officer: httpx.AsyncClient, colleague: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)
    await step(officer, report, "claim")

    taken = await step(colleague, report, "claim", 2, reason="Đồng chí ấy đã hết ca.")
    refused = await step(officer, report, "acknowledgement", 3)

    assert taken.json()["claim"]["by"] == username(engine, colleague)
    assert taken.json()["events"][-1]["data"]["reason"] == "Đồng chí ấy đã hết ca."
    assert refused.json()["code"] == "case-claimed"


async def test_a_claim_ends_by_itself_and_its_holders_acts_renew_it(
    officer: httpx.AsyncClient,
    colleague: httpx.AsyncClient,
    engine: Engine,
    station: Station,
    clock: Clock,
) -> None:
    report = make_report(engine, station)
    await step(officer, report, "claim")
    await pass_by(clock, 20, officer, colleague)
    await step(officer, report, "acknowledgement", 2)
    await pass_by(clock, 20, officer, colleague)

    early = await step(colleague, report, "progress", 3)
    await pass_by(clock, 10, colleague)
    seen = (await colleague.get(f"/v1/cases/{report.case_id}")).json()
    late = await step(colleague, report, "progress", 3)

    assert early.json()["code"] == "case-claimed"
    assert seen["claim"] is None
    assert late.status_code == 200
    ended = "select claimed_by, claimed_until from reports where id = :id"
    assert rows(engine, ended, id=report.id) == [(None, None)]


async def test_one_gives_back_ones_own_claim_only(
    officer: httpx.AsyncClient, colleague: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)
    nobodys = await release(officer, report, 1)
    await step(officer, report, "claim")

    answers = [await release(colleague, report, 2), await release(officer, report, 2)]

    assert (nobodys.status_code, nobodys.json()["code"]) == (409, "not-claimed")
    assert [answer.status_code for answer in answers] == [409, 200]
    assert answers[0].json()["code"] == "case-claimed"
    assert answers[1].json()["claim"] is None
    assert (await step(colleague, report, "claim", 3)).status_code == 200


async def test_a_chief_assigns_anybody_of_the_station_and_an_officer_themselves(
    officer: httpx.AsyncClient,
    colleague: httpx.AsyncClient,
    chief: httpx.AsyncClient,
    engine: Engine,
    station: Station,
) -> None:
    report = make_report(engine, station)
    mine, theirs = username(engine, officer), username(engine, colleague)

    by_chief = await step(chief, report, "assignment", 1, username=theirs, note="Ca đêm.")
    answers = [
        await step(officer, report, "assignment", 2, username=theirs),
        await step(officer, report, "assignment", 2, username=None),
        await step(officer, report, "assignment", 2, username=mine),
        await step(officer, report, "assignment", 3, username=None),
    ]

    assert by_chief.json()["assignee"] == theirs
    assert by_chief.json()["events"][-1]["data"] == {"username": theirs, "note": "Ca đêm."}
    assert [answer.status_code for answer in answers] == [403, 403, 200, 200]
    assert [answer.json()["assignee"] for answer in answers[2:]] == [mine, None]


async def test_another_station_does_not_read_whose_task_it_was(
    officer: httpx.AsyncClient, app: FastAPI, engine: Engine, station: Station
) -> None:
    elsewhere = make_station(engine)
    report = make_report(engine, station)
    mine = username(engine, officer)

    assigned = await step(officer, report, "assignment", 1, username=mine, note="Ca đêm.")
    moved = await step(
        officer, report, "transfer", 2, station_id=elsewhere.id, reason="Bên kia đường."
    )
    async with caller(app, make_officer(engine, elsewhere)) as stranger:
        seen = await stranger.get(f"/v1/cases/{report.case_id}")

    assert mine in assigned.text
    assert mine in moved.text
    assert (seen.status_code, mine in seen.text) == (200, False)
    said = [each["data"] for each in seen.json()["events"] if each["kind"] == "report.assigned"]
    assert said == [{"note": "Ca đêm."}]


async def test_nobody_of_another_station_or_out_of_use_is_assigned(
    chief: httpx.AsyncClient, app: FastAPI, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station)
    now = dt.datetime.now(dt.UTC)
    async with caller(app, make_officer(engine, make_station(engine))) as stranger:
        elsewhere = username(engine, stranger)
    async with caller(app, make_officer(engine, station, disabled_at=now)) as gone:
        disabled = username(engine, gone)

    for name in (elsewhere, disabled, "nobody-at-all"):
        refused = await step(chief, report, "assignment", 1, username=name)
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/username", "colleague")
        assert name not in refused.text


async def test_progress_tells_the_reporter_the_public_text_and_never_the_note(
    officer: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    report = make_report(engine, station, state="acknowledged")

    body = {"public_text": "Đã cử tổ tuần tra.", "note": "Nghi quen biết."}
    case = (await step(officer, report, "progress", 1, **body)).json()

    assert case["state"] == "in_progress"
    assert case["events"][-1]["data"] == body
    inbox = "select kind, data from acknowledgements where subject = :id"
    told = {"station": "Công an phường Cửa Nam", "public_text": "Đã cử tổ tuần tra."}
    assert rows(engine, inbox, id=report.id) == [("report.progressed", told)]


@pytest.mark.parametrize("state", [State.RECEIVED, State.IN_PROGRESS, *CLOSED])
async def test_progress_begins_from_a_case_that_was_taken_up(
    officer: httpx.AsyncClient, engine: Engine, station: Station, state: State
) -> None:
    report = make_report(engine, station, state=state)

    refused = await step(officer, report, "progress")

    assert (refused.status_code, refused.json()["state_now"]) == (409, state)


@pytest.mark.parametrize("path", ["claim", "assignment", "transfer", "correction"])
@pytest.mark.parametrize("state", CLOSED)
async def test_no_officer_works_on_a_closed_case(
    officer: httpx.AsyncClient, engine: Engine, station: Station, state: State, path: str
) -> None:
    report = make_report(engine, station, state=state)
    bodies: dict[str, dict[str, Any]] = {
        "claim": {},
        "assignment": {"username": None},
        "transfer": {"station_id": "vn", "reason": "x"},
        "correction": {"urgency": 2, "reason": "x"},
    }

    refused = await step(officer, report, path, 1, **bodies[path])

    assert (refused.status_code, refused.json()["state_now"]) == (409, state)


async def test_an_informed_station_sees_a_claim_without_a_name(
    officer: httpx.AsyncClient, app: FastAPI, engine: Engine, station: Station
) -> None:
    neighbour = make_station(engine)
    report = make_report(engine, station, informed=(neighbour.id,))
    await step(officer, report, "claim")

    async with caller(app, make_officer(engine, neighbour)) as other:
        seen = await other.get(f"/v1/cases/{report.case_id}")

    assert seen.json()["claim"]["by"] is None
    assert username(engine, officer) not in seen.text


async def test_what_lies_outside_the_scope_cannot_be_claimed_or_given_back(
    officer: httpx.AsyncClient, engine: Engine
) -> None:
    foreign = make_report(engine, make_station(engine))

    answers = [await step(officer, foreign, "claim"), await release(officer, foreign, 1)]

    assert [answer.status_code for answer in answers] == [404, 404]
