"""A commander urges, a chief answers, and everybody has an inbox of their own."""

from sqlalchemy import Engine

from api.clocks.book import ClockBook
from api.reports.tables import Report
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.api.overdue.climbing import ENOUGH, climb, reported
from tests.casework import rows
from tests.factories import make_station, unique


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


async def test_the_same_words_again_are_the_same_urging(then: Then, case: Report) -> None:
    first = await then.post("2026-11-23 20:05", case, "urging", "commander", text="Vì sao?")
    again = await then.post("2026-11-23 20:06", case, "urging", "commander", text="Vì sao?")
    told = await then.get("2026-11-23 20:07", "/v1/staff/inbox")
    other = await then.post("2026-11-23 20:08", case, "urging", "commander", text="Bao giờ?")
    answered = await then.post("2026-11-23 20:10", case, "urging/answer", "chief", text="Rồi.")
    after = await then.post("2026-11-23 20:11", case, "urging", "commander", text="Vì sao?")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert [each["kind"] for each in told["items"]] == ["case.urged"]
    assert (other.status_code, after.status_code) == (201, 201)
    assert {each["answer"] for each in answered.json()["urgings"]} == {"Rồi."}


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
