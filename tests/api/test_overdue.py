"""What is overdue: each step told once, the list of the province, urging and its answer."""

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, text

from api.clocks import ladder
from api.clocks.book import ClockBook
from api.clocks.history import refresh
from api.clocks.rules import Shelf
from api.reports.tables import Report
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.clocks.year import moment
from tests.factories import make_report, make_station, unique
from tests.town import Town

MONDAY = "2026-11-23 09:02"
"""An urgent report is due four hours after 09:00, as officers see it; the chief an hour later."""
ENOUGH = "2026-11-23 20:00"

HALF_A_LETTER = base64.urlsafe_b64encode(
    json.dumps(["2026-11-23T00:00:00+07:00", str(uuid.UUID(int=0)), "\ud800"]).encode()
).decode()
"""A cursor whose clock is a lone surrogate."""


@pytest.fixture
def province(engine: Engine) -> str:
    """A province of this test's own."""
    return unique("P")


@pytest.fixture
def station(engine: Engine, province: str) -> Station:
    """A ward station."""
    return make_station(engine, id=unique("w-"), province_code=province)


@pytest.fixture
def then(app: FastAPI, engine: Engine, station: Station, town: Town) -> Then:
    """The service at any time."""
    return Then(app, engine, station)


@pytest.fixture
def worker(engine: Engine) -> Iterator[Engine]:
    """The worker's engine: its role only."""
    made = create_engine(engine.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


@pytest.fixture
def book(engine: Engine) -> ClockBook:
    """The rules and the calendar as they are shipped."""
    with engine.connect() as connection:
        return Shelf().book(connection)


@pytest.fixture
def case(engine: Engine, station: Station, book: ClockBook) -> Report:
    """An urgent tip."""
    return reported(engine, station, book)


def reported(engine: Engine, station: Station, book: ClockBook, **facts: Any) -> Report:
    given: dict[str, Any] = {"urgency": 2, "received_at": moment(MONDAY)} | facts
    made = make_report(engine, station, **given)
    with engine.begin() as connection:
        refresh(connection, book, [made.case_id], moment(MONDAY))
    return made


def climb(worker: Engine, book: ClockBook, when: str) -> None:
    ladder.climb(worker, book, moment(when), limit=3)


def told(engine: Engine, case: Report) -> list[tuple[Any, ...]]:
    """The notices of a case: step, role."""
    query = text(
        "select step, coalesce(role, 'one person') from staff_notices"
        " where case_id = :id and kind = 'clock.overdue' order by clock, step"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"id": case.case_id})]


def rows(engine: Engine, query: str, **given: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), given)]


LADDER = [(1, "duty_officer"), (2, "station_chief"), (3, "province_commander")]


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


async def test_what_is_taken_up_is_settled(
    then: Then, engine: Engine, worker: Engine, book: ClockBook, case: Report
) -> None:
    climb(worker, book, "2026-11-23 13:01")
    before = await then.get("2026-11-23 13:02", "/v1/overdue", "commander")
    await then.post("2026-11-23 13:10", case, "acknowledgement")
    climb(worker, book, ENOUGH)
    after = await then.get("2026-11-23 20:01", "/v1/overdue", "commander")

    assert [each["case_id"] for each in before["items"]] == [str(case.case_id)]
    assert after["items"] == []
    assert told(engine, case) == LADDER[:1]


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


async def test_another_province_gets_what_is_transferred_there(
    then: Then, engine: Engine, worker: Engine, book: ClockBook, case: Report
) -> None:
    target = make_station(engine, id=unique("w-"), province_code="79")

    climb(worker, book, ENOUGH)
    await then.post(
        "2026-11-23 20:10", case, "transfer", station_id=target.id, reason="Thuộc địa bàn bạn."
    )
    ours = await then.get("2026-11-23 20:11", "/v1/overdue", "commander")
    theirs = await then.get("2026-11-23 20:11", "/v1/overdue", "stranger")

    assert ours["items"] == []
    assert str(case.case_id) in {each["case_id"] for each in theirs["items"]}


async def test_a_commander_reads_numbers_and_no_words(
    then: Then, worker: Engine, book: ClockBook, case: Report
) -> None:
    climb(worker, book, ENOUGH)

    found = await then.get("2026-11-23 20:01", "/v1/overdue", "commander")

    assert set(found["items"][0]) == {
        "case_id", "register_number", "station_id", "station_name", "clock", "name", "due_at",
        "step", "urged_at", "answered_at",
    }  # fmt: skip
    assert found["items"][0]["due_at"] == "2026-11-23T13:00:00+07:00"
    assert found["items"][0]["step"] == 3
    async with then.at("2026-11-23 20:01", "commander") as commander:
        answer = await commander.get(f"/v1/cases/{case.case_id}")
    assert answer.status_code == 403


