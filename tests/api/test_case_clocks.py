"""The clocks of a case as officers see them, and when the case is due."""

import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.clocks.history import read
from api.clocks.recompute import recompute
from api.clocks.rules import Shelf
from api.local.client import uuid7
from api.reports.tables import Report
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.clocks.year import moment
from tests.factories import make_report, make_station
from tests.town import IN_SOUTH, Town
from tests.town import report as report_of

MONDAY = "2026-11-23 09:02"
"""Officers see 09:00 of what a device reported. Tuesday the 24th is a holiday."""


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officers' station."""
    return make_station(engine, id=f"w-{uuid.uuid4().hex[:8]}", province_code="01")


@pytest.fixture
def then(app: FastAPI, engine: Engine, station: Station, town: Town) -> Then:
    """The service at any time."""
    return Then(app, engine, station)


def report(engine: Engine, station: Station, **facts: Any) -> Report:
    return make_report(engine, station, received_at=moment(MONDAY), **facts)


async def test_a_clock_shows_its_deadline_and_the_article_that_made_it(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station, kind="crime_report", category="theft")

    clocks = await then.clocks("2026-11-23 10:00", case)

    assert {name: each["deadline"] for name, each in clocks.items()} == {
        "first_response": "2026-11-25T09:00:00+07:00",  # 6.5 h of Monday, 1.5 h of Wednesday
        "handover": "2026-11-24T09:00:00+07:00",
        "outcome": "2026-12-15T00:00:00+07:00",  # 23 + 20 = Sunday the 13th, so Monday's end
    }
    rule = clocks["outcome"]["rule"]
    assert (rule["article"], rule["basis"], rule["needs_check"]) == ("Điều 147", "law", True)
    assert "101/2015/QH13" in rule["citation"]
    assert rule["effective_from"] == "2018-01-01"
    assert clocks["first_response"]["rule"]["basis"] == "service"
    assert clocks["outcome"]["name"]["vi"] == "Ra quyết định giải quyết"
    assert clocks["outcome"]["extensible_until"] == "2027-01-23"
    assert clocks["outcome"]["ask_until"] == "2026-12-09"
    assert clocks["first_response"]["started_at"] == "2026-11-23T09:00:00+07:00"


@pytest.mark.parametrize(
    ("urgency", "deadline"),
    [(3, "2026-11-23T09:15"), (2, "2026-11-23T13:00"), (1, "2026-11-25T09:00")],
)
async def test_urgency_says_how_soon_it_is_read(
    then: Then, engine: Engine, station: Station, urgency: int, deadline: str
) -> None:
    case = report(engine, station, urgency=urgency)

    clocks = await then.clocks("2026-11-23 09:05", case)

    assert [each["deadline"][:16] for each in clocks.values()] == [deadline]


async def test_an_account_has_its_exact_time(then: Then, engine: Engine, station: Station) -> None:
    case = report(engine, station, urgency=3, reporter_kind="account")

    clocks = await then.clocks("2026-11-23 09:05", case)

    assert clocks["first_response"]["deadline"] == "2026-11-23T09:17:00+07:00"


async def test_the_deadline_of_one_without_a_name_does_not_tell_when_it_came(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station, reporter_kind="anonymous")

    await then.post("2026-11-23 10:00", case, "acknowledgement")
    seen = await then.get("2026-11-23 10:00", f"/v1/cases/{case.case_id}")

    assert "09:02" not in str(seen["clocks"])


async def test_reading_it_in_time_meets_the_clock_and_the_case_is_no_longer_due(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station)

    await then.post("2026-11-23 10:00", case, "acknowledgement")
    clock = (await then.clocks("2026-11-23 10:00", case))["first_response"]

    assert (clock["state"], clock["met"], clock["overdue"]) == ("stopped", True, False)
    assert clock["stopped_at"] == "2026-11-23T10:00:00+07:00"
    assert then.due_at(case) is None


async def test_reading_it_too_late_misses_it(then: Then, engine: Engine, station: Station) -> None:
    case = report(engine, station)

    before = (await then.clocks("2026-11-25 09:01", case))["first_response"]
    await then.post("2026-11-25 09:01", case, "acknowledgement")
    after = (await then.clocks("2026-11-25 09:01", case))["first_response"]

    assert (before["state"], before["met"], before["overdue"]) == ("running", False, True)
    assert (after["state"], after["met"], after["overdue"]) == ("stopped", False, False)


async def test_a_question_pauses_and_the_answer_goes_on(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station, kind="crime_report")

    await then.post("2026-11-23 10:00", case, "acknowledgement")
    assert then.due_at(case) == "2026-11-24 09:00"
    await then.post("2026-11-23 11:00", case, "question", text="Xảy ra lúc mấy giờ?")
    paused = await then.clocks("2026-11-23 12:00", case)
    assert then.due_at(case) is None
    await then.post("2026-11-26 17:00", case, "progress")
    clocks = await then.clocks("2026-11-26 17:00", case)

    assert {paused[name]["state"] for name in ("handover", "outcome")} == {"paused"}
    assert not paused["outcome"]["overdue"]
    assert clocks["handover"]["deadline"] == "2026-11-27T15:00:00+07:00"  # 22 h were left
    assert clocks["outcome"]["deadline"] == "2026-12-17T00:00:00+07:00"  # 3 days: Wed 16 Dec
    assert then.due_at(case) == "2026-11-27 15:00"


