"""Groups: registered by their station, joined by a code, and told when a report of theirs moves."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, text

from api.accounts.tables import StaffRole
from api.areas.reown import reown_open_reports
from api.groups.tables import GroupType
from api.groups.types import NAMES
from api.local.client import uuid7
from api.secrets import Keys
from geo.atlas import load_atlas
from notifications import messages
from tests.factories import caller, make_officer, unique
from tests.security.circle import STATION, WARD, Circle, Person, a_circle, a_phone, all_shown
from tests.signing_in import Clock, moving_clock
from tests.town import IN_NORTH, IN_SOUTH, Town, report


@pytest.fixture
async def circle(unlimited_app: FastAPI, engine: Engine) -> Circle:
    """A group of the south ward."""
    return await a_circle(unlimited_app, engine)


@pytest.fixture
def admin(unlimited_app: FastAPI, engine: Engine) -> Person:
    """An admin."""
    return Person(unlimited_app, make_officer(engine, None, role=StaffRole.ADMIN))


@pytest.fixture
def officer(unlimited_app: FastAPI, engine: Engine) -> Person:
    """A duty officer of the south ward."""
    return Person(unlimited_app, make_officer(engine, STATION))


@pytest.fixture
def clock(unlimited_app: FastAPI) -> Iterator[Clock]:
    """Moves the service's time."""
    with moving_clock(unlimited_app) as move:
        yield move


def rows(engine: Engine, query: str, **given: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query), given))


def stored(engine: Engine, keys: Keys, report_id: str) -> Any:
    """The row of a report."""
    query = "select * from reports where id = :id"
    return rows(engine, query, id=keys.store_id(uuid.UUID(report_id)))[0]


def trail(engine: Engine, group_id: str) -> list[tuple[Any, ...]]:
    query = (
        "select action, actor_kind, actor_id is not null from audit_events"
        " where object_kind = 'group' and object_id = :id order by id"
    )
    return [tuple(row) for row in rows(engine, query, id=group_id)]


async def inbox(engine: Engine, person: Person) -> list[dict[str, Any]]:
    await all_shown(engine)
    found = await person.ask("GET", "/v1/inbox")
    items: list[dict[str, Any]] = found.json()["items"]
    return items


async def step(
    officer: Person, engine: Engine, case_id: uuid.UUID, path: str, **body: Any
) -> httpx.Response:
    """A step on a case as it is."""
    [row] = rows(engine, "select version from reports where case_id = :id", id=case_id)
    headers = {"If-Match": f'"{row.version}"'}
    return await officer.ask("POST", f"/v1/cases/{case_id}/{path}", json=body, headers=headers)


async def test_a_chief_registers_a_group_of_their_ward(circle: Circle, engine: Engine) -> None:
    read = await circle.chief.ask("GET", f"/v1/groups/{circle.id}")

    body = read.json()
    assert body | {"created_at": ""} == {
        "id": circle.id, "name": "Tổ tự quản số 5", "type": "to_tu_quan",
        "type_name": "Tổ tự quản về an ninh, trật tự", "ward_code": WARD, "station_id": STATION,
        "leader_office": None, "created_at": "", "disbanded_at": None, "leaders": 0, "members": 0,
    }  # fmt: skip
    assert trail(engine, circle.id) == [("group.created", "staff", True)]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"ward_code": "00002"}, "/ward_code", "ward"),
        ({"ward_code": "99999"}, "/ward_code", "ward"),
        ({"type": "king"}, "/type", "enum"),
        ({"name": ""}, "/name", "string_too_short"),
        ({"name": "x" * 201}, "/name", "string_too_long"),
        ({"leader": "Nguyễn Văn A"}, "", "extra_forbidden"),
    ],
)
async def test_what_cannot_be_a_group_is_explained(
    circle: Circle, body: dict[str, Any], pointer: str, code: str
) -> None:
    good = {"name": "Tổ 6", "type": "to_lien_gia", "ward_code": WARD}

    answer = await circle.chief.ask("POST", "/v1/groups", json=good | body)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


async def test_only_an_admin_moves_a_group_to_another_ward(circle: Circle, admin: Person) -> None:
    path, moving = f"/v1/groups/{circle.id}", {"ward_code": "00002"}

    refused = await circle.chief.ask("PATCH", path, json=moving)
    moved = await admin.ask("PATCH", path, json=moving)

    assert (refused.status_code, moved.json()["station_id"]) == (403, "w-00002")
    assert (await circle.chief.ask("GET", path)).status_code == 404


async def test_changes_are_kept_and_on_the_trail(circle: Circle, engine: Engine) -> None:
    path = f"/v1/groups/{circle.id}"
    change = {"name": "Tổ 7", "type": "luc_luong_co_so", "leader_office": "Tổ trưởng dân phố 7"}

    changed = await circle.chief.ask("PATCH", path, json=change)
    nothing = await circle.chief.ask("PATCH", path, json={})

    assert {name: changed.json()[name] for name in change} == change
    assert nothing.json()["errors"][0]["code"] == "nothing_to_change"
    assert trail(engine, circle.id)[-1] == ("group.changed", "staff", True)