async def test_the_list_goes_on_page_by_page(
    then: Then, engine: Engine, worker: Engine, station: Station, book: ClockBook
) -> None:
    made = [
        reported(engine, station, book, received_at=moment(f"2026-11-23 09:{minute}"))
        for minute in (10, 20, 20, 30, 40)
    ]
    climb(worker, book, ENOUGH)

    seen, cursor = [], ""
    for _ in range(5):
        page = await then.get("2026-11-23 20:01", f"/v1/overdue?limit=2{cursor}", "commander")
        seen += [each["case_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert len(seen) == 5
    assert set(seen) == {str(each.case_id) for each in made}
    assert (seen[0], seen[-1]) == (str(made[0].case_id), str(made[-1].case_id))


@pytest.mark.parametrize("path", ["/v1/overdue", "/v1/urgings", "/v1/staff/inbox"])
@pytest.mark.parametrize(
    "cursor", ["x", "W10=", "WyJhIl0=", "bnVsbA==", "WzEsMiwzXQ==", HALF_A_LETTER]
)
async def test_a_cursor_of_somewhere_else_is_refused(then: Then, path: str, cursor: str) -> None:
    async with then.at("2026-11-23 10:00", "commander") as commander:
        answer = await commander.get(f"{path}?cursor={cursor}")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/cursor")


async def test_urging_is_asked_told_answered_and_kept(
    then: Then, engine: Engine, worker: Engine, book: ClockBook, case: Report
) -> None:
    climb(worker, book, ENOUGH)
    urged = await then.post(
        "2026-11-23 20:05", case, "urging", "commander", text="Vì sao chưa tiếp nhận?"
    )
    officers = await then.get("2026-11-23 20:06", "/v1/staff/inbox?unread=true")
    seen = await then.get("2026-11-23 20:06", f"/v1/cases/{case.case_id}")
    answered = await then.post(
        "2026-11-23 20:10", case, "urging/answer", "chief", text="Đã phân công."
    )
    commanders = await then.get("2026-11-23 20:11", "/v1/staff/inbox", "commander")
    listed = await then.get("2026-11-23 20:11", "/v1/urgings", "commander")
    overdue = await then.get("2026-11-23 20:11", "/v1/overdue", "commander")
    again = await then.post("2026-11-23 20:12", case, "urging/answer", "chief", text="Lần nữa.")

    assert (urged.status_code, answered.status_code) == (201, 200)
    assert [each["kind"] for each in officers["items"]] == ["case.urged", "clock.overdue"]
    assert seen["urgings"][0]["text"] == "Vì sao chưa tiếp nhận?"
    assert seen["urgings"][0]["answer"] is None
    assert commanders["items"][0]["kind"] == "urging.answered"
    assert listed["items"][0]["answer"] == "Đã phân công."
    assert overdue["items"][0]["urged_at"] == "2026-11-23T20:05:00+07:00"
    assert overdue["items"][0]["answered_at"] == "2026-11-23T20:10:00+07:00"
    assert (again.status_code, again.json()["code"]) == (409, "nothing-to-answer")
    trail = "select action from audit_events where object_id = :id and action like '%urg%'"
    assert rows(engine, trail + " order by id", id=str(case.case_id)) == [
        ("case.urged",), ("report.urging_answered",)
    ]  # fmt: skip


async def test_another_province_s_commander_urges_nobody_here(then: Then, case: Report) -> None:
    answer = await then.post("2026-11-23 20:05", case, "urging", "stranger", text="Vì sao?")

    assert answer.status_code == 404


async def test_an_informed_station_sees_no_urging(
    then: Then, engine: Engine, worker: Engine, station: Station, book: ClockBook
) -> None:
    other = make_station(engine, id=unique("w-"), province_code=station.province_code)
    case = reported(engine, other, book, informed=(station.id,))
    await then.post("2026-11-23 20:05", case, "urging", "commander", text="Vì sao?")

    seen = await then.get("2026-11-23 20:06", f"/v1/cases/{case.case_id}")

    assert (seen["relation"], seen["urgings"]) == ("informed", [])


async def test_what_one_has_read_the_other_has_not(
    then: Then, worker: Engine, book: ClockBook, case: Report
) -> None:
    climb(worker, book, "2026-11-23 13:01")
    inbox = await then.get("2026-11-23 13:02", "/v1/staff/inbox?unread=true")
    ids = [each["id"] for each in inbox["items"]]
    async with then.at("2026-11-23 13:03", "chief") as chief:
        assert (await chief.post("/v1/staff/inbox/read", json={"ids": ids})).status_code == 204
    async with then.at("2026-11-23 13:03") as officer:
        for _ in range(2):
            answer = await officer.post("/v1/staff/inbox/read", json={"ids": ids})
            assert answer.status_code == 204
    mine = await then.get("2026-11-23 13:04", "/v1/staff/inbox?unread=true")
    read = await then.get("2026-11-23 13:04", "/v1/staff/inbox")
    theirs = await then.get("2026-11-23 13:04", "/v1/staff/inbox?unread=true", "colleague")

    assert mine["items"] == []
    assert read["items"][0]["read_at"] == "2026-11-23T13:03:00+07:00"
    assert [each["id"] for each in theirs["items"]] == ids
    assert read["items"][0]["text"].startswith("Case ")
    assert "2026-11-23 13:00" in read["items"][0]["text"]


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
