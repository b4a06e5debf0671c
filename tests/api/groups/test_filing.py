"""Reports filed as a group: whose they are, which ward has them, and how a reconciliation ends."""

import uuid

from sqlalchemy import Engine

from api.local.client import uuid7
from api.secrets import Keys
from tests.api.groups.traces import inbox, step, stored
from tests.security.circle import STATION, Circle, Person, a_circle
from tests.town import IN_NORTH, IN_SOUTH, report


async def test_a_report_of_an_unknown_place_goes_to_the_groups_ward(
    circle: Circle, engine: Engine, keys: Keys
) -> None:
    member = await circle.person()

    as_group = await member.tell(circle.id, where=None)
    private = await member.tell(where=None)

    assert as_group["routing"]["station"]["id"] == STATION
    assert as_group["routing"]["confidence"] == "unknown"
    row = stored(engine, keys, as_group["id"])
    assert (str(row.group_id), row.routing["rule"], row.flags) == (circle.id, "by-group", [])
    assert private["routing"]["station"]["id"] == "vn"


async def test_a_batch_is_filed_as_the_group_item_by_item(
    circle: Circle, engine: Engine, keys: Keys
) -> None:
    member, other = await circle.person(), await a_circle(circle.app, engine)
    claimed = [circle.id, None, other.id, "tổ 5", circle.id.upper()]
    items = [report(IN_SOUTH, group_id=each) | {"id": str(uuid7())} for each in claimed]

    sent = await member.ask("POST", "/v1/reports/batch", json={"items": items})
    again = await member.ask("POST", "/v1/reports/batch", json={"items": items})

    assert [each["status"] for each in sent.json()["items"]] == [201] * 5
    assert [each["status"] for each in again.json()["items"]] == [200] * 5
    found = [stored(engine, keys, item["id"]) for item in items]
    ours = uuid.UUID(circle.id)
    assert [row.group_id for row in found] == [ours, None, None, None, ours]
    flagged = [row.flags == ["unknown-group"] for row in found]
    assert flagged == [False, False, True, True, False]
    assert await member.sees(circle.id) == {items[0]["id"], items[4]["id"]}


async def test_a_report_that_is_sent_again_is_the_groups_still_after_leaving(
    circle: Circle,
) -> None:
    member = await circle.person()
    report_id, body = str(uuid7()), report(IN_SOUTH, group_id=circle.id)
    first = await member.ask("PUT", f"/v1/reports/{report_id}", json=body)

    await member.ask("DELETE", f"/v1/my/groups/{circle.id}/membership")
    again = await member.ask("PUT", f"/v1/reports/{report_id}", json=body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    own = await member.ask("GET", f"/v1/my/reports/{report_id}")
    assert own.json()["group"] == {"id": circle.id, "name": "Tổ tự quản số 5"}


async def test_a_correction_keeps_to_the_groups_ward(
    circle: Circle, officer: Person, engine: Engine, keys: Keys
) -> None:
    member = await circle.person()
    sent = await member.tell(circle.id)
    case_id = stored(engine, keys, sent["id"]).case_id

    corrected = await step(
        officer, engine, case_id, "correction", place={"source": "unknown"}, reason="Chưa rõ."
    )

    assert corrected.status_code == 200, corrected.text
    row = stored(engine, keys, sent["id"])
    assert (row.station_id, row.routing["rule"]) == (STATION, "by-group")


async def test_a_reconciliation_is_confirmed_by_an_officer(
    circle: Circle, officer: Person, engine: Engine, keys: Keys
) -> None:
    leader = await circle.person("leader")
    sent = await leader.tell(
        circle.id, kind="group_reconciliation", category="reconciliation", text="Đã hòa giải."
    )
    case_id = stored(engine, keys, sent["id"]).case_id
    said = {"note": "Đã gọi hai bên.", "public_text": "Hai bên đã làm lành."}

    early = await step(officer, engine, case_id, "confirmation", **said)
    await step(officer, engine, case_id, "acknowledgement")
    confirmed = await step(officer, engine, case_id, "confirmation", **said)

    assert (early.status_code, early.json()["code"]) == (409, "transition-not-allowed")
    assert confirmed.status_code == 200
    body = confirmed.json()
    assert (body["state"], body["outcomes"][0]["reason_code"]) == ("resolved", "reconciled")
    assert body["group"] == {"id": circle.id, "name": "Tổ tự quản số 5"}
    told = [each["kind"] for each in await inbox(engine, leader)]
    assert told == ["report.received", "report.acknowledged", "report.confirmed"]
    [item] = (await leader.ask("GET", f"/v1/my/groups/{circle.id}/reports")).json()["items"]
    assert item["public_text"] == "Hai bên đã làm lành."


async def test_what_is_no_reconciliation_cannot_be_confirmed(
    circle: Circle, officer: Person, engine: Engine, keys: Keys
) -> None:
    sent = await (await circle.person()).tell(circle.id, where=IN_SOUTH)
    case_id = stored(engine, keys, sent["id"]).case_id
    await step(officer, engine, case_id, "acknowledgement")

    answer = await step(officer, engine, case_id, "confirmation", public_text="Đã hòa giải.")

    assert (answer.status_code, answer.json()["code"]) == (409, "not-a-reconciliation")
    assert stored(engine, keys, sent["id"]).state == "acknowledged"


async def test_the_place_decides_where_there_is_one(circle: Circle) -> None:
    sent = await (await circle.person()).tell(circle.id, where=IN_NORTH)

    assert sent["routing"]["station"]["id"] == "w-00002"
