"""What a leader learns of the group's reports, and when one of them moves."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Engine, create_engine, text

from api.accounts.tables import StaffRole
from api.areas.reown import reown_open_reports
from api.secrets import Keys
from geo.atlas import load_atlas
from notifications import messages
from tests.api.groups.traces import inbox, rows, step, stored
from tests.factories import caller, make_officer, unique
from tests.security.circle import STATION, Circle, Person, a_phone
from tests.town import Town


async def test_the_leader_reads_what_became_of_it(
    circle: Circle, officer: Person, engine: Engine, keys: Keys
) -> None:
    leader, member = await circle.person("leader"), await circle.person()
    sent = await member.tell(circle.id)
    case_id = stored(engine, keys, sent["id"]).case_id
    await step(officer, engine, case_id, "acknowledgement")
    outcome = {"reason_code": "warned", "note": "Nội bộ.", "public_text": "Đã nhắc nhở."}

    resolved = await step(officer, engine, case_id, "resolution", **outcome)

    assert resolved.status_code == 200
    [item] = (await leader.ask("GET", f"/v1/my/groups/{circle.id}/reports")).json()["items"]
    assert (leader.own_id(item), item["state"], item["public_text"]) == (
        sent["id"],
        "resolved",
        "Đã nhắc nhở.",
    )
    assert item["register_number"]
    assert item["is_mine"] is False
    [own] = (await member.ask("GET", f"/v1/my/groups/{circle.id}/reports")).json()["items"]
    theirs = {name: own[name] for name in ("id", "received_at")}
    assert own == item | theirs | {"is_mine": True}


async def test_a_leader_is_told_when_a_report_of_the_group_goes_elsewhere(
    circle: Circle, officer: Person, engine: Engine, keys: Keys
) -> None:
    leader, member = await circle.person("leader"), await circle.person()
    retired = await circle.person("leader")
    await retired.ask("DELETE", f"/v1/my/groups/{circle.id}/membership")
    sent, private = await member.tell(circle.id), await member.tell()
    push = {"provider": "fcm", "token": unique("ok-"), "language": "vi"}
    assert (await leader.ask("PUT", "/v1/devices/self/push", json=push)).status_code == 204
    bound = await a_phone(circle.app)
    binding = {"code": sent["receipt"]["code"]}
    await bound.ask("POST", "/v1/receipts/binding", json=binding)
    for each in (sent, private):
        case_id = stored(engine, keys, each["id"]).case_id
        moved = await step(
            officer, engine, case_id, "transfer", station_id="w-00002", reason="Bên kia đường."
        )
        assert moved.status_code == 200, moved.text

    [told] = await inbox(engine, leader)

    assert told["kind"] == "group.report_rerouted"
    [listed] = (await leader.ask("GET", f"/v1/my/groups/{circle.id}/reports")).json()["items"]
    assert told["report_id"] == listed["id"] != sent["id"]
    assert "Tổ tự quản số 5" in told["text"]
    assert await leader.sees(circle.id) == {sent["id"]}
    kinds = [[each["kind"] for each in await inbox(engine, person)] for person in (member, bound)]
    assert kinds[0].count("report.transferred") == 2
    assert not any("group.report_rerouted" in each for each in kinds)
    assert await inbox(engine, retired) == []
    deliveries = rows(
        engine, "select 1 from deliveries where acknowledgement_id = :id", id=told["id"]
    )
    assert len(deliveries) == 1
    assert messages.push_text("group.report_rerouted", "vi") == (
        "TinBáo",
        "Có thông tin mới về tin báo của bạn.",
    )
    async with caller(circle.app) as holder:
        opened = await holder.post("/v1/receipts", json=binding)
        token = opened.json()["token"]
    by_receipt = await inbox(engine, Person(circle.app, token))
    assert "group.report_rerouted" not in [each["kind"] for each in by_receipt]
    history = (await member.ask("GET", f"/v1/my/reports/{sent['id']}")).json()["history"]
    assert "group.report_rerouted" not in [each["kind"] for each in history]


async def test_what_goes_to_oversight_leaves_the_leaders_sight(
    circle: Circle, officer: Person, engine: Engine, keys: Keys
) -> None:
    leader, member = await circle.person("leader"), await circle.person()
    sent = await member.tell(circle.id)
    before = await leader.sees(circle.id)
    case_id = stored(engine, keys, sent["id"]).case_id

    moved = await step(
        officer, engine, case_id, "transfer", station_id="o-01", reason="Về chính chúng tôi."
    )

    assert (before, moved.status_code) == ({sent["id"]}, 200)
    assert await leader.sees(circle.id) == set()
    assert await inbox(engine, leader) == []
    assert await member.sees(circle.id) == {sent["id"]}


async def test_of_complaints_and_of_their_own_reports_no_leader_is_told_as_leader(
    circle: Circle, engine: Engine, keys: Keys
) -> None:
    leader, member = await circle.person("leader"), await circle.person()
    own, complaint = await leader.tell(circle.id), await member.tell(circle.id, about_station=True)
    oversight = Person(circle.app, make_officer(engine, "o-01", role=StaffRole.OVERSIGHT))
    ward = Person(circle.app, make_officer(engine, STATION))
    for officer, sent, to in ((ward, own, "w-00002"), (oversight, complaint, "o-79")):
        case_id = stored(engine, keys, sent["id"]).case_id
        await step(officer, engine, case_id, "transfer", station_id=to, reason="Không thuộc.")

    assert "group.report_rerouted" not in [each["kind"] for each in await inbox(engine, leader)]
    assert "report.transferred" in [each["kind"] for each in await inbox(engine, leader)]


@pytest.fixture
async def worker(engine: Engine) -> AsyncIterator[Engine]:
    """A connection with the worker's rights."""
    made = create_engine(engine.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


async def test_another_edition_keeps_to_the_groups_ward_and_tells_the_leader(
    circle: Circle, engine: Engine, worker: Engine, keys: Keys, town: Town
) -> None:
    leader, member = await circle.person("leader"), await circle.person()
    sent = await member.tell(circle.id, where=None)
    astray = text("update reports set station_id = 'vn', edition_id = null where id = :id")
    with engine.begin() as owner:
        owner.execute(astray, {"id": keys.store_id(uuid.UUID(sent["id"]))})

    with worker.begin() as connection:
        atlas = load_atlas(connection, town.edition_id)
        moves = reown_open_reports(connection, atlas, dt.datetime.now(dt.UTC))

    assert moves["vn", STATION] >= 1
    row = stored(engine, keys, sent["id"])
    assert (row.station_id, row.routing["rule"]) == (STATION, "by-group")
    assert [each["kind"] for each in await inbox(engine, leader)] == ["group.report_rerouted"]
