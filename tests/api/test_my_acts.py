"""What reporters do about their report: withdraw it, reopen it, say whether it ended well."""

import asyncio
import datetime as dt
import uuid

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.tables import ReporterKind
from api.secrets import Keys
from geo.tables import Station
from tests.casework import Desk, Phone, rows
from tests.factories import make_station
from tests.signing_in import moving_clock

CLOSED = ["resolved", "not_actionable", "duplicate", "withdrawn"]


@pytest.fixture
def station(engine: Engine) -> Station:
    """The station of the case."""
    return make_station(engine, name="Công an phường Cửa Nam", province_code="01")


@pytest.fixture
def desk(app: FastAPI, engine: Engine, station: Station) -> Desk:
    """A duty officer's."""
    return Desk(app, engine, station)


@pytest.fixture
def phone(app: FastAPI, engine: Engine, keys: Keys, station: Station) -> Phone:
    """A reporter's."""
    return Phone(app, engine, keys, station)


async def test_a_report_is_withdrawn_once_however_often_it_is_asked(
    desk: Desk, phone: Phone, engine: Engine
) -> None:
    case = phone.send()
    await desk.take(case)

    answers = await asyncio.gather(*(phone.act("withdrawal") for _ in range(4)))
    again = await phone.act("withdrawal")

    assert {each.status_code for each in (*answers, again)} == {200}
    assert again.json()["state"] == "withdrawn"
    assert again.json()["reopen_until"] is not None
    assert phone.inbox_kinds(case) == ["report.acknowledged", "report.withdrawn"]
    trail = (
        "select actor_kind, actor_id, scope from audit_events where object_id = :id and action = :a"
    )
    assert rows(engine, trail, id=str(case.case_id), a="report.withdrawn") == [
        ("reporter", None, phone.station.id)
    ]


async def test_when_a_report_was_withdrawn_is_rounded_for_officers(
    desk: Desk, phone: Phone
) -> None:
    case = phone.send()
    await phone.act("withdrawal")

    seen = await desk.see(case)

    assert seen["closed_at"] == seen["events"][-1]["at"]
    assert seen["closed_at"].endswith(":00+07:00")
    account = phone.send(reporter_kind=ReporterKind.ACCOUNT)
    await phone.act("withdrawal")
    assert "." in (await desk.see(account))["closed_at"]


@pytest.mark.parametrize("state", [each for each in CLOSED if each != "withdrawn"])
async def test_what_has_ended_is_not_withdrawn(phone: Phone, state: str) -> None:
    phone.send(state=state)

    answer = await phone.act("withdrawal")

    assert (answer.status_code, answer.json()["state_now"]) == (409, state)


async def test_a_report_is_reopened_and_keeps_its_number(desk: Desk, phone: Phone) -> None:
    case = phone.send()
    number = (await desk.take(case))["register_number"]
    await desk.resolve(case)

    answer = await phone.act("reopening", text="Tối qua lại xảy ra.")
    again = await desk.take(case)

    assert (answer.status_code, answer.json()["state"]) == (200, "received")
    assert (answer.json()["outcome"], answer.json()["closed_at"]) == (None, None)
    assert (again["state"], again["register_number"]) == ("acknowledged", number)
    assert [each["text"] for each in again["messages"]] == ["Tối qua lại xảy ra."]
    assert len(again["outcomes"]) == 1
    assert phone.inbox_kinds(case) == [
        "report.acknowledged", "report.resolved", "report.reopened", "report.acknowledged",
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "status"), [(0, 200), (13.99, 200), (14.01, 409), (400, 409)])
async def test_a_report_can_be_reopened_for_fourteen_days(
    app: FastAPI, phone: Phone, days: float, status: int
) -> None:
    with moving_clock(app) as move:
        moment = move(dt.timedelta())
        phone.send(state="resolved", closed_at=moment - dt.timedelta(days=days))

        answer = await phone.act("reopening", text="Vẫn còn.")

    assert answer.status_code == status
    if status == 409:
        assert answer.json()["code"] == "reopening-too-late"
        assert "14" in answer.json()["detail"]


async def test_reopening_twice_is_once_where_it_has_an_id(phone: Phone) -> None:
    closed = dt.datetime.now(dt.UTC)
    for body, statuses in (
        ({"id": str(uuid.uuid4())}, [200, 200, 200]),
        ({}, [200, 409, 409]),
    ):
        case = phone.send(state="resolved", closed_at=closed)

        answers = await asyncio.gather(
            *(phone.act("reopening", text="Vẫn còn.", **body) for _ in range(3))
        )

        assert sorted(each.status_code for each in answers) == statuses
        assert phone.inbox_kinds(case) == ["report.reopened"]
        assert len((await phone.messages())["items"]) == 1