async def test_a_transfer_keeps_the_clocks_and_gives_the_other_station_its_own(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station, kind="crime_report", urgency=2)
    target = make_station(engine, id=f"w-{uuid.uuid4().hex[:8]}", province_code="01")

    await then.post("2026-11-23 09:30", case, "acknowledgement")
    answer = await then.post(
        "2026-11-23 10:00", case, "transfer", station_id=target.id, reason="Thuộc địa bàn bạn."
    )
    clocks = {each["clock"]: each for each in answer.json()["clocks"]}

    assert clocks["handover"]["deadline"] == "2026-11-24T09:00:00+07:00"
    assert clocks["outcome"]["deadline"] == "2026-12-15T00:00:00+07:00"
    assert clocks["first_response"]["met"] is True
    assert clocks["takeover"]["deadline"] == "2026-11-23T14:00:00+07:00"
    assert then.due_at(case) == "2026-11-23 14:00"


async def test_handing_it_to_the_desk_stops_that_clock_only(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station, kind="crime_report")
    desk = make_station(engine, id=f"p-{uuid.uuid4().hex[:8]}", kind="province_desk")

    answer = await then.post(
        "2026-11-23 10:00", case, "transfer", station_id=desk.id, reason="Chuyển điều tra."
    )
    clocks = {each["clock"]: each["state"] for each in answer.json()["clocks"]}

    assert clocks["handover"] == "stopped"
    assert clocks["outcome"] == "running"


async def test_a_correction_of_the_urgency_moves_the_deadline(
    then: Then, engine: Engine, station: Station
) -> None:
    case = report(engine, station)

    answer = await then.post(
        "2026-11-23 10:00", case, "correction", urgency=3, reason="Có người bị thương."
    )

    assert answer.json()["clocks"][0]["deadline"] == "2026-11-23T10:15:00+07:00"
    assert then.due_at(case) == "2026-11-23 10:15"


async def test_closing_ends_every_clock(then: Then, engine: Engine, station: Station) -> None:
    case = report(engine, station, kind="crime_report")
    outcome = {"reason_code": "handled", "note": "", "public_text": "Đã xử lý."}

    await then.post("2026-11-23 10:00", case, "acknowledgement")
    with engine.connect() as connection:
        query = "select code from outcome_reasons where step = 'report.resolved' limit 1"
        outcome["reason_code"] = connection.scalar(text(query))
    answer = await then.post("2026-11-23 11:00", case, "resolution", **outcome)

    assert {each["state"] for each in answer.json()["clocks"]} == {"stopped"}
    assert {each["met"] for each in answer.json()["clocks"]} == {True}
    assert then.due_at(case) is None


async def test_a_report_is_due_from_the_moment_it_is_accepted(
    then: Then, unlimited: httpx.AsyncClient, town: Town, engine: Engine
) -> None:
    reports = {uuid7(): report_of(IN_SOUTH, category=name) for name in ("robbery", "noise")}

    for report_id, body in reports.items():
        answer = await unlimited.put(f"/v1/reports/{report_id}", json=body)
        assert answer.status_code == 201
    with engine.connect() as connection:
        query = (
            "select case_id, due_at from reports where station_id = 'w-00001'"
            " order by received_at desc limit 2"
        )
        kept = connection.execute(text(query)).all()
        book = Shelf().book(connection)
        found = {
            each.case.case_id: each.due_at
            for each in read(connection, book, [row.case_id for row in kept])
        }

    assert {row.case_id: row.due_at for row in kept} == found
    assert None not in found.values()


async def test_the_night_finds_what_rules_and_holidays_changed(
    engine: Engine, station: Station
) -> None:
    case = report(engine, station)  # made without its deadline

    with engine.connect() as connection:
        book = Shelf().book(connection)
    first = recompute(engine, book, moment("2026-11-23 10:00"))
    second = recompute(engine, book, moment("2026-11-23 10:00"))

    assert (first >= 1, second) == (True, 0)
    with engine.connect() as connection:
        due = connection.scalar(
            text("select due_at from reports where case_id = :id"), {"id": case.case_id}
        )
    assert due == moment("2026-11-25 09:00")


async def test_a_case_keeps_the_rule_of_its_day(
    then: Then, engine: Engine, station: Station
) -> None:
    case = make_report(engine, station, kind="crime_report", received_at=moment("2017-12-31 12:00"))

    clocks = await then.clocks("2026-11-23 10:00", case)

    assert clocks == {}  # no rule held on that day


async def test_a_rule_is_never_edited(engine: Engine) -> None:
    def refused(statement: str) -> bool:
        try:
            with engine.begin() as connection:
                connection.execute(text(statement))
        except Exception as error:
            return "never edited" in str(error)
        return False

    assert refused("update clock_rules set amount = 30 where clock = 'outcome'")
    assert refused("delete from clock_rules where clock = 'outcome'")
    assert refused("update clock_rules set effective_to = '2030-01-01', amount = 3")
    assert not refused("update clock_rules set effective_to = '2030-01-01' where id like 'x%'")
