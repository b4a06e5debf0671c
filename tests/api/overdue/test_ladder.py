"""What is overdue is told step by step, each step once, to whom it concerns."""

import threading
import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from api.clocks import ladder
from api.clocks.book import ClockBook
from api.clocks.history import refresh
from api.clocks.rules import Shelf
from api.reports.tables import Report
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.api.overdue.climbing import ENOUGH, LADDER, MONDAY, climb, reported, told
from tests.casework import rows
from tests.clocks.year import moment
from tests.factories import make_report, make_station, unique


@pytest.mark.parametrize(
    ("when", "steps"),
    [
        ("2026-11-23 13:00", 0),
        ("2026-11-23 13:01", 1),
        ("2026-11-23 14:00", 1),
        ("2026-11-23 14:01", 2),
        ("2026-11-23 17:00", 2),
        ("2026-11-23 17:01", 3),
        ("2027-11-23 17:01", 3),
    ],
)
def test_the_officer_is_told_then_the_chief_then_the_province(
    engine: Engine, worker: Engine, book: ClockBook, case: Report, when: str, steps: int
) -> None:
    climb(worker, book, when)

    assert told(engine, case) == LADDER[:steps]


def test_each_step_is_told_once_however_often_the_worker_starts_again(
    engine: Engine, worker: Engine, case: Report
) -> None:
    for minute in range(0, 60 * 6, 20):
        at = f"2026-11-23 {13 + minute // 60}:{minute % 60:02}:30"
        with engine.connect() as connection:
            fresh = Shelf().book(connection)
        climb(worker, fresh, at)

    assert told(engine, case) == LADDER
    events = "select kind, data ->> 'step' from case_events where case_id = :id and kind like 'cl%'"
    assert rows(engine, events + " order by id", id=case.case_id) == [
        ("clock.overdue", "1"), ("clock.overdue", "2"), ("clock.overdue", "3")
    ]  # fmt: skip
    trail = "select count(*) from audit_events where object_id = :id and action = 'clock.overdue'"
    assert rows(engine, trail, id=str(case.case_id)) == [(3,)]


def test_two_workers_at_once_tell_it_once(
    engine: Engine, worker: Engine, station: Station, book: ClockBook
) -> None:
    cases = [reported(engine, station, book) for _ in range(20)]
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(3):
            climb(worker, book, ENOUGH)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [told(engine, each) for each in cases] == [LADDER] * 20


def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_told(
    engine: Engine, worker: Engine, book: ClockBook, case: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ladder, "wake", die)
        with pytest.raises(KeyboardInterrupt):
            climb(worker, book, ENOUGH)
    between = told(engine, case)
    climb(worker, book, ENOUGH)

    assert between == []
    assert told(engine, case) == LADDER


def test_whose_task_it_is_is_told_and_nobody_else(
    engine: Engine, worker: Engine, book: ClockBook, case: Report
) -> None:
    query = "insert into staff (username, password_hash, totp_secret, recovery_hashes, role,"
    query += " station_id) values (:name, '', '', '{}', 'duty_officer', :station) returning id"
    with engine.begin() as connection:
        staff = connection.scalar(
            text(query), {"name": unique("officer."), "station": case.station_id}
        )
        connection.execute(
            text("update reports set assignee_id = :staff where case_id = :id"),
            {"staff": staff, "id": case.case_id},
        )

    climb(worker, book, "2026-11-23 13:01")

    notices = "select staff_id, role from staff_notices where case_id = :id"
    assert rows(engine, notices, id=case.case_id) == [(staff, None)]


def test_what_is_about_the_police_stays_with_oversight(
    engine: Engine, worker: Engine, book: ClockBook, province: str
) -> None:
    oversight = make_station(engine, id=unique("o-"), kind="oversight", province_code=province)
    case = reported(engine, oversight, book, kind="complaint_about_police", about_station=True)

    climb(worker, book, ENOUGH)

    assert told(engine, case) == [(1, "oversight"), (2, "oversight"), (3, "oversight")]
    assert rows(
        engine, "select province_code from overdue_clocks where case_id = :id", id=case.case_id
    ) == [(None,)]


def test_above_the_national_desk_there_is_only_its_chief(
    engine: Engine, worker: Engine, book: ClockBook
) -> None:
    with engine.connect() as connection:
        desk = connection.execute(text("select id from stations where id = 'vn'")).one()
    made = make_report(engine, desk.id, urgency=2, received_at=moment(MONDAY))
    with engine.begin() as connection:
        refresh(connection, book, [made.case_id], moment(MONDAY))

    climb(worker, book, ENOUGH)

    assert told(engine, made) == [
        (1, "duty_officer"), (2, "station_chief"), (3, "station_chief")
    ]  # fmt: skip


async def test_a_second_clock_of_the_case_has_a_ladder_of_its_own(
    then: Then, engine: Engine, worker: Engine, station: Station, book: ClockBook
) -> None:
    case = reported(engine, station, book, kind="crime_report")

    climb(worker, book, ENOUGH)
    first = told(engine, case)
    climb(worker, book, "2026-11-24 09:01")  # the hand-over was due at 09:00
    second = told(engine, case)

    assert first == LADDER
    assert second == [*LADDER, LADDER[0]]
    overdue = await then.get("2026-11-24 10:00", "/v1/overdue", "commander")
    assert [each["clock"] for each in overdue["items"]] == ["first_response", "handover"]


def test_the_devices_of_who_is_told_are_woken_without_a_word(
    engine: Engine, worker: Engine, book: ClockBook, case: Report
) -> None:
    query = (
        "with made as (insert into staff (username, password_hash, totp_secret, recovery_hashes,"
        " role, station_id) values (:name, '', '', '{}', :role, :station) returning id)"
        " insert into staff_devices (staff_id, recipient) select id, :recipient from made"
    )
    recipients = {role: uuid.uuid4().bytes for role in ("duty_officer", "station_chief")}
    with engine.begin() as connection:
        for role, recipient in recipients.items():
            given = {"name": unique("o."), "role": role, "station": case.station_id}
            connection.execute(text(query), given | {"recipient": recipient})

    climb(worker, book, "2026-11-23 13:01")
    first = rows(
        engine, "select recipient, kind, data from acknowledgements where subject = :id",
        id=case.case_id,
    )  # fmt: skip
    climb(worker, book, "2026-11-23 14:01")
    both = rows(engine, "select recipient from acknowledgements where subject = :id order by seq",
                id=case.case_id)  # fmt: skip

    assert [(bytes(who), kind, data) for who, kind, data in first] == [
        (recipients["duty_officer"], "case.overdue", {})
    ]
    assert [bytes(who) for (who,) in both] == list(recipients.values())