@pytest.mark.parametrize("state", ["received", "acknowledged", "in_progress", "need_info"])
async def test_what_is_open_is_neither_reopened_nor_rated(phone: Phone, state: str) -> None:
    phone.send(state=state)

    answers = [
        await phone.act("reopening", text="x"),
        await phone.act("feedback", satisfied=True),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["state_now"]) == (409, state)


async def test_feedback_is_one_for_each_end_and_the_last_word_counts(
    desk: Desk, phone: Phone
) -> None:
    case = phone.send()
    await desk.take(case)
    await desk.resolve(case)

    first = await phone.act("feedback", satisfied=False, text="Chưa thấy ai đến.")
    again = await phone.act("feedback", satisfied=False, text="Chưa thấy ai đến.")
    events = len((await desk.see(case))["events"])
    changed = await phone.act("feedback", satisfied=True)

    assert [each.status_code for each in (first, again, changed)] == [200, 200, 200]
    assert first.json()["feedback"]["text"] == "Chưa thấy ai đến."
    assert (changed.json()["feedback"]["satisfied"], changed.json()["feedback"]["text"]) == (
        True, None,
    )  # fmt: skip
    seen = await desk.see(case)
    assert [each["satisfied"] for each in seen["feedback"]] == [True]
    assert seen["feedback"][0]["at"].endswith(":00+07:00")
    assert len(seen["events"]) == events + 1
    assert seen["events"][-1]["data"] == {"satisfied": True}

    await phone.act("reopening", text="Lại xảy ra.")
    await desk.take(case)
    await desk.resolve(case)
    assert (await phone.read())["feedback"] is None
    await phone.act("feedback", satisfied=False)
    assert [each["satisfied"] for each in (await desk.see(case))["feedback"]] == [True, False]
    assert "report.rated" not in phone.inbox_kinds(case)


async def test_the_withdrawn_can_be_reopened_but_not_while_they_are_open(
    desk: Desk, phone: Phone
) -> None:
    phone.send()

    states = [
        (await phone.act("withdrawal")).json()["state"],
        (await phone.act("reopening", text="Tôi đổi ý.")).json()["state"],
        (await phone.act("withdrawal")).json()["state"],
    ]

    assert states == ["withdrawn", "received", "withdrawn"]


async def test_no_claim_of_an_officer_holds_the_reporter_up(desk: Desk, phone: Phone) -> None:
    case = phone.send()
    await desk.done(case, "claim")

    said = await phone.say("Họ đang bỏ đi.")
    withdrawn = await phone.act("withdrawal")

    assert (said.status_code, withdrawn.status_code) == (201, 200)
    assert (await desk.see(case))["claim"] is None


async def test_the_history_tells_what_the_inbox_told(desk: Desk, phone: Phone) -> None:
    case = phone.send()
    await desk.take(case)
    await desk.resolve(case, "Đã hòa giải.")

    inbox = (await phone.http.get("/v1/inbox", headers={"Accept-Language": "en"})).json()["items"]
    answer = await phone.http.get(phone.url, headers={"Accept-Language": "en"})

    told = [
        {name: each[name] for name in ("kind", "text", "created_at")}
        for each in inbox
        if each["report_id"] == str(phone.report_id)
    ]
    assert answer.json()["history"] == told
    assert len(told) == 2
    assert "Đã hòa giải." in told[1]["text"]


async def test_who_is_not_the_reporter_can_do_nothing(
    app: FastAPI, engine: Engine, keys: Keys, station: Station, desk: Desk, phone: Phone
) -> None:
    case = phone.send(state="resolved", closed_at=dt.datetime.now(dt.UTC))
    stranger = Phone(app, engine, keys, station)
    stranger.report_id = phone.report_id

    answers = [
        await stranger.act("withdrawal"),
        await stranger.act("reopening", text="x"),
        await stranger.act("feedback", satisfied=True),
        await stranger.http.get(f"{stranger.url}/messages"),
        await desk.http.post(f"{phone.url}/withdrawal", json={}),
    ]

    assert [each.status_code for each in answers] == [404, 404, 404, 404, 401]
    assert (await desk.see(case))["version"] == 1
