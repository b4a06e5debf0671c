"""What is overdue in a province, as its commander reads it."""

import base64
import json
import uuid

import pytest
from sqlalchemy import Engine

from api.clocks.book import ClockBook
from api.reports.tables import Report
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.api.overdue.climbing import ENOUGH, LADDER, climb, reported, told
from tests.clocks.year import moment
from tests.factories import make_station, unique

HALF_A_LETTER = base64.urlsafe_b64encode(
    json.dumps(["2026-11-23T00:00:00+07:00", str(uuid.UUID(int=0)), "\ud800"]).encode()
).decode()
"""A cursor whose clock is a lone surrogate."""


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