async def test_lists_come_in_pages_by_name(
    circle: Circle, unlimited_app: FastAPI, engine: Engine
) -> None:
    for number in (3, 1, 2):
        body = {"name": f"{number} {unique('')}", "type": "other", "ward_code": WARD}
        await circle.chief.ask("POST", "/v1/groups", json=body)
    names: list[str] = []
    path = "/v1/groups?limit=2"
    while path:
        page = await circle.chief.ask("GET", path)
        names += [each["name"] for each in page.json()["items"]]
        path = page.headers.get("link", "").partition(">")[0].removeprefix("<")

    assert names == sorted(names)
    assert len(names) >= 4
    unknown = await circle.chief.ask("GET", f"/v1/groups?cursor={uuid.uuid4()}")
    assert unknown.json()["errors"][0]["code"] == "cursor"


def test_every_type_has_a_name_in_both_languages() -> None:
    assert NAMES.keys() == set(GroupType)
    assert all(vi and en and vi != en for vi, en in NAMES.values())


async def test_the_types_are_told_in_the_language_asked_for(unlimited: httpx.AsyncClient) -> None:
    answer = (await unlimited.get("/v1/group-types")).json()
    vi = answer["items"]
    en = (await unlimited.get("/v1/group-types", headers={"Accept-Language": "en"})).json()["items"]

    assert [each["code"] for each in vi] == [each["code"] for each in en] == list(GroupType)
    assert vi[0]["name"] != en[0]["name"]
    assert answer.keys() == {"items", "next_cursor"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"role": "leader", "uses": 2}, "leader_uses"),
        ({"role": "member", "uses": 0}, "greater_than_equal"),
        ({"role": "member", "uses": 201}, "less_than_equal"),
        ({"role": "member", "hours_valid": 721}, "less_than_equal"),
        ({"role": "chief"}, "enum"),
    ],
)
async def test_what_cannot_be_an_invitation_is_explained(
    circle: Circle, body: dict[str, Any], code: str
) -> None:
    answer = await circle.chief.ask("POST", f"/v1/groups/{circle.id}/invitations", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


async def test_a_code_is_stored_as_a_hash_only_and_listed_without(
    circle: Circle, engine: Engine
) -> None:
    made = await circle.invitation(uses=3)

    listed = await circle.chief.ask("GET", f"/v1/groups/{circle.id}/invitations")

    [item] = listed.json()["items"]
    assert (item["id"], item["uses_left"], item["handover"]) == (made["id"], 3, False)
    assert made["code"] not in listed.text
    found = str(rows(engine, "select i::text from invitations i"))
    assert made["code"] not in found
    assert made["code"].replace("-", "") not in found


async def test_an_invitation_works_as_often_as_it_says_whoever_comes_at_once(
    circle: Circle, unlimited_app: FastAPI, engine: Engine
) -> None:
    code = (await circle.invitation(uses=3))["code"]
    phones = [await a_phone(unlimited_app) for _ in range(8)]

    answers = await asyncio.gather(*(each.join(code) for each in phones))

    assert sorted(each.status_code for each in answers) == [200] * 3 + [404] * 5
    [row] = rows(engine, "select count(*) as n from memberships where group_id = :id", id=circle.id)
    assert row.n == 3
    assert trail(engine, circle.id)[-3:] == [("group.joined", "reporter", False)] * 3


async def test_joining_twice_is_joining_once(circle: Circle, unlimited_app: FastAPI) -> None:
    code = (await circle.invitation(uses=2))["code"]
    phone = await a_phone(unlimited_app)

    answers = await asyncio.gather(*(phone.join(code) for _ in range(5)))

    assert {each.status_code for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert (await (await a_phone(unlimited_app)).join(code)).status_code == 200
    assert (await (await a_phone(unlimited_app)).join(code)).status_code == 404
    assert (await phone.join(code)).status_code == 200, "an answer may have been lost"


async def test_an_invitation_ends_in_time(
    circle: Circle, unlimited_app: FastAPI, clock: Clock, engine: Engine
) -> None:
    chief = Person(
        unlimited_app,
        make_officer(engine, STATION, role=StaffRole.STATION_CHIEF, now=clock(dt.timedelta())),
    )
    path = f"/v1/groups/{circle.id}/invitations"
    body = {"role": "member", "uses": 9, "hours_valid": 1}
    code = (await chief.ask("POST", path, json=body)).json()["code"]
    early, late = await a_phone(unlimited_app), await a_phone(unlimited_app)

    clock(dt.timedelta(minutes=59))
    in_time = await early.join(code)
    clock(dt.timedelta(minutes=2))

    assert (in_time.status_code, (await late.join(code)).status_code) == (200, 404)
    assert (await early.join(code)).status_code == 200


async def test_a_member_becomes_leader_by_a_leaders_code_and_not_back_by_a_members(
    circle: Circle,
) -> None:
    somebody = await circle.person()

    leading = await somebody.join((await circle.invitation("leader"))["code"])
    back = await circle.invitation("member")
    still = await somebody.join(back["code"])

    assert (leading.json()["role"], still.json()["role"]) == ("leader", "leader")
    listed = await circle.chief.ask("GET", f"/v1/groups/{circle.id}/invitations")
    assert [each["id"] for each in listed.json()["items"]] == [back["id"]], "it was not used up"


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
